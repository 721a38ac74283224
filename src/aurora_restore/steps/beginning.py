"""The beginning of an operation: its record, whichever function comes first."""

from __future__ import annotations

from typing import Any

from aurora_restore.domain.errors import OperationNotRunning
from aurora_restore.domain.operation import Operation, new_record
from aurora_restore.domain.request import without_unknown_values
from aurora_restore.domain.times import format_time
from aurora_restore.steps.audit_events import append_first_event
from aurora_restore.steps.ports import Ports

SECONDS_A_DAY = 86_400


def begin_record(ports: Ports, operation_id: str, execution_arn: str | None, raw_request: object) -> None:
    """Make the record, or find that this very execution has made it before.

    Raises:
        OperationNotRunning: the id belongs to another execution's record.
    """
    now = ports.clock.now()
    expires_at = int(now.timestamp()) + ports.settings.record_retention_days * SECONDS_A_DAY
    record = new_record(operation_id, execution_arn, without_unknown_values(raw_request), now, expires_at)
    if not ports.records.create(record):
        record = _own_record(ports, operation_id, execution_arn)
    append_first_event(ports, Operation(record))


def _own_record(ports: Ports, operation_id: str, execution_arn: str | None) -> dict[str, Any]:
    found = ports.records.load(operation_id) or {}
    operation = Operation(found)
    if operation.execution_arn != execution_arn:
        raise OperationNotRunning(f"The operation id {operation_id} belongs to {operation.execution_arn}.")
    if not operation.is_running:
        started = operation.record.start_time
        raise OperationNotRunning(
            f"The operation id {operation_id} was used before: its record of "
            f"{format_time(started) if started else None} says {operation.status}. Choose another name."
        )
    return found
