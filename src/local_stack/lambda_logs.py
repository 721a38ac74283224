"""What Lambda itself writes into a function's log, in the function's log format.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_stack.lambda_function import DeployedFunction


def platform_error(function: DeployedFunction, request_id: str, payload: Mapping[str, Any]) -> str:
    """How Lambda itself logs a timeout or the end of a runtime, in the function's log format."""
    if not function.logs_as_json:
        return str(payload["errorMessage"])
    status = "timeout" if payload["errorType"] == "Sandbox.Timedout" else "error"
    return _platform_record("platform.report", request_id, status=status, errorType=payload["errorType"])


def _platform_record(kind: str, request_id: str, **fields: object) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": {"requestId": request_id, **fields}})


def with_platform_lines(
    function: DeployedFunction, request_id: str, seconds: float, peak_bytes: int, lines: tuple[str, ...]
) -> tuple[str, ...]:
    """The lines of one invocation between what marks its start and its end, where the function wants that."""
    # With the system's level at WARN, Lambda writes no lines of its own.
    if not function.platform_lines:
        return lines
    milliseconds = round(seconds * 1000, 2)
    peak_mb = peak_bytes // 1048576
    if function.logs_as_json:
        metrics = {"durationMs": milliseconds, "memorySizeMB": function.memory_mb, "maxMemoryUsedMB": peak_mb}
        start = _platform_record("platform.start", request_id, version=function.version)
        return (
            start,
            *lines,
            _platform_record("platform.report", request_id, status="success", metrics=metrics),
        )
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {function.memory_mb} MB\t"
        f"Max Memory Used: {peak_mb} MB"
    )
    start = f"START RequestId: {request_id} Version: {function.version}"
    return (start, *lines, f"END RequestId: {request_id}", report)
