"""The end of a bad run: the error into the record, one message, the lock back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aurora_restore.domain.cleaning import ended_phases
from aurora_restore.domain.errors import ERRORS_BY_NAME, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import ErrorState, ProblemState, Record, changed
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import Ending, OperationStatus
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
        if operation.record.acts and not operation.is_closed:
            _leave_to_cleanup(ports, operation, error)
        else:
            _close(ports, operation, error)
    return {"operation_id": operation_id, "error": error_name, "cause": f"{error.code}: {error.message}"}


def _load(ports: Ports, operation_id: str, execution_arn: str | None, raw_request: object) -> Operation:
    item = ports.records.load(operation_id)
    if item is None:
        begin_record(ports, operation_id, execution_arn, raw_request)
        item = ports.records.load(operation_id) or {}
    return Operation(item)


def _leave_to_cleanup(ports: Ports, operation: Operation, error: ErrorState) -> None:
    changes = changed(
        Record,
        status=OperationStatus.CLEANING_UP.value,
        error=error,
        last_updated_time=ports.clock.now(),
    )
    ports.records.update(operation.operation_id, changes, only_if_status=OperationStatus.RUNNING.value)


def _close(ports: Ports, operation: Operation, error: ErrorState) -> None:
    """Nothing was asked of AWS but looks, so nothing is left to tidy up. A closed record stays as it is."""
    if not operation.is_closed:
        _close_record(ports, operation, error)
    settle(ports, operation.operation_id)


def _close_record(ports: Ports, operation: Operation, error: ErrorState) -> None:
    status = OperationStatus.FAILED if operation.is_running else OperationStatus(operation.status)
    ended = ended_phases(operation, Ending.FAILED, ports.clock.now())
    changes = {**changed(Record, error=error), **ended}
    close(ports, operation.operation_id, status, changes, from_status=operation.status)


def _error(operation: Operation, error_name: str, cause: str) -> ErrorState:
    """What the step wrote into the record; where it could not, what Step Functions knows."""
    record, error_class = operation.record, ERRORS_BY_NAME.get(error_name)
    known = record.error or _by_hand(record)
    if known and (not operation.is_running or error_class is None or known.code == error_class.code):
        return ErrorState.read({"step": record.step, "hint": RestoreError.default_hint, **known.item})
    code = error_class.code if error_class else RestoreError.code
    hint = error_class.default_hint if error_class else RestoreError.default_hint
    message = _message_of(cause) or f"The step ended with {error_name}."
    problem = ProblemState(code=code, message=message, hint=hint)
    step = record.step or Phase.SNAPSHOT_CHECK.value
    return ErrorState(code=code, message=message, hint=hint, step=step, problems=(problem,))


def _by_hand(record: Record) -> ErrorState | None:
    """What an operator wrote into the record by hand may be no more than a sentence."""
    item = {"code": "MANUAL_INTERVENTION", "message": record.error_by_hand}
    return ErrorState.read(item) if record.error_by_hand else None


def _message_of(cause: str) -> str:
    """Lambda's cause is JSON with `errorMessage`; Step Functions' own causes are plain text."""
    try:
        parsed = json.loads(cause)
    except ValueError:
        return cause
    return str(parsed.get("errorMessage", cause)) if isinstance(parsed, dict) else cause
