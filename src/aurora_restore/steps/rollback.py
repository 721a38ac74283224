"""Rollback, as a row of steps: each observes, does at most one thing, and returns None when nothing is left to do.

Each can be repeated safely: names, tags and resource ids, observed just before, identify what it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from aurora_restore.domain.acts import (
    CreateInstance,
    DeleteSnapshot,
    LiftProtection,
    RenameCluster,
    RestoreCluster,
    StopCluster,
    Untag,
)
from aurora_restore.domain.asking import Asked
from aurora_restore.domain.cleaning import may_arrive_late, plan_of_replaced
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.errors import ClusterFailed, FinalSnapshotFailed, StepFailed, SwitchOverFailed
from aurora_restore.domain.naming import KEEP_UNTIL_TAG, OPERATION_TAG, PUT_BACK_TAG, REPLACED_BY_TAG
from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import GOING_STATUSES, SERVING_STATUSES
from aurora_restore.domain.record import Record, RestoreDetails, Retirement, changed
from aurora_restore.domain.replacement import Replacement, Strategy
from aurora_restore.domain.restoring import (
    Asking,
    Owner,
    RestoreAction,
    RestoreDecision,
    decide_restore,
    instance_parameters,
    restore_parameters,
)
from aurora_restore.domain.results import StepStatus, in_progress
from aurora_restore.domain.switching import (
    Parties,
    SwitchAction,
    SwitchDecision,
    decide_rollback,
    late_rename_of_old,
    parties_of,
)
from aurora_restore.domain.times import format_time
from aurora_restore.domain.waiting import duration_words
from aurora_restore.steps.cleanup_context import CleanupContext, CleanupStep, awaken
from aurora_restore.steps.lift_fence import lift_fence
from aurora_restore.steps.master_secret import tidy_master_secret
from aurora_restore.steps.move_endpoints import give_endpoints_back
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.restore_cluster import SETTINGS_ACTIONS, settings_act
from aurora_restore.steps.suspend_scaling import give_scaling_back, hold_scaling
from aurora_restore.steps.switch_over import cluster_details, observe_places, rename_of

UNSEEN_LIMIT_SECONDS = 3600


def put_old_back(context: CleanupContext) -> StepOutcome | None:
    """The old cluster gets its name back, and is available. Raises NameTaken, SwitchOverFailed."""
    parties = parties_of(context.operation_id, context.plan) if context.plan else None
    if parties is None:
        return None
    places = observe_places(context.ports, parties)
    old = next((item for item in places.all() if parties.is_old(item)), None)
    if old is not None and (not_yet := awaken(context, old)):
        return not_yet
    decision = decide_rollback(parties, places)
    if decision.action is SwitchAction.DONE:
        return None
    if decision.action is SwitchAction.WAIT:
        _refuse_endless_wait(context, decision)
        return StepOutcome(in_progress(decision.reason, 50, "rename"))
    if decision.action is SwitchAction.RENAME_NEW_OUT and places.target and not _is_renamable(places.target):
        if not_yet := awaken(context, places.target):
            return not_yet
        if parties.replacement.undoes:
            # What an undo brought into place is the kept cluster, which is never removed.
            name, status = places.target.db_cluster_identifier, places.target.status
            return StepOutcome(in_progress(f"the cluster {name} is `{status}`", 50, "rename"))
        return _remove(context, places.target)
    name, new_name = rename_of(parties, decision.action)
    reason = f"{name} is being renamed to {new_name}: {decision.reason}"
    return context.do(RenameCluster(name, new_name, kind=decision.action.kind, reason=reason))


def remove_new(context: CleanupContext) -> StepOutcome | None:
    """The cluster that the run made is removed; an undo makes none."""
    plan = context.plan
    if plan is None or plan.strategy is Strategy.UNDO:
        return None
    cluster = context.find(plan.cluster.db_cluster_identifier)
    if cluster is None or not is_made_by(cluster, context.operation_id):
        return None
    return _remove(context, cluster)


def is_made_by(cluster: DbCluster, operation_id: str) -> bool:
    """Whether the operation made the cluster to be the new one; a cluster that a cleanup makes again has another
    tag."""
    return cluster.tags.get(OPERATION_TAG) == operation_id and PUT_BACK_TAG not in cluster.tags


def return_kept(context: CleanupContext) -> StepOutcome | None:
    """Of an undo that failed: the kept cluster is stopped again, under its retired name."""
    plan = context.plan
    if plan is None or plan.strategy is not Strategy.UNDO:
        return None
    kept = context.find(plan.cluster.db_cluster_identifier)
    if kept is None or kept.status == "stopped" or not kept.member_identifiers:
        return None
    if kept.status == "available":
        name = kept.db_cluster_identifier
        return context.do(StopCluster(name, reason=f"the kept cluster {name} is being stopped again"))
    return StepOutcome(in_progress(f"the kept cluster is `{kept.status}`", 50, "stop"))


def bring_old_back(context: CleanupContext) -> StepOutcome | None:
    """After delete_first: the old cluster is made again from its final snapshot, as its configuration was.

    Raises:
        FinalSnapshotFailed: there is no final snapshot to make it from.
    """
    plan = context.plan
    replacement = plan.replacement if plan else None
    begun = context.operation.record.retirement.deletion_has_begun
    if plan is None or replacement is None or plan.strategy is not Strategy.DELETE_FIRST or not begun:
        return None
    configuration = ClusterConfiguration.from_item(context.operation.record.replaced.item)
    old_plan = plan_of_replaced(context.operation, configuration)
    cluster = context.find(plan.target_cluster_id)
    if cluster is not None and cluster.status == "deleting":
        return StepOutcome(in_progress(f"{plan.target_cluster_id} is `deleting`", 50, "cluster_deleted"))
    if late := await_late_arrivals(context):
        # The name is about to be that of the old cluster again: no late request for the new one may reach it there.
        return late
    instances = _members_of(context, old_plan, cluster)
    if cluster is not None and cluster.db_cluster_resource_id == replacement.replaced_resource_id:
        # Its deletion had only begun: what is left of it is completed.
        cluster, instances = _as_put_back(context, cluster, instances)
    if cluster is not None and cluster.status in SERVING_STATUSES:
        _tell_maker(context, replacement, cluster)
    owner = Owner(context.operation_id, PUT_BACK_TAG)
    asking = Asking(context.ports.clock.now(), context.operation.asked_by_cleanup())
    decision = decide_restore(owner, old_plan, cluster, instances, asking)
    return _carry_out(context, old_plan, replacement, decision, cluster)


def _tell_maker(context: CleanupContext, replacement: Replacement, cluster: DbCluster) -> None:
    """The record of the operation that had restored the old cluster names the one that replaces it from here on."""
    maker = context.operation.record.replaced_made_by
    put_back_by = cluster.tags.get(PUT_BACK_TAG)
    known = Record.read(context.ports.records.load(maker) if maker else None).restore_details
    if (
        maker
        and known.db_cluster_resource_id == replacement.replaced_resource_id
        and put_back_by == context.operation_id
    ):
        made_again = changed(RestoreDetails, made_again_by=context.operation_id)
        context.ports.records.update(maker, {**made_again, **cluster_details(cluster)})


def end_copy(context: CleanupContext) -> StepOutcome | None:
    """A copy that is not finished is ended; a finished one is kept for the next attempt."""
    name = context.plan.copy.cluster_snapshot_identifier if context.plan and context.plan.copy else None
    copy = context.ports.target_rds.find_cluster_snapshot(name) if name else None
    if name is None or copy is None or copy.tags.get(OPERATION_TAG) != context.operation_id:
        return None
    if copy.status == "available":
        return None
    if copy.status in GOING_STATUSES:
        return StepOutcome(in_progress(f"the unfinished copy {name} is `{copy.status}`", 50, "copy_deleted"))
    reason = f"the unfinished copy {name} is being deleted"
    return context.do(DeleteSnapshot(name, "the unfinished copy", reason=reason, waits_for="copy_deleted"))


def drop_final_snapshot(context: CleanupContext) -> StepOutcome | None:
    """Remove the final snapshot of an old cluster that was not deleted. Keep it if the cluster was made again from
    it."""
    return drop_snapshot_of(context, context.find(context.plan.target_cluster_id)) if context.plan else None


def drop_snapshot_of(context: CleanupContext, existing: DbCluster | None) -> StepOutcome | None:
    """Remove the final snapshot that this operation took of the old cluster, which was observed to exist."""
    replacement = context.plan.replacement if context.plan else None
    name = replacement.final_snapshot_identifier if replacement else None
    if replacement is None or name is None or existing is None:
        return None
    snapshot = context.ports.target_rds.find_cluster_snapshot(name)
    if snapshot is None or snapshot.tags.get(OPERATION_TAG) != context.operation_id:
        return None
    of_the_replaced = {snapshot.db_cluster_resource_id, existing.db_cluster_resource_id}
    if of_the_replaced != {replacement.replaced_resource_id}:
        return None
    if snapshot.status in GOING_STATUSES:
        return StepOutcome(in_progress(f"the snapshot {name} is `{snapshot.status}`", 50, "snapshot_deleted"))
    reason = f"the snapshot {name} of the old cluster, which was not deleted, is being deleted"
    return context.do(DeleteSnapshot(name, "the unneeded final snapshot", reason=reason))


def unmark_old(context: CleanupContext) -> StepOutcome | None:
    """Remove the mark of an old cluster that was not replaced after all."""
    existing = context.find(context.plan.target_cluster_id) if context.plan else None
    if existing is None or existing.tags.get(REPLACED_BY_TAG) != context.operation_id:
        return None
    arn, name = existing.db_cluster_arn, existing.db_cluster_identifier
    reason = f"{name} is no longer marked as replaced"
    return context.do(Untag(name, arn, [REPLACED_BY_TAG, KEEP_UNTIL_TAG], reason=reason))


def await_late_arrivals(context: CleanupContext) -> StepOutcome | None:
    """What a stopped run requested last may still take effect: wait for it, so that it is removed as well."""
    now = context.ports.clock.now()
    if late := _late_rename(context, now):
        message = f"RDS may still carry out the rename that it was asked for at {format_time(late.last)}"
        return StepOutcome(in_progress(message, 90, "late_rename"))
    if not may_arrive_late(context.operation, context.execution, context.ended_time, now):
        return None
    message = "a function that was at work when the execution was stopped may still be at its last request"
    return StepOutcome(in_progress(message, 90, "late_arrivals"))


def _late_rename(context: CleanupContext, now: datetime) -> Asked | None:
    """A rename that takes effect after the record is closed would take the name from the cluster that has it."""
    parties = parties_of_context(context)
    if parties is None:
        return None
    places = observe_places(context.ports, parties)
    return late_rename_of_old(_asked(context), parties, places, now)


def _asked(context: CleanupContext) -> Iterable[Asked]:
    """By the run, and by its cleanup."""
    yield from context.operation.all_asked().values()
    yield from context.operation.asked_by_cleanup().values()


def prove_old_serves(context: CleanupContext) -> StepOutcome | None:
    """An old cluster counts as put back only once it is available."""
    plan = context.plan
    if plan is None or plan.replacement is None:
        return None
    existing = context.find(plan.target_cluster_id)
    if existing is None:
        return StepOutcome(in_progress(f"{plan.target_cluster_id} does not show yet", 90, "rename"))
    if existing.status not in SERVING_STATUSES:
        message = f"{plan.target_cluster_id} is `{existing.status}`"
        return StepOutcome(in_progress(message, 90, "change"))
    return None


ROLLBACK: Sequence[CleanupStep] = (
    hold_scaling,
    lift_fence,
    put_old_back,
    give_endpoints_back,
    remove_new,
    return_kept,
    bring_old_back,
    tidy_master_secret,
    end_copy,
    drop_final_snapshot,
    unmark_old,
    await_late_arrivals,
    prove_old_serves,
    give_scaling_back,
    remove_quiet_group,
)
LEFTOVERS: Sequence[CleanupStep] = (remove_new, remove_quiet_group, end_copy)
"""What may still be removed for an operation that was closed before: resources with its tag, and nothing else."""


def next_step(context: CleanupContext, steps: Sequence[CleanupStep]) -> StepOutcome | None:
    """The outcome of the first step that has something to do; None where nothing is left."""
    return next((outcome for step in steps if (outcome := step(context))), None)


def _is_renamable(cluster: DbCluster) -> bool:
    return cluster.status in SERVING_STATUSES or cluster.status == "modifying"


def _refuse_endless_wait(context: CleanupContext, decision: SwitchDecision) -> None:
    """A cluster that no name shows was renamed or deleted by another party: an operator has to look."""
    waited = (context.ports.clock.now() - context.ended_time).total_seconds()
    if waited > UNSEEN_LIMIT_SECONDS and decision.is_unseen:
        reason = decision.reason
        raise SwitchOverFailed(f"After {duration_words(waited)} still: {reason}. Nothing more was touched.")


def _remove(context: CleanupContext, cluster: DbCluster) -> StepOutcome | None:
    name = cluster.db_cluster_identifier
    if cluster.deletion_protection:
        reason = f"the protection of the unfinished cluster {name} is lifted"
        return context.do(LiftProtection(name, reason=reason))
    outcome = context.removal(cluster).advance()
    return outcome if outcome.result.status is StepStatus.IN_PROGRESS else None


def _members_of(context: CleanupContext, plan: RestorePlan, cluster: DbCluster | None) -> list[DbInstance]:
    if cluster is None:
        return []
    found = context.ports.target_rds.list_cluster_instances(cluster.db_cluster_identifier)
    expected = {item.db_instance_identifier for item in plan.instances}
    return [item for item in found if item.db_instance_identifier in expected]


def _as_put_back(
    context: CleanupContext, cluster: DbCluster, instances: Sequence[DbInstance]
) -> tuple[DbCluster, list[DbInstance]]:
    """The old cluster itself is treated as one that is made again: it is known by its resource id."""
    tag = {PUT_BACK_TAG: context.operation_id}
    return replace(cluster, tags=tag), [replace(item, tags=tag) for item in instances]


def _carry_out(
    context: CleanupContext,
    plan: RestorePlan,
    replacement: Replacement,
    decision: RestoreDecision,
    cluster: DbCluster | None,
) -> StepOutcome | None:
    name = plan.cluster.db_cluster_identifier
    if decision.action is RestoreAction.LOG_IN:
        return None
    if decision.action is RestoreAction.RESTORE_CLUSTER:
        snapshot = _proved_snapshot(context, replacement)
        reason = f"{name} is being made again from its final snapshot"
        parameters, also = restore_parameters(plan, snapshot), changed(Retirement, made_again=True)
        return context.do(RestoreCluster(name, snapshot, parameters, reason=reason, also=also))
    instance = decision.instance
    if decision.action is RestoreAction.CREATE_INSTANCE and instance:
        reason = f"the instance {instance.db_instance_identifier} is being made again"
        member = instance_parameters(plan, instance)
        return context.do(CreateInstance(instance.db_instance_identifier, member, reason=reason))
    if decision.action is RestoreAction.CHANGE_SETTINGS and cluster:
        return _give_windows(context, cluster, decision)
    if decision.action in SETTINGS_ACTIONS and cluster:
        return context.do(settings_act(cluster, decision))
    return StepOutcome(in_progress(decision.reason, 50, decision.waiting_for, decision.reported_percent))


def _give_windows(context: CleanupContext, cluster: DbCluster, decision: RestoreDecision) -> StepOutcome:
    """The windows of the old cluster, or its insights. What RDS refuses is left and reported: the cluster matters
    more."""
    name, settings = cluster.db_cluster_identifier, decision.settings
    try:
        return context.do(settings_act(cluster, decision))
    except StepFailed as failed:
        if failed.is_of_record:
            raise
        context.guard.give_up(decision.kind)
        left = f"left {', '.join(settings)} of {name} as RDS made them: {failed.message}"
        event = Event("cleanup.did", {"done": left})
        return StepOutcome(in_progress(left, 50, "change"), {}, (event,))


def _proved_snapshot(context: CleanupContext, replacement: Replacement) -> str:
    name = replacement.final_snapshot_identifier or ""
    snapshot = context.ports.target_rds.find_cluster_snapshot(name) if name else None
    if snapshot is None or snapshot.db_cluster_resource_id != replacement.replaced_resource_id:
        raise FinalSnapshotFailed(
            f"The final snapshot {name} is not there: the old cluster cannot be made again."
        )
    if snapshot.status != "available":
        raise ClusterFailed(f"The final snapshot {name} is `{snapshot.status}`.")
    return name


def parties_of_context(context: CleanupContext) -> Parties | None:
    """The old and the new cluster of the run, where both exist at once."""
    return parties_of(context.operation_id, context.plan) if context.plan else None
