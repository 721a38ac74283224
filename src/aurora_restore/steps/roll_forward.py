"""Roll forward: a restore had succeeded when its run ended; what is left is to keep or retire the old cluster."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.domain.acts import StartCluster
from aurora_restore.domain.asking import STILL_ARRIVES
from aurora_restore.domain.proving import START_ACT, STOP_ACT
from aurora_restore.domain.rds_statuses import SERVING_STATUSES
from aurora_restore.domain.results import StepStatus, done, in_progress
from aurora_restore.domain.retention import keep_after_cancel, retirement_state
from aurora_restore.domain.rollback import await_late_arrivals, delete_final_snapshot_of
from aurora_restore.domain.seeing import parties_in
from aurora_restore.domain.states import RetirementState
from aurora_restore.domain.switching import Parties
from aurora_restore.domain.times import parse_time
from aurora_restore.steps.archive_snapshot import archive_snapshot
from aurora_restore.steps.cleanup_context import CleanupContext, CleanupStep, Found
from aurora_restore.steps.log_exports import bring_log_exports
from aurora_restore.steps.master_secret import tidy_master_secret
from aurora_restore.steps.move_endpoints import tidy_endpoints
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retire_replaced import finish_undo
from aurora_restore.steps.retirement import Retirement
from aurora_restore.steps.suspend_scaling import tidy_scaling
from aurora_restore.steps.switch_over import switched_changes


def record_switch(context: CleanupContext) -> StepOutcome | None:
    """The run was stopped between the last rename and the note of it in the record."""
    parties = parties_in(context)
    if parties is None or context.operation.section("switch_over").get("switched_time"):
        return None
    target = context.find(parties.plan.target_cluster_id)
    if target is not None and parties.is_new(target):
        changes = switched_changes(context.operation, target, context.ports.clock.now())
        context.ports.records.update(context.operation_id, changes)
    return None


def bring_new_up(context: CleanupContext) -> StepOutcome | None:
    """The run was stopped while it renewed the new cluster's certificate: the cluster is made available again.

    A requested stop may show minutes later; the cluster is not left before that time is over.
    """
    parties = parties_in(context)
    target = context.find(parties.plan.target_cluster_id) if parties else None
    if parties is None or target is None or not parties.is_new(target):
        return None
    name = target.db_cluster_identifier
    if target.status == "stopped":
        started = {"proof.started_by_cleanup": True}
        reason = f"the new cluster {name} is being started again"
        return context.do(StartCluster(name, reason=reason, also=started))
    if target.status not in SERVING_STATUSES:
        return StepOutcome(in_progress(f"the new cluster {name} is `{target.status}`", 50, "start"))
    acts = context.operation.acts
    was_started = START_ACT in acts or context.operation.section("proof").get("started_by_cleanup")
    asked = acts.get(STOP_ACT, {}).get("last_time")
    if asked and not was_started and context.ports.clock.now() - parse_time(asked) < STILL_ARRIVES:
        return StepOutcome(in_progress(f"the stop of {name} was asked for and may still come", 50, "stop"))
    return None


def export_logs(context: CleanupContext) -> StepOutcome | None:
    """The run was stopped before the new cluster exported its logs."""
    parties = parties_in(context)
    target = context.find(parties.plan.target_cluster_id) if parties else None
    if parties is None or target is None or not parties.is_new(target):
        return None
    return bring_log_exports(context.operation, context.ports, target, context.guard)


def drop_early_snapshot(context: CleanupContext) -> Found:
    """A kept cluster gets its final snapshot when it is retired: one taken before is not its last state."""
    parties = parties_in(context)
    if parties is None or retirement_state(context.operation) is not None:
        return None
    return delete_final_snapshot_of(context, parties.replacement.aside_identifier)


def keep_or_retire_replaced(context: CleanupContext) -> StepOutcome | None:
    """A deletion that has begun is completed; a cluster that still exists is kept for a day, for an undo."""
    parties = parties_in(context)
    if parties is None:
        return None
    outcome = _retire_or_keep(context, parties)
    if outcome.result.status is not StepStatus.IN_PROGRESS and parties.replacement.undoes:
        outcome = _end_undo(context, parties, outcome)
    if outcome.result.status is StepStatus.IN_PROGRESS:
        return outcome
    persist(context, outcome)
    return None


def persist(context: CleanupContext, outcome: StepOutcome) -> None:
    """Write the changes and the audit events of a step that has come to its end."""
    for event in outcome.events:
        context.ports.audit.append(context.operation_id, context.ports.clock.now(), event.name, event.details)
    if outcome.changes:
        context.ports.records.update(context.operation_id, outcome.changes)


def _retire_or_keep(context: CleanupContext, parties: Parties) -> StepOutcome:
    state = retirement_state(context.operation)
    if state in (RetirementState.KEPT, RetirementState.RETIRED):
        return StepOutcome(done("the replaced cluster was dealt with before"))
    name = parties.replacement.aside_identifier
    retirement = Retirement.of_replaced(
        context.ports, context.operation, context.guard, name, parties.replacement
    )
    if state is RetirementState.BEGUN:
        return retirement.advance()
    return retirement.keep(keep_after_cancel(parties.replacement.keep_hours))


def _end_undo(context: CleanupContext, parties: Parties, outcome: StepOutcome) -> StepOutcome:
    target = context.find(parties.plan.target_cluster_id)
    if target is None:
        return outcome
    return finish_undo(context.operation, context.ports, parties, target, context.guard, outcome)


def keep_copy(context: CleanupContext) -> StepOutcome | None:
    """The copy is kept for as long as after any restore that used it."""
    details = context.operation.section("snapshot_details")
    if context.plan is None or not details.get("restored_from") or details.get("retain_until"):
        return None
    persist(context, archive_snapshot(context.operation, context.ports))
    return None


ROLL_FORWARD: Sequence[CleanupStep] = (
    record_switch,
    await_late_arrivals,
    bring_new_up,
    tidy_scaling,
    export_logs,
    drop_early_snapshot,
    tidy_master_secret,
    tidy_endpoints,
    keep_or_retire_replaced,
    keep_copy,
    remove_quiet_group,
)
