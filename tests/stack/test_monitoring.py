"""What operators look at, on the local stack as on AWS: queries of logs, saved ones, and metrics that lie in logs."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until

from aurora_restore.deployment.log_queries import FOLDER, QUERIES


@pytest.fixture(scope="module")
def log_group(empty_boto: Clients) -> Iterator[str]:
    """Events of two functions, one of them with metrics."""
    logs, name = empty_boto("logs"), f"/tests/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    now = int(time.time() * 1000)
    metric = {"Namespace": "Tests", "Dimensions": [["Phase"]], "Metrics": [{"Name": "PhaseMinutes"}]}
    lines: list[dict[str, Any]] = [
        {"level": "ERROR", "function_name": "copy", "message": "it failed"},
        {"level": "INFO", "function_name": "copy", "message": "Operation completed in 1.250 seconds"},
        {"level": "INFO", "function_name": "notify", "message": "Operation completed in 0.500 seconds"},
        {
            "level": "INFO",
            "message": "measured",
            "_aws": {"Timestamp": now, "CloudWatchMetrics": [metric]},
            "Phase": f"Copy-{name[-8:]}",
            "PhaseMinutes": 12.5,
        },
    ]
    events = [{"timestamp": now + number, "message": json.dumps(line)} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=events)
    yield name
    logs.delete_log_group(logGroupName=name)


def begin(logs: Any, log_group: str, query: str) -> str:
    now = int(time.time())
    return str(
        logs.start_query(logGroupName=log_group, startTime=now - 600, endTime=now + 60, queryString=query)[
            "queryId"
        ]
    )


def results(logs: Any, query_id: str) -> list[dict[str, str]]:
    def ended() -> Any:
        found = logs.get_query_results(queryId=query_id)
        return found if found["status"] == "Complete" else None

    return [
        {each["field"]: each["value"] for each in row} for row in poll_until(ended, "the query")["results"]
    ]


def test_a_query_still_runs_when_it_is_looked_at_first(empty_boto: Clients, log_group: str) -> None:
    logs = empty_boto("logs")
    query_id = begin(logs, log_group, 'filter level = "ERROR" | stats count(*) as n by function_name')

    first = logs.get_query_results(queryId=query_id)
    assert (first["status"], first["results"]) == ("Running", [])
    assert results(logs, query_id) == [{"function_name": "copy", "n": "1"}]
    with pytest.raises(ClientError, match="not running"):
        logs.stop_query(queryId=query_id)


def test_the_guides_query_of_durations_is_answered(empty_boto: Clients, log_group: str) -> None:
    logs = empty_boto("logs")
    rows = results(logs, begin(logs, log_group, QUERIES["Operation Duration Analysis"]))

    assert sorted(rows, key=lambda row: row["function_name"]) == [
        {"function_name": name, **dict.fromkeys(("avg(duration)", "max(duration)", "min(duration)"), text)}
        for name, text in (("copy", "1.25"), ("notify", "0.5"))
    ]


def test_a_row_leads_to_its_event(empty_boto: Clients, log_group: str) -> None:
    logs = empty_boto("logs")
    (row,) = results(
        logs, begin(logs, log_group, 'filter message = "it failed" | display @timestamp, message')
    )

    assert row.keys() == {"@timestamp", "message", "@ptr"}
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert json.loads(record["@message"])["message"] == "it failed"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("stats mode(duration)", "MalformedQueryException"),
        ("filter level like", "MalformedQueryException"),
        ("unknown x", "MalformedQueryException"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    empty_boto: Clients, log_group: str, query: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        begin(empty_boto("logs"), log_group, query)
    assert refused.value.response["Error"]["Code"] == code


def test_a_log_group_that_does_not_exist_is_named(empty_boto: Clients) -> None:
    with pytest.raises(ClientError) as refused:
        begin(empty_boto("logs"), "/tests/none", "fields @message")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_metrics_in_a_log_are_metrics(empty_boto: Clients, log_group: str) -> None:
    now = time.time()
    found = empty_boto("cloudwatch").get_metric_statistics(
        Namespace="Tests",
        MetricName="PhaseMinutes",
        Dimensions=[{"Name": "Phase", "Value": f"Copy-{log_group[-8:]}"}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=3600,
        Statistics=["Maximum", "SampleCount"],
    )
    assert [(point["Maximum"], point["SampleCount"]) for point in found["Datapoints"]] == [(12.5, 1.0)]


def test_a_saved_query_is_changed_and_deleted_under_its_id(empty_boto: Clients) -> None:
    logs = empty_boto("logs")
    definition_id = logs.put_query_definition(name="tests/mine", queryString="fields @message")[
        "queryDefinitionId"
    ]
    logs.put_query_definition(
        queryDefinitionId=definition_id,
        name="tests/mine",
        queryString="fields @timestamp",
        logGroupNames=["/a"],
    )

    (saved,) = logs.describe_query_definitions(queryDefinitionNamePrefix="tests/")["queryDefinitions"]
    assert (saved["queryDefinitionId"], saved["queryString"]) == (definition_id, "fields @timestamp")
    assert saved["logGroupNames"] == ["/a"]
    logs.delete_query_definition(queryDefinitionId=definition_id)
    assert logs.describe_query_definitions(queryDefinitionNamePrefix="tests/")["queryDefinitions"] == []
    changes: tuple[Callable[[], object], ...] = (
        lambda: logs.delete_query_definition(queryDefinitionId=definition_id),
        lambda: logs.put_query_definition(queryDefinitionId=definition_id, name="x", queryString="fields x"),
    )
    for change in changes:
        with pytest.raises(ClientError) as refused:
            change()
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_stack_saves_its_queries_over_the_logs_of_its_functions(boto: Clients) -> None:
    saved = boto("logs").describe_query_definitions(queryDefinitionNamePrefix=FOLDER)["queryDefinitions"]
    functions = boto("lambda").list_functions()["Functions"]

    assert {each["name"].removeprefix(FOLDER): each["queryString"] for each in saved} == QUERIES
    for each in saved:
        assert set(each["logGroupNames"]) == {f"/aws/lambda/{found['FunctionName']}" for found in functions}
