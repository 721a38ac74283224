"""The end of a bad run: the error into the record, one message, the lock back."""

from __future__ import annotations

from collections.abc import Mapping

from aurora_restore.domain.cleaning import ended_phases, error_of_failure
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record, changed
from aurora_restore.domain.rehearsal import verdict_at_end
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
    item = ports.records.load(operation_id)
    if item is None:
        # It failed before its first step: the request goes into
        # a record all the same, so that it can be looked up.
        begin_record(ports, operation_id, execution_arn, raw_request)
        item = ports.records.load(operation_id) or {}
    operation = Operation(item)
    error = error_of_failure(operation, error_name, cause)
    now, is_own = ports.clock.now(), operation.execution_arn == execution_arn
    if is_own and operation.record.acts and not operation.is_closed:
        # Something may exist by now, or come to exist. The new status keeps every step from a further request.
        cleaning_up = OperationStatus.CLEANING_UP.value
        changes = changed(Record, status=cleaning_up, error=error, last_updated_time=now)
        ports.records.update(operation_id, changes, only_if_status=OperationStatus.RUNNING.value)
    elif is_own:
        # AWS was asked for nothing that changes anything, so that nothing is left to clean up.
        if not operation.is_closed:
            status = OperationStatus.FAILED if operation.is_running else OperationStatus(operation.status)
            ended = {
                **changed(Record, error=error),
                **ended_phases(operation, Ending.FAILED, now),
                **verdict_at_end(operation.record, status, now),
            }
            close(operation, ports, status, ended)
        settle(ports, operation_id)
    return {"operation_id": operation_id, "error": error_name, "cause": f"{error.code}: {error.message}"}
