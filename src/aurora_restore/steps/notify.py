"""Notify: the last phase of a good run."""

from __future__ import annotations

from aurora_restore.domain.errors import OperationNotRunning
from aurora_restore.domain.notification import dry_run_message, success_message
from aurora_restore.domain.operation import Operation, OperationStatus
from aurora_restore.domain.results import Phase, StepResult, done
from aurora_restore.steps.closing import close, complete, tell
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.runner import run_step
from aurora_restore.steps.world import World


def notify(world: World, operation_id: str) -> StepResult:
    """Tell people and close the record as SUCCEEDED. Called again, it does only what is left to do.

    Raises:
        OperationNotRunning: the record is gone, or was closed as something else.
    """
    try:
        _tell_and_close(world, operation_id)
    except OperationNotRunning:
        # Another call of this very step may have been faster.
        if not _has_succeeded(world, operation_id):
            raise
    complete(world, operation_id)
    return done("people were told, the record is closed, the lock is free")


def _tell_and_close(world: World, operation_id: str) -> None:
    run_step(Phase.NOTIFY, _tell, world, operation_id)
    item = world.records.load(operation_id) or {}
    # A step that failed when it was called a second time may have left an error that the run has outlived.
    outlived = {"error": None} if item.get("error") else {}
    close(world, operation_id, OperationStatus.SUCCEEDED, outlived)


def _tell(operation: Operation, world: World) -> StepOutcome:
    now = world.clock.now()
    message = dry_run_message(operation, now) if operation.is_dry_run else success_message(operation, now)
    told = tell(world, operation, message)
    words = f"people could NOT be told: {told['error']}" if "error" in told else "people were told"
    return StepOutcome(done(words), {"notification": told})


def _has_succeeded(world: World, operation_id: str) -> bool:
    item = world.records.load(operation_id)
    return item is not None and item["status"] == OperationStatus.SUCCEEDED
