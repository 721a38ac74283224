"""The order of a rollback, and those of its steps that do more than `domain/rollback.py` decides on.

Each can be repeated safely: names, tags and resource ids, observed just before, identify what it changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.domain import record
from aurora_restore.domain.acts import LiftProtection, ModifyCluster, Wait
from aurora_restore.domain.configuration import (
    ClusterConfiguration,
    configuration_of,
    difference_words,
    differences,
)
from aurora_restore.domain.errors import DeletionProtected, GlobalClusterMember, StepFailed
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.record import Record, RehearsalState, RestoreDetails, changed, with_new_warnings
from aurora_restore.domain.rehearsal import (
    DELETE_ACT,
    asked_of,
    is_given_away,
    is_restored,
    lost_words,
    refusal_to_delete,
)
from aurora_restore.domain.results import StepStatus, in_progress
from aurora_restore.domain.rollback import (
    await_before_remaking,
    await_late_arrivals,
    delete_unfinished_copy,
    delete_unneeded_final_snapshot,
    give_old_its_name,
    lift_fence,
    new_in_the_way,
    new_to_remove,
    remade_old,
    remake_old,
    require_old_serving,
    restored_by_hand,
    stop_kept_again,
    unmark_old,
    wake,
    wake_old,
)
from aurora_restore.domain.seeing import parties_in
from aurora_restore.steps.cleanup_context import CleanupContext, CleanupStep, Found
from aurora_restore.steps.master_secret import tidy_master_secret
from aurora_restore.steps.move_endpoints import give_endpoints_back
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.suspend_scaling import give_scaling_back, hold_scaling
from aurora_restore.steps.switch_over import cluster_details


def clear_name(context: CleanupContext) -> Found:
    """A new cluster that has the old one's name and can no longer be renamed is removed there."""
    new, parties = new_in_the_way(context), parties_in(context)
    if new is None or parties is None:
        return None
    if not_yet := wake(new):
        return not_yet
    if parties.replacement.undoes:
        # What an undo brought into place is the kept cluster, which is never removed.
        return Wait("rename", f"the cluster {new.db_cluster_identifier} is `{new.status}`")
    return _remove(context, new)


def remove_new(context: CleanupContext) -> Found:
    """The cluster that the run made is removed."""
    if asked_of(context.operation.record) is not None:
        return remove_scratch(context)
    new = new_to_remove(context)
    return _remove(context, new) if new else None


# Under which the cleanup notes that it removes the cluster of a rehearsal.
REMOVE_SCRATCH = "remove_scratch"


def remove_scratch(context: CleanupContext) -> Found:
    """The cluster of a rehearsal is removed, however the run ended; one that is not proved to be it is left."""
    record, plan = context.operation.record, context.plan
    if plan is None or asked_of(record) is None or "cluster" not in record.made:
        return None
    if is_given_away(record):
        return None
    cluster = context.find(plan.target_cluster_id)
    left = None
    is_asked = DELETE_ACT in record.acts or REMOVE_SCRATCH in record.cleanup.asked
    if cluster:
        left = refusal_to_delete(record, cluster, context.ports.settings.target_cluster_prefix)
        # Before it goes: a later call, which does not see it any more, then knows that it was deleted here.
        if left is None and not is_asked:
            context.guard.note(REMOVE_SCRATCH, plan.target_cluster_id)
            is_asked = True
        try:
            if left is None and (found := _remove(context, cluster)):
                return found
        except (DeletionProtected, GlobalClusterMember) as refused:
            # An operator needs it. The rehearsal ends all the same, and its message names the cluster.
            left = refused.message
    # One that clients had reached, and whose deletion was never asked for.
    if cluster is None and not is_asked and is_restored(record):
        left = record.rehearsal.left or lost_words(plan.target_cluster_id)
    if left and record.rehearsal.left != left:
        context.ports.records.update(context.operation_id, changed(RehearsalState, left=left))
    if left is None and is_asked and record.rehearsal.removed_time is None:
        gone = changed(RehearsalState, removed_time=context.now, left=None)
        context.ports.records.update(context.operation_id, gone)
    return None


def _remove(context: CleanupContext, cluster: DbCluster) -> Found:
    # It was requested for the finished cluster. This one is unfinished, and proved to be the run's own.
    if cluster.deletion_protection:
        name = cluster.db_cluster_identifier
        return LiftProtection(name, reason=f"the protection of the unfinished cluster {name} is lifted")
    # It observes the cluster anew: what is deleted is proved in the moment before.
    outcome = context.removal(cluster).advance()
    if outcome.result.status is StepStatus.IN_PROGRESS:
        return outcome
    # It has gone since this call looked first: what follows must not rename it, or find its parameter group in use.
    context.find_anew(cluster.db_cluster_identifier)
    return None


def tell_maker(context: CleanupContext) -> None:
    """The record of the operation that had restored the old cluster names the one that replaces it from here on."""
    cluster, replacement = remade_old(context), context.plan.replacement if context.plan else None
    maker = context.operation.record.replaced_made_by
    if cluster is None or replacement is None or not maker:
        return
    known = Record.read(context.ports.records.load(maker)).restore_details
    # Only where its record is of that very cluster: a tag can be copied to another one.
    if known.db_cluster_resource_id == replacement.replaced_resource_id:
        made_again = changed(RestoreDetails, made_again_by=context.operation_id)
        context.ports.records.update(maker, {**made_again, **cluster_details(cluster)})


def note_restored_by_hand(context: CleanupContext) -> StepOutcome | None:
    """The message at the end must not promise the old data and settings: a warning names each setting that differs."""
    known, cluster = context.operation.record, restored_by_hand(context)
    if cluster is None or known.retirement.restored_by_hand:
        return None
    warnings = []
    # Before it was planned, nothing was known of the old cluster.
    if known.replaced:
        before = ClusterConfiguration.from_item(known.replaced.item)
        after = configuration_of(cluster, context.members(cluster.db_cluster_identifier))
        # A secret of RDS's is another one for each cluster.
        found = differences(
            before, after, frozenset(), frozenset(), left_open=frozenset({"managed_master_secret"})
        )
        if found:
            words = difference_words(found, "is now")
            warnings = [f"the cluster was restored by hand and is not as before: {words}"]
    by_hand = {**changed(record.Retirement, restored_by_hand=True), **with_new_warnings(known, *warnings)}
    # It ends the look: a later step that warns must see this warning.
    return StepOutcome(
        in_progress(f"{cluster.db_cluster_identifier} was restored by hand", 95, "change"), by_hand
    )


def bring_old_back(context: CleanupContext) -> Found:
    """After delete_first. A window or a mode that RDS refuses is left and reported: the cluster matters more."""
    act = remake_old(context)
    if not isinstance(act, ModifyCluster):
        return act
    try:
        return context.do(act)
    except StepFailed as failed:
        if failed.is_of_record:
            raise
        # Given up in the record, or the next call would ask for the very same thing again.
        context.guard.give_up(act.kind)
        left = f"left {', '.join(act.settings)} of {act.name} as RDS made them: {failed.message}"
        event = Event("cleanup.did", {"done": left})
        return StepOutcome(in_progress(left, 50, "change"), {}, (event,))


ROLLBACK: Sequence[CleanupStep] = (
    hold_scaling,
    lift_fence,
    wake_old,
    clear_name,
    give_old_its_name,
    give_endpoints_back,
    remove_new,
    stop_kept_again,
    await_before_remaking,
    tell_maker,
    bring_old_back,
    tidy_master_secret,
    delete_unfinished_copy,
    delete_unneeded_final_snapshot,
    unmark_old,
    await_late_arrivals,
    require_old_serving,
    note_restored_by_hand,
    give_scaling_back,
    remove_quiet_group,
)
LEFTOVERS: Sequence[CleanupStep] = (remove_new, remove_quiet_group, delete_unfinished_copy)
"""What may still be removed for an operation that was closed before: resources with its tag, and nothing else."""
