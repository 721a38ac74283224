"""CloudWatch Logs Insights: queries with everything that `insights` can read, and saved ones, which ministack lacks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import cloudwatch_logs
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from local_stack.insights import LogEvent, MalformedQuery, read_query, run
from local_stack.ministack_hooks import Replacements

KEPT_QUERIES = 200
MAX_DEFINITIONS = 1000
"""Both what a Region has at most and what one page of DescribeQueryDefinitions may be asked for."""
RESOURCE = "AWS::Logs::QueryDefinition"

# Beside the queries that run: that is what ministack keeps through a restart.
_DEFINITION = "definition:"
Response = Any
Data = Mapping[str, Any]

_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's CloudWatch Logs, and add a type of resource. Once a process."""
    _RESOURCE_HANDLERS[RESOURCE] = {"create": _create, "update": _update, "delete": _remove}
    _replacements.apply()


@_replacements.of(cloudwatch_logs, "_start_query")
def _start_query(_original: Callable[..., Response], data: Data) -> Response:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html"""
    groups = cloudwatch_logs._resolve_query_log_groups(data)
    if not groups:
        return _refused("InvalidParameterException", "A log group has to be named.")
    for name in groups:
        if name not in cloudwatch_logs._log_groups:
            return _refused(
                "ResourceNotFoundException",
                f"Log group '{name}' does not exist for account ID '{_account()}'",
            )
    begin, end = int(data.get("startTime", 0)), int(data.get("endTime", 0))
    if begin > end:
        return _refused(
            "InvalidParameterException", "Query's end date and time is either before the log groups"
        )
    try:
        query = read_query(str(data.get("queryString", "")))
    except MalformedQuery as malformed:
        return _refused("MalformedQueryException", f"{malformed} ([1,{malformed.at + 1}])")
    found = cloudwatch_logs._collect_query_records(groups, begin, end)
    outcome = run(query, map(_event, found), time.time(), data.get("limit"))
    query_id = str(uuid.uuid4())
    cloudwatch_logs._queries[query_id] = {
        "queryId": query_id,
        "logGroupNames": groups,
        "startTime": begin,
        "endTime": end,
        "queryString": data.get("queryString", ""),
        "status": "Running",
        "results": [[{"field": name, "value": text} for name, text in row] for row in outcome.rows],
        "statistics": {
            "recordsMatched": float(outcome.matched),
            "recordsScanned": float(outcome.scanned),
            "bytesScanned": float(outcome.bytes_scanned),
        },
    }
    _forget_old_queries()
    return json_response({"queryId": query_id})


@_replacements.of(cloudwatch_logs, "_get_query_results")
def _get_query_results(original: Callable[..., Response], data: Data) -> Response:
    query = cloudwatch_logs._queries.get(str(data.get("queryId")))
    if query is not None and query["status"] == "Running":
        # It has ended for the next look: a client that does not wait for the end finds nothing, as on AWS.
        query["status"] = "Complete"
        return json_response({"status": "Running", "results": [], "statistics": query["statistics"]})
    return original(data)


@_replacements.of(cloudwatch_logs, "_stop_query")
def _stop_query(original: Callable[..., Response], data: Data) -> Response:
    query = cloudwatch_logs._queries.get(str(data.get("queryId")))
    if query is None or query["status"] != "Running":
        return _refused("InvalidParameterException", "The specified query is not running.")
    return original(data)


@_replacements.of(cloudwatch_logs, "handle_request")
async def _with_saved_queries(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Data,
    body: bytes,
    query: Any,
) -> Response:
    action = str(headers.get("x-amz-target", "")).rpartition(".")[2]
    saved = {
        "PutQueryDefinition": _put_definition,
        "DescribeQueryDefinitions": _describe_definitions,
        "DeleteQueryDefinition": _delete_definition,
    }.get(action)
    if saved is None:
        return await original(method, path, headers, body, query)
    return saved(json.loads(body or b"{}"))


def _put_definition(data: Data) -> Response:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html"""
    given = data.get("queryDefinitionId")
    if given and _DEFINITION + given not in cloudwatch_logs._queries:
        return _refused("ResourceNotFoundException", f"The query definition {given} does not exist.")
    if not data.get("name") or not data.get("queryString"):
        return _refused("InvalidParameterException", "A name and a query are needed.")
    if not given and len(_definitions()) >= MAX_DEFINITIONS:
        return _refused("LimitExceededException", "Resource limit exceeded.")
    definition_id = given or str(uuid.uuid4())
    cloudwatch_logs._queries[_DEFINITION + definition_id] = {
        "queryDefinitionId": definition_id,
        "name": data["name"],
        "queryString": data["queryString"],
        "lastModified": int(time.time() * 1000),
        "logGroupNames": list(data.get("logGroupNames") or []),
        "queryLanguage": data.get("queryLanguage", "CWLI"),
    }
    return json_response({"queryDefinitionId": definition_id})


def _describe_definitions(data: Data) -> Response:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueryDefinitions.html"""
    prefix, token = str(data.get("queryDefinitionNamePrefix", "")), str(data.get("nextToken", ""))
    most = min(int(data.get("maxResults") or MAX_DEFINITIONS), MAX_DEFINITIONS)
    found = sorted(
        (each for each in _definitions() if each["name"].startswith(prefix)),
        key=lambda each: (each["name"], each["queryDefinitionId"]),
    )
    start = int(token) if token.isdecimal() else 0
    page: dict[str, Any] = {"queryDefinitions": found[start : start + most]}
    if start + most < len(found):
        page["nextToken"] = str(start + most)
    return json_response(page)


def _delete_definition(data: Data) -> Response:
    definition_id = str(data.get("queryDefinitionId"))
    if cloudwatch_logs._queries.pop(_DEFINITION + definition_id, None) is None:
        return _refused("ResourceNotFoundException", f"The query definition {definition_id} does not exist.")
    return json_response({"success": True})


def _definitions() -> list[dict[str, Any]]:
    return [value for key, value in cloudwatch_logs._queries.items() if key.startswith(_DEFINITION)]


def _forget_old_queries() -> None:
    """AWS keeps results for seven days; here a number of them is kept, so that the state does not grow."""
    ran = [key for key in cloudwatch_logs._queries if not key.startswith(_DEFINITION)]
    for key in ran[:-KEPT_QUERIES]:
        del cloudwatch_logs._queries[key]


def _create(_logical_id: str, properties: Data, _stack_name: str) -> tuple[str, dict[str, Any]]:
    definition_id = _accepted(_put_definition(_as_request(properties)))["queryDefinitionId"]
    return definition_id, {"QueryDefinitionId": definition_id}


def _update(
    physical_id: str, _old: Data, new: Data, *_rest: Any, **_named: Any
) -> tuple[str, dict[str, Any]]:
    _accepted(_put_definition({**_as_request(new), "queryDefinitionId": physical_id}))
    return physical_id, {"QueryDefinitionId": physical_id}


def _remove(physical_id: str, _properties: Data) -> None:
    # One that was deleted by hand is gone already.
    cloudwatch_logs._queries.pop(_DEFINITION + physical_id, None)


def _as_request(properties: Data) -> dict[str, Any]:
    return {
        "name": properties.get("Name"),
        "queryString": properties.get("QueryString"),
        "logGroupNames": properties.get("LogGroupNames"),
    }


def _accepted(response: Response) -> dict[str, Any]:
    status, _, body = response
    if status >= 400:
        raise ValueError(f"{RESOURCE}: {body.decode(errors='replace')}")
    answer: dict[str, Any] = json.loads(body)
    return answer


def _event(record: Data) -> LogEvent:
    time_ms = int(record["_timestamp_ms"])
    return LogEvent(
        time=time_ms,
        message=record["@message"],
        log=f"{_account()}:{record['@log']}",
        log_stream=record["@logStream"],
        ptr=record["@ptr"],
        # What is written here is there at once.
        ingestion_time=time_ms,
    )


def _account() -> str:
    return str(get_account_id())


def _refused(code: str, message: str) -> Response:
    return error_response_json(code, message, 400)
