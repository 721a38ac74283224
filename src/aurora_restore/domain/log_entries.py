"""What the pipeline's functions, and Lambda about them, write into their logs: JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aurora_restore.domain.times import format_time

_PROBLEM_LEVELS = frozenset({"WARNING", "ERROR", "CRITICAL"})
_PLATFORM_REPORT = "platform.report"
_SUCCESS, _TIMEOUT = "success", "timeout"
# These have attributes of their own, or are the same in each line of a function.
_NOT_OTHER_FIELDS = frozenset(
    # `_aws` says what of the line is a metric.
    {
        "level",
        "message",
        "operation_id",
        "function_request_id",
        "function_name",
        "timestamp",
        "service",
        "_aws",
    }
)


@dataclass(frozen=True)
class LogEntry:
    """One line of a function's log.

    `request_id` is that of the function's invocation; `fields` holds what else was logged. Of a line that is not
    JSON, `message` is the whole line.
    """

    time: datetime
    function: str
    level: str
    message: str
    operation_id: str = ""
    request_id: str = ""
    is_platform_report: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_problem(self) -> bool:
        return self.level in _PROBLEM_LEVELS

    def to_item(self) -> dict[str, Any]:
        """The entry as JSON shows it."""
        return {
            "time": format_time(self.time),
            "function": self.function,
            "level": self.level,
            "message": self.message,
            **self.fields,
        }


def read_log_entry(time: datetime, function: str, line: str) -> LogEntry:
    """Read one line: an entry of ours, or a report of Lambda about an invocation.

    Source of the latter: Lambda developer guide, "Lambda Telemetry API Event schema reference", `platform.report`; its
    `status` is `success`, `failure`, `error` or `timeout`.
    """
    try:
        values = json.loads(line)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return LogEntry(time, function, "", line.rstrip("\n"))
    if str(values.get("type", "")).startswith("platform."):
        record = values.get("record")
        record = record if isinstance(record, dict) else {}
        status = str(record.get("status", _SUCCESS))
        return LogEntry(
            time,
            function,
            level="INFO" if status == _SUCCESS else "ERROR",
            message=f"Lambda: the invocation ended with the status {status}.",
            request_id=str(record.get("requestId", "")),
            is_platform_report=values["type"] == _PLATFORM_REPORT,
            fields={"status": status} | ({"metrics": record["metrics"]} if "metrics" in record else {}),
        )
    return LogEntry(
        time,
        function,
        level=str(values.get("level", "")),
        message=str(values.get("message", "")),
        operation_id=str(values.get("operation_id", "")),
        request_id=str(values.get("function_request_id", "")),
        fields={name: value for name, value in values.items() if name not in _NOT_OTHER_FIELDS},
    )


def entries_of_operation(
    entries: list[LogEntry], reports: list[LogEntry], operation_id: str
) -> list[LogEntry]:
    """What was logged about one operation, oldest first; of Lambda's reports those about a problem.

    A function that ran out of time or memory could not log its end itself: only Lambda's report shows it. Where the
    function has logged the problem of an invocation, the report would say the same again.
    """
    own = [entry for entry in entries if entry.operation_id == operation_id]
    invocations = {entry.request_id for entry in own}
    logged = {entry.request_id for entry in own if entry.is_problem}
    problems = [
        report
        for report in reports
        if report.is_platform_report
        and report.is_problem
        and report.request_id in invocations
        and (report.fields["status"] == _TIMEOUT or report.request_id not in logged)
    ]
    return sorted([*own, *problems], key=lambda entry: entry.time)
