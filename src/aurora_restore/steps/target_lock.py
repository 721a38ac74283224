"""The lock of a target: one operation at a time. A lock whose owner has ended, cleanup included, is taken over."""

from __future__ import annotations

from aurora_restore.domain.errors import TargetLocked
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.retention import is_being_retired
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.ports import Ports


def take_lock(ports: Ports, operation: Operation, target: str, *, dry_run: bool) -> str | None:
    """Take the lock of a target; a dry run only looks.

    Returns:
        What has to end first, in words; None where the lock is ours.

    Raises:
        TargetLocked: another operation is at work there.
    """
    operation_id, now = operation.operation_id, ports.clock.now()
    if not dry_run and ports.locks.acquire(target, operation_id, now):
        return None
    owner = ports.locks.owner(target)
    item = ports.records.load(owner) if owner and owner != operation_id else None
    if item and (waits := _still_at_work(Operation(item), target)):
        return waits
    if not dry_run and not ports.locks.acquire(target, operation_id, now, replaces=owner):
        raise TargetLocked(f"Another operation has just begun to work on {target}.")
    return None


def _still_at_work(owner: Operation, target: str) -> str | None:
    """What the owner still does, where that ends soon by itself. Raises TargetLocked where it does not."""
    look = f"`aurora-restore status {owner.operation_id}` shows its state"
    if is_being_retired(owner):
        return f"the cluster that {owner.operation_id} replaced is being retired: {look}"
    if owner.is_closed:
        return None
    if owner.status == OperationStatus.RUNNING:
        raise TargetLocked(f"The operation {owner.operation_id} is at work on {target}; {look}.")
    return f"the operation {owner.operation_id} is being cleaned up: {look}"
