"""The lock of a target: one operation at a time. A lock whose owner has ended, cleanup included, is taken over."""

from __future__ import annotations

from aurora_restore.domain.errors import TargetLocked
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.retention import is_being_retired
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.ports import Ports


def take_lock(operation: Operation, ports: Ports, target: str, *, dry_run: bool) -> str | None:
    """Take the lock of a target; a dry run only looks.

    Returns:
        What has to end first, in words; None where the lock is ours.

    Raises:
        TargetLocked: another operation is at work there.
    """
    operation_id, now = operation.operation_id, ports.clock.now()
    if not dry_run and ports.locks.acquire(target, operation_id, now):
        return None
    owner_id = ports.locks.owner(target)
    item = ports.records.load(owner_id) if owner_id and owner_id != operation_id else None
    owner = Operation(item) if item else None
    look = f"`aurora-restore status {owner_id}` shows its state"
    # A closed operation still works on the target while the cluster that it replaced is on its way out.
    if owner and is_being_retired(owner):
        return f"the cluster that {owner_id} replaced is being retired: {look}"
    if owner and not owner.is_closed:
        # A run may take hours, which are not waited for unseen; a cleanup ends soon by itself.
        if owner.status == OperationStatus.RUNNING:
            raise TargetLocked(f"The operation {owner_id} is at work on {target}; {look}.")
        return f"the operation {owner_id} is being cleaned up: {look}"
    # Only from the owner that was just seen to have ended: another operation may be doing the same right now.
    if not dry_run and not ports.locks.acquire(target, operation_id, now, replaces=owner_id):
        raise TargetLocked(f"Another operation has just begun to work on {target}.")
    return None
