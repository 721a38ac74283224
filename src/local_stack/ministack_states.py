"""What ministack's Step Functions leave out or allow and AWS does not: time limits, ends that stay ends, lost paths."""

from __future__ import annotations

import contextlib
import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.services import lambda_svc, stepfunctions

from local_stack.ministack_resuming import with_resumption

UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")
"""Errors that States.ALL does not match.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


class ExecutionHasEnded(SystemExit):
    """Ends the thread of an execution that was stopped, or ran out of time, in the middle of its work."""


def apply() -> None:
    """Replace functions of ministack's Step Functions. Once a process."""
    stepfunctions._run_execution = _with_time_limit(with_resumption(stepfunctions._run_execution))
    stepfunctions._fail_execution = _only_while_running(stepfunctions._fail_execution)
    stepfunctions._add_event = _no_event_after_the_end(stepfunctions._add_event)
    stepfunctions._call_lambda = _with_metrics(stepfunctions._call_lambda)
    stepfunctions._resolve_params_obj = _with_required_paths(stepfunctions._resolve_params_obj)
    stepfunctions._evaluate_rule = _with_required_variable(stepfunctions._evaluate_rule)
    stepfunctions._execute_wait = _with_required_seconds(stepfunctions._execute_wait)
    stepfunctions._error_matches = _with_uncatchable_errors(stepfunctions._error_matches)


def _with_time_limit(run: Callable[[str], None]) -> Callable[[str], None]:
    """The state machine's own TimeoutSeconds ends the execution as TIMED_OUT."""

    def run_within_limit(exec_arn: str) -> None:
        execution = stepfunctions._executions.get(exec_arn)
        limit = _time_limit_seconds(execution)
        scope = contextvars.copy_context()
        timer = threading.Timer(limit or 0, scope.run, (_time_out, execution))
        timer.daemon = True
        if limit is not None:
            timer.start()
        try:
            with contextlib.suppress(ExecutionHasEnded):
                run(exec_arn)
        finally:
            timer.cancel()

    return run_within_limit


def _time_limit_seconds(execution: Mapping[str, Any] | None) -> float | None:
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
    if machine is None:
        return None
    try:
        limit = json.loads(machine["definition"]).get("TimeoutSeconds")
    except json.JSONDecodeError:
        return None
    if not limit or execution is None:
        return None
    # Counted from the start, also where it goes on in another process. A longer one cannot be waited for by a
    # thread, and is a century away.
    spent = (datetime.now(UTC) - datetime.fromisoformat(execution["startDate"])).total_seconds()
    return min(max(float(limit) - spent, 0.0), threading.TIMEOUT_MAX)


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=stepfunctions.now_iso(), error="States.Timeout")
    details = {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    stepfunctions._add_event(execution, "ExecutionTimedOut", details)
    stepfunctions._emit_execution_status_event(execution)


def _only_while_running(fail: Callable[..., None]) -> Callable[..., None]:
    """A state that fails after the execution was stopped does not turn ABORTED into FAILED."""

    def fail_while_running(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_while_running


def _no_event_after_the_end(add: Callable[..., Any]) -> Callable[..., Any]:
    """Nothing is noted, and nothing begun, for an execution that has ended: no retry of a step goes on after it."""

    def add_while_running(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        if execution["status"] == "RUNNING" or event_type.startswith("Execution"):
            return add(execution, event_type, details)
        if event_type == "TaskScheduled":
            raise ExecutionHasEnded
        return None

    return add_while_running


def _with_metrics(call: Callable[..., Any]) -> Callable[..., Any]:
    """Invocations by a state machine count in AWS/Lambda as those by the API do."""

    def call_and_count(func_ref: str, event: Any) -> Any:
        name = func_ref.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0]
        started = time.monotonic()
        error = True
        try:
            result = call(func_ref, event)
            error = False
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            lambda_svc._emit_lambda_metrics(name, duration_ms=milliseconds, error=error, throttle=False)
        return result

    return call_and_count


def _with_required_paths(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """A path that leads nowhere fails the execution; ministack would give null."""

    def resolve_all(template: Any, data: Any, ctx: Any = None) -> Any:
        for field, path in template.items() if isinstance(template, dict) else ():
            if field.endswith(".$") and isinstance(path, str) and not path.startswith("States."):
                _require(
                    path, data, ctx, f"specified for the field '{field}' could not be found in the input"
                )
        return resolve(template, data, ctx)

    return resolve_all


def _with_required_variable(evaluate: Callable[..., bool]) -> Callable[..., bool]:
    def evaluate_rule(rule: dict[str, Any], data: Any, ctx: Any = None) -> bool:
        variable = rule.get("Variable")
        if variable and "IsPresent" not in rule:
            _require(variable, data, ctx, "of the choice state's condition references an invalid value")
        return evaluate(rule, data, ctx)

    return evaluate_rule


def _with_required_seconds(wait: Callable[..., Any]) -> Callable[..., Any]:
    def execute_wait(state_def: dict[str, Any], raw_input: Any, ctx: Any = None) -> Any:
        for field in ("SecondsPath", "TimestampPath"):
            if field in state_def:
                _require(
                    state_def[field], raw_input, ctx, f"specified for {field} could not be found in the input"
                )
        return wait(state_def, raw_input, ctx)

    return execute_wait


def _with_uncatchable_errors(matches: Callable[..., bool]) -> Callable[..., bool]:
    def error_matches(error_equals: list[str], error: str) -> bool:
        return error in error_equals if error in UNCATCHABLE else matches(error_equals, error)

    return error_matches


def _require(path: str, data: Any, ctx: Any, complaint: str) -> None:
    if path.startswith("$$."):
        if ctx is None:
            return
        path, data = path[1:], ctx
    if not _leads_somewhere(path, data):
        raise stepfunctions._ExecutionError("States.Runtime", f"The JSONPath '{path}' {complaint}")


def _leads_somewhere(path: str, data: Any) -> bool:
    """Whether a path of names and indexes resolves; a wildcard always does, if only to an empty list."""
    if path == "$":
        return True
    tokens = stepfunctions._parse_jsonpath_tokens(path)
    for kind, value in tokens or ():
        if kind == "wildcard":
            return True
        if isinstance(data, dict) if kind == "field" else isinstance(data, list) and value < len(data):
            if kind == "field" and value not in data:
                return False
            data = data[value]
        else:
            return False
    return tokens is not None
