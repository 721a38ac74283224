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

from local_stack.ministack_hooks import Replacements
from local_stack.ministack_permissions import refusal_of_role
from local_stack.ministack_resuming import run_or_go_on
from local_stack.permissions.check import Check

UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")
"""Errors that States.ALL does not match.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


_replacements = Replacements()
# The role that an execution acts in, and its ARN; the threads of its tasks have it from the one that it runs in.
_role_of_execution: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar(
    "role_of_execution", default=None
)


class ExecutionHasEnded(SystemExit):
    """Ends the thread of an execution that was stopped, or ran out of time, in the middle of its work."""


def apply() -> None:
    """Replace functions of ministack's Step Functions. Once a process."""
    _replacements.apply()


@_replacements.of(stepfunctions, "_run_execution")
def _run_within_limit(run: Callable[[str], None], exec_arn: str) -> None:
    """The state machine's own TimeoutSeconds ends the execution as TIMED_OUT. It acts in the machine's role."""
    execution = stepfunctions._executions.get(exec_arn)
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
    _role_of_execution.set((str(machine["roleArn"]), exec_arn) if machine else None)

    def time_out() -> None:
        # The timer can fire while the execution ends by itself.
        if execution["status"] != "RUNNING":
            return
        execution.update(status="TIMED_OUT", stopDate=stepfunctions.now_iso(), error="States.Timeout")
        details = {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
        stepfunctions._add_event(execution, "ExecutionTimedOut", details)
        stepfunctions._emit_execution_status_event(execution)

    limit = _time_limit_seconds(execution)
    # ministack finds account and Region in the context, which a new thread does not have.
    timer = threading.Timer(limit or 0, contextvars.copy_context().run, (time_out,))
    timer.daemon = True
    if limit is not None:
        timer.start()
    try:
        with contextlib.suppress(ExecutionHasEnded):
            run_or_go_on(run, exec_arn)
    finally:
        timer.cancel()


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
    # Counted from the start, also where it goes on in another process. A thread cannot wait longer than
    # TIMEOUT_MAX, which is a century away.
    spent = (datetime.now(UTC) - datetime.fromisoformat(execution["startDate"])).total_seconds()
    return min(max(float(limit) - spent, 0.0), threading.TIMEOUT_MAX)


@_replacements.of(stepfunctions, "_fail_execution")
def _fail_while_running(fail: Callable[..., None], execution: dict[str, Any], error: str, cause: str) -> None:
    """A state that fails after the execution was stopped does not turn ABORTED into FAILED."""
    if execution["status"] == "RUNNING":
        fail(execution, error, cause)


@_replacements.of(stepfunctions, "_add_event")
def _add_event_while_running(
    add: Callable[..., Any], execution: dict[str, Any], event_type: str, details: Any = None
) -> Any:
    """Nothing is noted or begun for an execution that has ended: no retry of a step goes on after it."""
    if execution["status"] == "RUNNING" or event_type.startswith("Execution"):
        return add(execution, event_type, details)
    if event_type == "TaskScheduled":
        raise ExecutionHasEnded
    return None


@_replacements.of(stepfunctions, "_call_lambda")
def _call_and_count(call: Callable[..., Any], func_ref: str, event: Any) -> Any:
    """Only what the machine's role may invoke. It counts in AWS/Lambda as an invocation by the API does."""
    _refuse_without_right(func_ref)
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


def _refuse_without_right(func_ref: str) -> None:
    """The error under which Step Functions shows a refused invocation.

    Seen in the field: github.com/awslabs/aws-deployment-framework/issues/460.
    """
    acting = _role_of_execution.get()
    if acting is None:
        return
    role_arn, execution_arn = acting
    region, account_id = execution_arn.split(":")[3:5]
    arn = (
        func_ref
        if func_ref.startswith("arn:")
        else f"arn:aws:lambda:{region}:{account_id}:function:{func_ref}"
    )
    refusal = refusal_of_role(role_arn, execution_arn[-32:], region, Check("lambda:InvokeFunction", arn))
    if refusal:
        raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", refusal.message)


@_replacements.of(stepfunctions, "_resolve_params_obj")
def _resolve_where_all_paths_lead(
    resolve: Callable[..., Any], template: Any, data: Any, ctx: Any = None
) -> Any:
    """A path that leads nowhere fails the execution; ministack would give null."""
    for field, path in template.items() if isinstance(template, dict) else ():
        if field.endswith(".$") and isinstance(path, str) and not path.startswith("States."):
            _require(path, data, ctx, f"specified for the field '{field}' could not be found in the input")
    return resolve(template, data, ctx)


@_replacements.of(stepfunctions, "_evaluate_rule")
def _evaluate_where_the_variable_exists(
    evaluate: Callable[..., bool], rule: dict[str, Any], data: Any, ctx: Any = None
) -> bool:
    variable = rule.get("Variable")
    if variable and "IsPresent" not in rule:
        _require(variable, data, ctx, "of the choice state's condition references an invalid value")
    return evaluate(rule, data, ctx)


@_replacements.of(stepfunctions, "_execute_wait")
def _wait_where_the_time_exists(
    wait: Callable[..., Any], state_def: dict[str, Any], raw_input: Any, ctx: Any = None
) -> Any:
    for field in ("SecondsPath", "TimestampPath"):
        if field in state_def:
            complaint = f"specified for {field} could not be found in the input"
            _require(state_def[field], raw_input, ctx, complaint)
    return wait(state_def, raw_input, ctx)


@_replacements.of(stepfunctions, "_error_matches")
def _match_catchable_errors(matches: Callable[..., bool], error_equals: list[str], error: str) -> bool:
    return error in error_equals if error in UNCATCHABLE else matches(error_equals, error)


def _require(path: str, data: Any, ctx: Any, complaint: str) -> None:
    # `$$` is the context object; where none is given there is nothing to check the path against.
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
    # ministack resolves a path to null both where the value is null and where there is none.
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
