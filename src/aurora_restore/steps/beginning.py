"""The beginning of an operation: its record, whichever function comes first."""

from __future__ import annotations

from typing import Any

from aurora_restore.domain.errors import OperationNotRunning
from aurora_restore.domain.operation import Operation, new_record
from aurora_restore.domain.request import without_unknown_values
from aurora_restore.steps.trail import begin_trail
from aurora_restore.steps.world import World

SECONDS_A_DAY = 86_400


def begin_record(world: World, operation_id: str, execution_arn: str | None, raw_request: object) -> None:
    """Make the record, or find that this very execution has made it before.

    Raises:
        OperationNotRunning: the id belongs to another execution's record.
    """
    now = world.clock.now()
    expires_at = int(now.timestamp()) + world.settings.record_retention_days * SECONDS_A_DAY
    record = new_record(operation_id, execution_arn, without_unknown_values(raw_request), now, expires_at)
    if not world.records.create(record):
        record = _own_record(world, operation_id, execution_arn)
    begin_trail(world, Operation(record))


def _own_record(world: World, operation_id: str, execution_arn: str | None) -> dict[str, Any]:
    found = world.records.load(operation_id) or {}
    if found.get("execution_arn") != execution_arn:
        raise OperationNotRunning(f"The operation id {operation_id} belongs to {found.get('execution_arn')}.")
    if not Operation(found).is_running:
        raise OperationNotRunning(
            f"The operation id {operation_id} was used before: its record of {found.get('start_time')} says "
            f"{found['status']}. Choose another name."
        )
    return found
