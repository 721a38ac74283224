"""Roll forward: a restore had succeeded when its run ended; what is left is to keep or retire the old cluster."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.domain.results import StepStatus, done
from aurora_restore.domain.retention import keep_after_cancel, retirement_state
from aurora_restore.domain.roll_forward import (
    delete_early_final_snapshot,
    new_in_place,
    start_new_again,
)
from aurora_restore.domain.rollback import await_late_arrivals
from aurora_restore.domain.seeing import parties_in
from aurora_restore.domain.states import RetirementState
from aurora_restore.steps.archive_snapshot import archive_snapshot
from aurora_restore.steps.cleanup_context import CleanupContext, CleanupStep, Found
from aurora_restore.steps.log_exports import bring_log_exports
from aurora_restore.steps.master_secret import tidy_master_secret
from aurora_restore.steps.move_endpoints import tidy_endpoints
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retire_replaced import finish_undo
from aurora_restore.steps.retirement import Removal
from aurora_restore.steps.rollback import remove_scratch
from aurora_restore.steps.suspend_scaling import tidy_scaling
from aurora_restore.steps.switch_over import switched_changes


def record_switch(context: CleanupContext) -> None:
    """The run was stopped between the last rename and the note of it in the record."""
    target = new_in_place(context)
    if target is not None and not context.operation.record.switch_over.is_done:
        changes = switched_changes(context.operation, target, context.now)
        context.ports.records.update(context.operation_id, changes)


def export_logs(context: CleanupContext) -> Found:
    """The run was stopped before the new cluster exported its logs."""
    target = new_in_place(context)
    return bring_log_exports(context.operation, context.ports, target, context.guard) if target else None


def keep_or_retire_replaced(context: CleanupContext) -> StepOutcome | None:
    """A deletion that has begun is completed; a cluster that still exists is kept for a day, for an undo."""
    parties = parties_in(context)
    if parties is None:
        return None
    replacement, state = parties.replacement, retirement_state(context.operation)
    removal = Removal.of_replaced(
        context.ports, context.operation, context.guard, replacement.retired_identifier, replacement
    )
    if state in (RetirementState.KEPT, RetirementState.RETIRED):
        outcome = StepOutcome(done("the replaced cluster was dealt with before"))
    elif state is RetirementState.BEGUN:
        # Some of it may be gone already, so that it cannot serve any more: it is deleted to the end.
        outcome = removal.advance()
    else:
        # The operator who ended the run may want the old cluster
        # back: it is kept even where it was to be deleted.
        outcome = removal.keep(keep_after_cancel(replacement.keep_hours))
    if (
        outcome.result.status is not StepStatus.IN_PROGRESS
        and replacement.undoes
        and (target := context.find(parties.plan.target_cluster_id))
    ):
        outcome = finish_undo(context.operation, context.ports, parties, target, context.guard, outcome)
    if outcome.result.status is StepStatus.IN_PROGRESS:
        return outcome
    persist(context, outcome)
    return None


def persist(context: CleanupContext, outcome: StepOutcome) -> None:
    """Write the changes and the audit events of a step that has come to its end."""
    if outcome.events or outcome.changes:
        context.trail.write(outcome.changes, outcome.events)


def keep_copy(context: CleanupContext) -> StepOutcome | None:
    """The copy is kept for as long as after any restore that used it."""
    details = context.operation.record.snapshot_details
    if context.plan is None or not details.restored_from or details.is_retained:
        return None
    persist(context, archive_snapshot(context.operation, context.ports))
    return None


ROLL_FORWARD: Sequence[CleanupStep] = (
    record_switch,
    await_late_arrivals,
    start_new_again,
    tidy_scaling,
    export_logs,
    delete_early_final_snapshot,
    tidy_master_secret,
    tidy_endpoints,
    keep_or_retire_replaced,
    keep_copy,
    remove_scratch,
    remove_quiet_group,
)
