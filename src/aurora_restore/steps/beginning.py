"""The beginning of an operation: its record, made by the function that is called first."""

from __future__ import annotations

from aurora_restore.domain.errors import OperationNotRunning
from aurora_restore.domain.operation import Operation, new_record
from aurora_restore.domain.request import without_unknown_values
from aurora_restore.domain.times import SECONDS_A_DAY, format_time
from aurora_restore.steps.audit_events import append_first_event
from aurora_restore.steps.ports import Ports


def begin_record(ports: Ports, operation_id: str, execution_arn: str | None, raw_request: object) -> None:
    """Make the record, or find that this very execution has made it before.

    Raises:
        OperationNotRunning: the id belongs to another execution's record.
    """
    now = ports.clock.now()
    expires_at = int(now.timestamp()) + ports.settings.record_retention_days * SECONDS_A_DAY
    request, prefix = without_unknown_values(raw_request), ports.settings.target_cluster_prefix
    record = new_record(operation_id, execution_arn, request, now, expires_at, prefix)
    if not ports.records.create(record):
        # A call that is repeated finds its own record; any other owner of the id keeps its record untouched.
        record = ports.records.load(operation_id) or {}
        found = Operation(record)
        if found.execution_arn != execution_arn:
            raise OperationNotRunning(f"The operation id {operation_id} belongs to {found.execution_arn}.")
        if not found.is_running:
            started = found.record.start_time
            raise OperationNotRunning(
                f"The operation id {operation_id} was used before: its record of "
                f"{format_time(started) if started else None} says {found.status}. Choose another name."
            )
    append_first_event(Operation(record), ports)
