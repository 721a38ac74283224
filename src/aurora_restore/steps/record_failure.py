"""The end of a bad run: the error into the record, one message, the lock back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.errors import ERRORS_BY_NAME, RestoreError
from aurora_restore.domain.notification import failure_message
from aurora_restore.domain.operation import Operation, OperationStatus
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.times import format_time
from aurora_restore.steps.closing import close, complete, tell
from aurora_restore.steps.snapshot_check import begin_record
from aurora_restore.steps.world import World


def record_failure(
    world: World,
    operation_id: str,
    execution_arn: str | None,
    raw_request: object,
    error_name: str,
    cause: str,
) -> Mapping[str, str]:
    """Close the operation as FAILED; one that an operator closed by hand keeps the operator's words.

    Returns:
        The error's name and cause for the state machine's Fail state.
    """
    operation = _load(world, operation_id, execution_arn, raw_request)
    error = _error(operation, error_name, cause)
    if operation.execution_arn == execution_arn:
        _close(world, operation, error)
        complete(world, operation_id)
        _tell(world, operation_id, error)
    return {
        "operation_id": operation_id,
        "error": error_name,
        "cause": f"{error['code']}: {error['message']}",
    }


def _load(world: World, operation_id: str, execution_arn: str | None, raw_request: object) -> Operation:
    item = world.records.load(operation_id)
    if item is None:
        begin_record(world, operation_id, execution_arn, raw_request)
        item = world.records.load(operation_id) or {}
    return Operation(item)


def _close(world: World, operation: Operation, error: Mapping[str, Any]) -> None:
    if operation.is_running:
        changes = {"error": dict(error), **_failed_phase(world, operation)}
        close(world, operation.operation_id, OperationStatus.FAILED, changes)
    elif not operation.item.get("end_time"):
        time = format_time(world.clock.now())
        world.records.update(operation.operation_id, {"end_time": time, "last_updated_time": time})


def _failed_phase(world: World, operation: Operation) -> dict[str, Any]:
    """The phase that was under way is not any more."""
    name = str(operation.item.get("step"))
    state = operation.section("phases").get(name)
    if not isinstance(state, Mapping) or state.get("status") != StepStatus.IN_PROGRESS:
        return {}
    time = format_time(world.clock.now())
    return {
        f"phases.{name}": {
            **state,
            "status": OperationStatus.FAILED.value,
            "end_time": time,
            "last_updated_time": time,
        }
    }


def _tell(world: World, operation_id: str, error: Mapping[str, Any]) -> None:
    """After everything else: whether people can be told decides nothing."""
    operation = Operation(world.records.load(operation_id) or {})
    if operation.status == OperationStatus.FAILED and not operation.section("notification"):
        told = tell(world, operation, failure_message(operation, error, world.clock.now()))
        world.records.update(operation_id, {"notification": told})


def _error(operation: Operation, error_name: str, cause: str) -> dict[str, Any]:
    """What the step wrote into the record; where it could not, what Step Functions knows."""
    written = operation.section("error") or _plain_words(operation.item.get("error"))
    error_class = ERRORS_BY_NAME.get(error_name)
    is_by_hand = not operation.is_running
    if written and (is_by_hand or error_class is None or written.get("code") == error_class.code):
        return {"step": operation.item.get("step"), "hint": RestoreError.default_hint, **written}
    code = error_class.code if error_class else RestoreError.code
    hint = error_class.default_hint if error_class else RestoreError.default_hint
    message = _message_of(cause) or f"The step ended with {error_name}."
    step = str(operation.item.get("step", Phase.SNAPSHOT_CHECK.value))
    faults = [{"code": code, "message": message, "hint": hint}]
    return {"code": code, "message": message, "hint": hint, "step": step, "faults": faults}


def _plain_words(error: object) -> dict[str, str]:
    """What an operator wrote into the record by hand may be no more than a sentence."""
    return {"code": "MANUAL_INTERVENTION", "message": str(error)} if error else {}


def _message_of(cause: str) -> str:
    """Lambda's cause is JSON with `errorMessage`; Step Functions' own causes are plain text."""
    try:
        parsed = json.loads(cause)
    except ValueError:
        return cause
    return str(parsed.get("errorMessage", cause)) if isinstance(parsed, dict) else cause
