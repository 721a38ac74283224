"""Exports of DynamoDB tables, which ministack only notes: here their files are written into S3, in AWS's layout.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html. There is no history of a
table here, so an export is of the moment in which it is asked for; one of an earlier moment is refused.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, json_response
from ministack.services import dynamodb, s3

from local_stack.ministack_hooks import Replacements

EXPORT_SECONDS = 1.0
"""How long an export takes here. On AWS it takes minutes, whatever the size of the table."""

PARTITIONS = 4
"""Files of an export: one a partition, and a table on demand begins with four. Some of them can hold no item."""

MAX_CONCURRENT = 300
SUMMARY, FILES = "manifest-summary.json", "manifest-files.json"
_ENCRYPTION = {"AES256": "AES256", "KMS": "aws:kms"}
_TOKEN_SECONDS = 8 * 3600.0
# Not shown to clients: the table as it was, and the request, to know a repeated one.
_ITEMS, _REQUEST = "_items", "_request"

Answer = tuple[int, Any, bytes]

_replacements = Replacements()
_writing = threading.Lock()


def apply() -> None:
    """Replace the exports of ministack's DynamoDB. Once a process."""
    _replacements.apply()


@_replacements.of(dynamodb, "_export_table_to_point_in_time")
def _begin(ask: Callable[[dict[str, Any]], Answer], data: dict[str, Any]) -> Answer:
    repeated = _with_the_same_token(data)
    if repeated:
        return _begun_before(repeated, data)
    refusal = _refusal(data)
    if refusal:
        return _answer(error_response_json(*refusal, 400))
    known = set(dynamodb._exports)
    answer = ask(data)
    for arn in set(dynamodb._exports) - known:
        description = dynamodb._exports[arn]
        description["ExportTime"] = description["StartTime"]
        description[_REQUEST] = dict(data)
        table = dynamodb._tables[dynamodb._table_name_from_arn(description["TableArn"])]
        description[_ITEMS] = [
            dict(item) for partition in list(table["items"].values()) for item in list(partition.values())
        ]
        spawn_background(_complete_later, arn, thread_name="dynamodb-export")
        return _answer(json_response({"ExportDescription": _shown(description)}))
    return answer


@_replacements.of(dynamodb, "_describe_export")
def _describe(ask: Callable[[dict[str, Any]], Answer], data: dict[str, Any]) -> Answer:
    description = dynamodb._exports.get(data.get("ExportArn"))
    if not description:
        return ask(data)
    # Here too, since its thread ends with the process.
    _complete_if_due(description)
    return _answer(json_response({"ExportDescription": _shown(description)}))


@_replacements.of(dynamodb, "_list_exports")
def _list(ask: Callable[[dict[str, Any]], Answer], data: dict[str, Any]) -> Answer:
    for description in list(dynamodb._exports.values()):
        _complete_if_due(description)
    return ask(data)


def _with_the_same_token(data: Mapping[str, Any]) -> dict[str, Any] | None:
    token = data.get("ClientToken")
    for description in dynamodb._exports.values() if token else ():
        is_valid = time.time() - description["StartTime"] < _TOKEN_SECONDS
        if description.get("ClientToken") == token and is_valid:
            found: dict[str, Any] = description
            return found
    return None


def _begun_before(description: dict[str, Any], data: Mapping[str, Any]) -> Answer:
    if description.get(_REQUEST) == data:
        return _answer(json_response({"ExportDescription": _shown(description)}))
    message = "The client token was used for an export with other parameters"
    return _answer(error_response_json("ExportConflictException", message, 400))


def _refusal(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """The code and the message of the error with which an export is refused; None where ministack decides."""
    table_name = dynamodb._table_name_from_arn(data.get("TableArn"))
    table = dynamodb._tables.get(table_name)
    if not table:
        return None
    if not dynamodb._pitr_settings.get(table_name, False):
        message = f"Point in time recovery is not enabled for table '{table_name}'"
        return "PointInTimeRecoveryUnavailableException", message
    if data.get("ExportType", "FULL_EXPORT") != "FULL_EXPORT" or data.get("FilterSpecification"):
        return "ValidationException", "The local DynamoDB makes full exports only, without a filter."
    if data.get("ExportFormat", "DYNAMODB_JSON") == "ION":
        return "ValidationException", "The local DynamoDB writes DYNAMODB_JSON only."
    if data.get("S3SseAlgorithm", "AES256") not in _ENCRYPTION:
        return "ValidationException", f"Invalid S3SseAlgorithm: {data['S3SseAlgorithm']}"
    running = [each for each in dynamodb._exports.values() if each["ExportStatus"] == "IN_PROGRESS"]
    if len(running) >= MAX_CONCURRENT:
        return "LimitExceededException", f"Subscriber limit exceeded: {MAX_CONCURRENT} concurrent exports"
    return _refusal_of_time(data.get("ExportTime"), float(table["CreationDateTime"]))


def _refusal_of_time(export_time: float | None, created: float) -> tuple[str, str] | None:
    if export_time is None:
        return None
    if not created <= export_time <= time.time():
        message = "The specified ExportTime is outside of the point in time recovery window"
        return "InvalidExportTimeException", message
    return (
        "ValidationException",
        "The local DynamoDB keeps no earlier state of a table: leave ExportTime out.",
    )


def _answer(answer: Any) -> Answer:
    """What ministack makes is not typed."""
    typed: Answer = answer
    return typed


def _shown(description: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in description.items() if not name.startswith("_")}


def _complete_later(arn: str) -> None:
    time.sleep(EXPORT_SECONDS)
    description = dynamodb._exports.get(arn)
    if description:
        _complete_if_due(description)


def _complete_if_due(description: dict[str, Any]) -> None:
    """Write the files of an export whose time is over, once."""
    with _writing:
        is_due = time.time() - description["StartTime"] >= EXPORT_SECONDS
        if description["ExportStatus"] != "IN_PROGRESS" or not is_due:
            return
        items = description.pop(_ITEMS, [])
        ended: dict[str, Any] = {"EndTime": time.time()}
        failure = _write_files({**description, **ended}, items)
        if failure:
            ended |= {"ExportStatus": "FAILED", "FailureCode": failure[0], "FailureMessage": failure[1]}
        else:
            ended |= {
                "ExportStatus": "COMPLETED",
                "ExportManifest": f"{_folder(description)}/{SUMMARY}",
                "ItemCount": len(items),
                "BilledSizeBytes": sum(len(json.dumps(item)) for item in items),
            }
        description.update(ended)


def _write_files(description: Mapping[str, Any], items: Iterable[Any]) -> tuple[str, str] | None:
    """Write `_started`, the data and then the manifests. The code and message of the failure; None without one."""
    folder = _folder(description)
    files: list[tuple[str, bytes]] = [("_started", b"")]
    partitions: list[list[Any]] = [[] for _ in range(PARTITIONS)]
    for item in items:
        number = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest()[0]
        partitions[number % PARTITIONS].append(item)
    listed: list[dict[str, Any]] = []
    for number, held in enumerate(partitions):
        lines = "".join(json.dumps({"Item": item}) + "\n" for item in held)
        content = gzip.compress(lines.encode(), mtime=0)
        name = hashlib.sha256(f"{description['ExportArn']}#{number}".encode()).hexdigest()[:26]
        files.append((f"data/{name}.json.gz", content))
        listed.append({
            "itemCount": len(held),
            "md5Checksum": _md5(content),
            "etag": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "dataFileS3Key": f"{folder}/data/{name}.json.gz",
        })  # fmt: skip
    manifest = "".join(json.dumps(entry) + "\n" for entry in listed).encode()
    summary = json.dumps(_summary(description, sum(entry["itemCount"] for entry in listed))).encode()
    for name, content in ((FILES, manifest), (SUMMARY, summary)):
        files += [(name, content), (name.replace(".json", ".checksum"), _md5(content).encode())]
    for name, content in files:
        status, _headers, answer = _put(description, f"{folder}/{name}", content)
        if status >= 400:
            return _failure(answer)
    return None


def _put(description: Mapping[str, Any], key: str, content: bytes) -> Answer:
    headers = {}
    if description.get("S3SseAlgorithm"):
        headers["x-amz-server-side-encryption"] = _ENCRYPTION[description["S3SseAlgorithm"]]
    if description.get("S3SseKmsKeyId"):
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = description["S3SseKmsKeyId"]
    answer: Answer = s3._put_object(description["S3Bucket"], key, content, headers)
    return answer


def _failure(answer: bytes) -> tuple[str, str]:
    if b"NoSuchBucket" in answer:
        return "S3NoSuchBucket", "The specified bucket does not exist"
    return "S3Failure", answer.decode(errors="replace")


def _folder(description: Mapping[str, Any]) -> str:
    prefix = str(description.get("S3Prefix") or "").rstrip("/")
    export_id = str(description["ExportArn"]).rpartition("/")[2]
    return "/".join(filter(None, (prefix, "AWSDynamoDB", export_id)))


def _summary(description: Mapping[str, Any], item_count: int) -> dict[str, Any]:
    return {
        "version": "2020-06-30",
        "exportArn": description["ExportArn"],
        "startTime": _iso(description["StartTime"]),
        "endTime": _iso(description["EndTime"]),
        "tableArn": description["TableArn"],
        "tableId": description["TableId"],
        "exportTime": _iso(description["ExportTime"]),
        "s3Bucket": description["S3Bucket"],
        "s3Prefix": description.get("S3Prefix"),
        "s3SseAlgorithm": description.get("S3SseAlgorithm", "AES256"),
        "s3SseKmsKeyId": description.get("S3SseKmsKeyId"),
        "manifestFilesS3Key": f"{_folder(description)}/{FILES}",
        "billedSizeBytes": 0,
        "itemCount": item_count,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
