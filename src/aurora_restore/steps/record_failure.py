"""The end of a bad run: the error into the record, one message, the lock back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.cleaning import ended_phases
from aurora_restore.domain.errors import ERRORS_BY_NAME, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import Ending, OperationStatus
from aurora_restore.domain.times import format_time
from aurora_restore.steps.beginning import begin_record
from aurora_restore.steps.finalize import close, settle
from aurora_restore.steps.ports import Ports


def record_failure(
    ports: Ports,
    operation_id: str,
    execution_arn: str | None,
    raw_request: object,
    error_name: str,
    cause: str,
) -> Mapping[str, str]:
    """Write the error down. A run that had asked for nothing is closed at once; any other is left to the cleanup,
    and from here on no step of it gets to a request any more. What an operator wrote by hand stays.

    Returns:
        The error's name and cause for the state machine's Fail state.
    """
    operation = _load(ports, operation_id, execution_arn, raw_request)
    error = _error(operation, error_name, cause)
    if operation.execution_arn == execution_arn:
        if operation.acts and not operation.is_closed:
            _leave_to_cleanup(ports, operation, error)
        else:
            _close(ports, operation, error)
    return {
        "operation_id": operation_id,
        "error": error_name,
        "cause": f"{error['code']}: {error['message']}",
    }


def _load(ports: Ports, operation_id: str, execution_arn: str | None, raw_request: object) -> Operation:
    item = ports.records.load(operation_id)
    if item is None:
        begin_record(ports, operation_id, execution_arn, raw_request)
        item = ports.records.load(operation_id) or {}
    return Operation(item)


def _leave_to_cleanup(ports: Ports, operation: Operation, error: Mapping[str, Any]) -> None:
    time = format_time(ports.clock.now())
    changes = {"status": OperationStatus.CLEANING_UP.value, "error": dict(error), "last_updated_time": time}
    ports.records.update(operation.operation_id, changes, only_if_status=OperationStatus.RUNNING.value)


def _close(ports: Ports, operation: Operation, error: Mapping[str, Any]) -> None:
    """Nothing was asked of AWS but looks, so nothing is left to tidy up. A closed record stays as it is."""
    if not operation.is_closed:
        _close_record(ports, operation, error)
    settle(ports, operation.operation_id)


def _close_record(ports: Ports, operation: Operation, error: Mapping[str, Any]) -> None:
    time = format_time(ports.clock.now())
    status = OperationStatus.FAILED if operation.is_running else OperationStatus(operation.status)
    changes = {"error": dict(error), **ended_phases(operation, Ending.FAILED, time)}
    close(ports, operation.operation_id, status, changes, from_status=operation.status)


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
    problems = [{"code": code, "message": message, "hint": hint}]
    return {"code": code, "message": message, "hint": hint, "step": step, "faults": problems}


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
