"""The rules of a rollback: what is to be done next so that what existed before the run exists again.

Each rule looks at one thing, decides on one act at most, and returns None when nothing is left to do. Names, tags and
resource ids, observed in the same look, say what it changes. `steps/rollback.py` has their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aurora_restore.domain.acts import (
    Act,
    DeleteInstance,
    DeleteSnapshot,
    RenameCluster,
    RestoreCluster,
    StartCluster,
    StopCluster,
    Untag,
    Wait,
)
from aurora_restore.domain.asking import Asking, asked_now
from aurora_restore.domain.cleaning import may_arrive_late, plan_of_replaced
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.errors import (
    ClusterFailed,
    FinalSnapshotFailed,
    InstanceFailed,
    SwitchOverFailed,
)
from aurora_restore.domain.fencing import FENCE_ACT, decide_lifting, may_still_come
from aurora_restore.domain.naming import (
    BY_HAND,
    KEEP_UNTIL_TAG,
    OPERATION_TAG,
    PUT_BACK_TAG,
    REPLACED_BY_TAG,
    is_put_back_by_hand,
    put_back_by,
)
from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.rds_statuses import (
    FAILED_CLUSTER_STATUSES,
    FAILED_CREATION_STATUSES,
    FAILED_INSTANCE_STATUSES,
    FAILED_RESTORE_STATUSES,
    GOING_STATUSES,
    SERVING_STATUSES,
    STOPPED_STATUSES,
)
from aurora_restore.domain.record import Cleanup, Retirement, changed, cleanup_act_changed
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.restoring import Owner, decide_restore, restore_parameters
from aurora_restore.domain.retirement import open_port_of
from aurora_restore.domain.seeing import Seen, parties_in, places_in, plan_of
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.switching import RENAME_NEW_OUT, decide_rollback, late_rename_of_old
from aurora_restore.domain.times import format_time
from aurora_restore.domain.wording import duration_words

# Of the old cluster, under none of its names: public reports of renames that showed late speak of minutes.
OLD_UNSEEN_LIMIT = timedelta(hours=1)
# Under which the cleanup notes that it deletes an instance to create it again.
CLEAR_INSTANCE = "clear_instance"
# An attempt takes ten minutes or so: several are made before a person is called.
CREATE_AGAIN_LIMIT = timedelta(hours=1)
# A cluster does not stay `modifying`: its rename is tried again afterwards.
RENAMABLE_STATUSES = SERVING_STATUSES | {"modifying"}


def wake(cluster: DbCluster) -> Act | Wait | None:
    """A stopped cluster can be neither renamed nor used."""
    name = cluster.db_cluster_identifier
    if cluster.status == "stopped":
        return StartCluster(name, reason=f"the cluster {name} is being started")
    if cluster.status in ("stopping", "starting"):
        return Wait("start", f"the cluster {name} is `{cluster.status}`")
    return None


def lift_fence(seen: Seen) -> Act | Wait | None:
    """Clients reach the old cluster again under the port that they know, before it has its name back."""
    plan, open_port = plan_of(seen), open_port_of(seen.operation)
    replacement = plan.replacement if plan else None
    if (
        plan is None
        or replacement is None
        or open_port is None
        or FENCE_ACT not in seen.operation.record.acts
    ):
        return None
    # Its name may be either of the two: the run may have ended before or after the rename.
    found = (seen.find(name) for name in (plan.target_cluster_id, replacement.retired_identifier))
    old = next((c for c in found if c and c.db_cluster_resource_id == replacement.replaced_resource_id), None)
    if old is None or old.status == "deleting":
        return None
    if not_yet := wake(old):
        return not_yet
    name = old.db_cluster_identifier
    record = seen.operation.record
    under_way = not record.fence.is_lifted and may_still_come(record.acts, seen.now)
    return decide_lifting(old, seen.members(name), open_port, seen.now, under_way=under_way)


def wake_old(seen: Seen) -> Act | Wait | None:
    """The old cluster is started again, whatever its name is now."""
    parties = parties_in(seen)
    if parties is None:
        return None
    old = next((item for item in places_in(seen, parties).all() if parties.is_old(item)), None)
    return wake(old) if old else None


def new_in_the_way(seen: Seen) -> DbCluster | None:
    """The new cluster, where it has the old one's name and is in a status in which it cannot be renamed."""
    target = _target(seen)
    is_next = target is not None and target.status not in RENAMABLE_STATUSES
    act = give_old_its_name(seen) if is_next else None
    return target if isinstance(act, RenameCluster) and act.kind == RENAME_NEW_OUT else None


def give_old_its_name(seen: Seen) -> Act | Wait | None:
    """Raises NameTaken; SwitchOverFailed where the old cluster shows under none of its names for long."""
    parties = parties_in(seen)
    if parties is None:
        return None
    act = decide_rollback(parties, places_in(seen, parties))
    waited = seen.now - seen.ended_time
    if isinstance(act, Wait) and act.is_unseen and waited > OLD_UNSEEN_LIMIT:
        # It was renamed or deleted by another party: an operator has to look.
        words = duration_words(waited.total_seconds())
        aside, resource_id = parties.replacement.retired_identifier, parties.replacement.replaced_resource_id
        raise SwitchOverFailed(
            f"After {words} still: {act.reason}. Nothing more was touched.",
            cleanup_hint=f"Find the old cluster by its resource id {resource_id}, and rename it to {aside}. If another "
            f"party deleted it, CloudTrail shows the call (DeleteDBCluster). "
            + _how_to_restore(seen, aside, resource_id, creates_instances=False),
        )
    # A new cluster that serves gives way only to one that serves: it does not give up the name, and is not removed.
    coming = places_in(seen, parties).retired if isinstance(act, RenameCluster) else restored_by_hand(seen)
    is_lost = coming and coming.db_cluster_resource_id != parties.replacement.replaced_resource_id
    if coming and is_lost and not isinstance(act, Wait):
        _require_by_hand_serving(seen, coming)
    return act


def _require_by_hand_serving(seen: Seen, cluster: DbCluster) -> None:
    """Raises ClusterFailed while no client can use a cluster that a person has restored: only a person can mend it."""
    name, status = cluster.db_cluster_identifier, cluster.status
    if status not in SERVING_STATUSES:
        raise ClusterFailed(
            f"The cluster {name}, which was restored by hand, is `{status}`.",
            cleanup_hint="The cleanup goes on once it has an available instance. If it has failed, delete it and "
            "restore it again, with the same tag.",
        )
    if not any(item.status in SERVING_STATUSES for item in seen.members(name)):
        raise ClusterFailed(
            f"The cluster {name}, which was restored by hand, has no available instance.",
            cleanup_hint="Create its instances. The cleanup goes on once one of them is available.",
        )


def is_made_by(cluster: DbCluster, operation_id: str) -> bool:
    """Whether the operation made the cluster to be the new one; a cluster that a cleanup makes again has another
    tag."""
    return cluster.tags.get(OPERATION_TAG) == operation_id and PUT_BACK_TAG not in cluster.tags


def new_to_remove(seen: Seen) -> DbCluster | None:
    """The cluster that the run made; an undo makes none."""
    plan = plan_of(seen)
    if plan is None or plan.strategy is Strategy.UNDO:
        return None
    cluster = seen.find(plan.cluster.db_cluster_identifier)
    is_ours = cluster is not None and is_made_by(cluster, seen.operation.operation_id)
    return cluster if is_ours else None


def stop_kept_again(seen: Seen) -> Act | Wait | None:
    """Of an undo that failed: the kept cluster is stopped again, under its retired name."""
    plan = plan_of(seen)
    if plan is None or plan.strategy is not Strategy.UNDO:
        return None
    kept = seen.find(plan.cluster.db_cluster_identifier)
    if kept is None or kept.status == "stopped" or not kept.member_identifiers:
        return None
    if kept.status != "available":
        return Wait("stop", f"the kept cluster is `{kept.status}`")
    name = kept.db_cluster_identifier
    return StopCluster(name, reason=f"the kept cluster {name} is being stopped again")


def await_before_remaking(seen: Seen) -> Act | Wait | None:
    """The name is about to be the old cluster's again: no late request for the new one may reach it there."""
    if _deleted_first(seen) is None:
        return None
    target = _target(seen)
    if target is not None and target.status == "deleting":
        return Wait("cluster_deleted", f"{target.db_cluster_identifier} is `deleting`")
    return await_late_arrivals(seen)


def remake_old(seen: Seen) -> Act | Wait | None:
    """After delete_first: the old cluster is restored from its final snapshot, as its configuration was.

    Raises:
        FinalSnapshotFailed: there is no final snapshot to restore it from.
        NameTaken, ClusterFailed, InstanceFailed: it, or an instance of it, does not come up, or is another's.
    """
    replacement = _deleted_first(seen)
    if replacement is None:
        return None
    operation = seen.operation
    configuration = ClusterConfiguration.from_item(operation.record.replaced.item)
    plan = plan_of_replaced(operation, configuration)
    cluster = _target(seen)
    if cluster is None:
        name, final = plan.cluster.db_cluster_identifier, replacement.final_snapshot_identifier or ""
        snapshot = seen.snapshot(final) if final else None
        # A snapshot of another cluster under this name would put other data in the place of what was there.
        if snapshot is None or snapshot.db_cluster_resource_id != replacement.replaced_resource_id:
            raise FinalSnapshotFailed(
                f"The final snapshot {final} does not exist: the old cluster cannot be restored from it.",
                cleanup_hint="CloudTrail shows the call that deleted it (DeleteDBClusterSnapshot). "
                + _how_to_restore(seen, name, replacement.replaced_resource_id, creates_instances=True),
            )
        if snapshot.status != "available":
            raise FinalSnapshotFailed(
                f"The final snapshot {final} is `{snapshot.status}`: the old cluster cannot be restored from it yet.",
                cleanup_hint="The cleanup goes on once it is `available`. If it has failed: "
                + _how_to_restore(seen, name, replacement.replaced_resource_id, creates_instances=True),
            )
        reason = f"{name} is being restored from its final snapshot"
        # What an earlier cluster was asked for, which a person has deleted since, is asked for anew.
        made_again = {**changed(Retirement, made_again=True), **changed(Cleanup, asked={})}
        return RestoreCluster(name, final, restore_parameters(plan, final), reason=reason, also=made_again)
    # Readers that Application Auto Scaling has added meanwhile are not part of the plan.
    expected = {item.db_instance_identifier for item in plan.instances}
    found = seen.members(cluster.db_cluster_identifier)
    instances = [item for item in found if item.db_instance_identifier in expected]
    is_ours = is_remade(cluster, replacement, operation.operation_id)
    if is_ours and (not_yet := clear_failed_instance(seen, cluster, instances)):
        return not_yet
    if is_of_deletion_that_had_begun(cluster, replacement):
        # The old cluster itself is treated as one that is restored: it is known by its resource id.
        tag = {PUT_BACK_TAG: operation.operation_id}
        cluster = replace(cluster, tags=tag)
        instances = [replace(item, tags=tag) for item in instances]
    elif is_ours and is_put_back_by_hand(cluster.tags):
        cluster = replace(cluster, tags={PUT_BACK_TAG: operation.operation_id})
    owner = Owner(operation.operation_id, PUT_BACK_TAG)
    if is_ours:
        mine = [item for item in instances if item.tags.get(PUT_BACK_TAG) == operation.operation_id]
        _require_no_failure(seen, replacement, cluster, mine)
    try:
        return decide_restore(owner, plan, cluster, instances, Asking(seen.now, operation.asked_by_cleanup()))
    except ClusterFailed as overdue:
        # A setting that RDS has not changed within its time: the cluster itself is well.
        hint = "Make this change by hand. The cluster serves, and is not to be deleted."
        raise ClusterFailed(overdue.message, cleanup_hint=hint) from None


def _require_no_failure(
    seen: Seen, replacement: Replacement, cluster: DbCluster, instances: Sequence[DbInstance]
) -> None:
    """Raises ClusterFailed or InstanceFailed with what a person does to the cluster that is put back."""
    name, status = cluster.db_cluster_identifier, cluster.status
    events = "Its events say why: aws rds describe-events --duration 1440 --source-type"
    if status in FAILED_CLUSTER_STATUSES:
        hint = f"{events} db-cluster. Bring it back into service."
        if status in STOPPED_STATUSES:
            hint = f"Once it is `stopped`, start it: aws rds start-db-cluster --db-cluster-identifier {name}."
        # Instances are created once it is available: without any it has never served, unless it is the old one itself.
        elif (
            status in FAILED_RESTORE_STATUSES
            and cluster.db_cluster_resource_id != replacement.replaced_resource_id
            and not seen.members(name)
        ):
            hint = f"{events} db-cluster. Remove the cause and delete the cluster, which has never served. "
            final = replacement.final_snapshot_identifier
            snapshot = seen.snapshot(final) if final else None
            is_of_old = snapshot and snapshot.db_cluster_resource_id == replacement.replaced_resource_id
            if snapshot and is_of_old and snapshot.status == "available":
                hint += f"The cleanup restores it from {final} again."
            else:
                hint += f"The final snapshot {final} is not available. "
                hint += _how_to_restore(seen, name, replacement.replaced_resource_id, creates_instances=True)
        raise ClusterFailed(f"The cluster {name} is `{status}`.", cleanup_hint=hint)
    for item in instances:
        if item.status in FAILED_INSTANCE_STATUSES:
            raise InstanceFailed(
                f"The instance {item.db_instance_identifier} is `{item.status}`.",
                cleanup_hint=f"{events} db-instance. Bring it back into service, or delete it: it is created again. "
                "The data of an Aurora cluster is not in its instances.",
            )


def _how_to_restore(seen: Seen, name: str, resource_id: str, *, creates_instances: bool) -> str:
    """How a person restores an old cluster that is lost, so that the cleanup goes on with it."""
    operation_id = seen.operation.operation_id
    replaced = seen.operation.record.replaced
    before = ClusterConfiguration.from_item(replaced.item) if replaced else None
    # What RDS would choose by itself ("created with the default DB security group", its API reference).
    given = (
        {
            "--port": str(before.port or ""),
            "--db-subnet-group-name": before.db_subnet_group_name or "",
            "--vpc-security-group-ids": " ".join(before.vpc_security_group_ids),
        }
        if before
        else {}
    )
    options = "".join(f" {option} {value}" for option, value in given.items() if value)
    instances = (
        "Create no instances: the cleanup creates them"
        if creates_instances
        else "Create its instances: the cleanup goes on once one of them is available"
    )
    return (
        f"Restore it by hand as {name}, with the settings that `aurora-restore status {operation_id}` shows, from its "
        "retained automated backups: aws rds restore-db-cluster-to-point-in-time --source-db-cluster-resource-id "
        f"{resource_id} --use-latest-restorable-time --db-cluster-identifier {name}{options} --tags "
        f"Key={PUT_BACK_TAG},Value={operation_id}{BY_HAND}. Or restore it from another snapshot, with the same options "
        f"and tag. {instances}."
    )


def clear_failed_instance(
    seen: Seen, cluster: DbCluster, instances: Sequence[DbInstance]
) -> DeleteInstance | Wait | None:
    """An instance that did not come up makes room for the next attempt: a passing cause must not need a person.

    Its tag says that this cleanup created it. All other instances stay, whatever their status is.

    Raises InstanceFailed where the attempts have failed for `CREATE_AGAIN_LIMIT`.
    """
    operation = seen.operation
    for item in instances:
        name, status = item.db_instance_identifier, item.status
        if item.tags.get(PUT_BACK_TAG) != operation.operation_id:
            continue
        if status == "deleting":
            return Wait("instances_deleted", f"the instance {name} is `deleting`, and is created again")
        if status not in FAILED_CREATION_STATUSES:
            continue
        kind = f"{CLEAR_INSTANCE}-{name}"
        asked = operation.asked_by_cleanup().get(kind)
        # The cluster does not serve meanwhile: the alarm of a failed cleanup must not be late.
        if asked and asked.is_overdue(seen.now, CREATE_AGAIN_LIMIT):
            raise InstanceFailed(
                f"The instance {name} of the old cluster, which was restored, is `{status}` again and again.",
                cleanup_hint="Its events say why: aws rds describe-events --source-type db-instance --duration 1440. "
                "Remove the cause and delete the instance: the cleanup creates it again.",
            )
        before = operation.record.cleanup.asked.get(kind)
        return DeleteInstance(
            name,
            cluster.db_cluster_identifier,
            kind=kind,
            reason=f"the instance {name} is `{status}`: it is being deleted, and is created again",
            also=cleanup_act_changed(kind, asked_now(before, name, seen.now)),
        )
    return None


def remade_old(seen: Seen) -> DbCluster | None:
    """The old cluster under its name, which this cleanup has restored, or whose deletion had only begun."""
    replacement, target = _deleted_first(seen), _target(seen)
    if replacement is None or target is None or target.status not in SERVING_STATUSES:
        return None
    return target if is_remade(target, replacement, seen.operation.operation_id) else None


def is_remade(cluster: DbCluster, replacement: Replacement, operation_id: str) -> bool:
    """Whether the cleanup has restored it, or it is the old cluster itself."""
    is_ours = put_back_by(cluster.tags) == operation_id
    return is_ours or is_of_deletion_that_had_begun(cluster, replacement)


def is_of_deletion_that_had_begun(cluster: DbCluster, replacement: Replacement) -> bool:
    """Whether it is the old cluster itself: what is left of it is completed."""
    return cluster.db_cluster_resource_id == replacement.replaced_resource_id


def delete_unfinished_copy(seen: Seen) -> Act | Wait | None:
    """The copy that the run began and that is not finished; a finished one is kept for the next attempt."""
    plan = plan_of(seen)
    name = plan.copy.cluster_snapshot_identifier if plan and plan.copy else None
    copy = seen.snapshot(name) if name else None
    if name is None or copy is None or copy.tags.get(OPERATION_TAG) != seen.operation.operation_id:
        return None
    if copy.status == "available":
        return None
    if copy.status in GOING_STATUSES:
        return Wait("copy_deleted", f"the unfinished copy {name} is `{copy.status}`")
    reason = f"the unfinished copy {name} is being deleted"
    return DeleteSnapshot(name, "the unfinished copy", reason=reason, waits_for="copy_deleted")


def delete_unneeded_final_snapshot(seen: Seen) -> Act | Wait | None:
    """The final snapshot of an old cluster that was not deleted. If the cluster was restored from it, it is kept."""
    plan = plan_of(seen)
    return delete_final_snapshot_of(seen, plan.target_cluster_id) if plan else None


def delete_final_snapshot_of(seen: Seen, old: str) -> Act | Wait | None:
    """The final snapshot that this operation took of the old cluster, which exists under the name `old`."""
    plan = plan_of(seen)
    replacement = plan.replacement if plan else None
    name = replacement.final_snapshot_identifier if replacement else None
    if replacement is None or name is None:
        return None
    snapshot = seen.snapshot(name)
    if snapshot is None or snapshot.tags.get(OPERATION_TAG) != seen.operation.operation_id:
        return None
    # Read in this moment: without the cluster the snapshot would be all that is left of its data.
    existing = seen.find_anew(old)
    if existing is None:
        return None
    of_the_replaced = {snapshot.db_cluster_resource_id, existing.db_cluster_resource_id}
    if of_the_replaced != {replacement.replaced_resource_id}:
        return None
    if snapshot.status in GOING_STATUSES:
        return Wait("snapshot_deleted", f"the snapshot {name} is `{snapshot.status}`")
    reason = f"the snapshot {name} of the old cluster, which was not deleted, is being deleted"
    return DeleteSnapshot(name, "the unneeded final snapshot", reason=reason)


def unmark_old(seen: Seen) -> Act | Wait | None:
    """An old cluster that was not replaced after all bears no mark of it."""
    target = _target(seen)
    if target is None or target.tags.get(REPLACED_BY_TAG) != seen.operation.operation_id:
        return None
    name, keys = target.db_cluster_identifier, [REPLACED_BY_TAG, KEEP_UNTIL_TAG]
    return Untag(name, target.db_cluster_arn, keys, reason=f"{name} is no longer marked as replaced")


def await_late_arrivals(seen: Seen) -> Act | Wait | None:
    """What a stopped run requested last may still take effect: wait for it, so that it is removed as well."""
    operation, parties = seen.operation, parties_in(seen)
    asked = [*operation.all_asked().values(), *operation.asked_by_cleanup().values()]
    # A rename that takes effect after the record is closed would take the name from the cluster that has it.
    late = late_rename_of_old(asked, parties, places_in(seen, parties), seen.now) if parties else None
    if late:
        words = f"RDS may still carry out the rename that it was asked for at {format_time(late.last)}"
        return Wait("late_rename", words, percent=90)
    if not may_arrive_late(operation, seen.execution, seen.ended_time, seen.now):
        return None
    words = "a function that was at work when the execution was stopped may still be at its last request"
    return Wait("late_arrivals", words, percent=90)


def require_old_serving(seen: Seen) -> Act | Wait | None:
    """An old cluster counts as put back only once it is available."""
    plan = plan_of(seen)
    if plan is None or plan.replacement is None:
        return None
    target = seen.find(plan.target_cluster_id)
    if target is None:
        return Wait("rename", f"{plan.target_cluster_id} does not show yet", percent=90)
    if target.status not in SERVING_STATUSES:
        return Wait("change", f"{plan.target_cluster_id} is `{target.status}`", percent=90)
    if by_hand := restored_by_hand(seen):
        _require_by_hand_serving(seen, by_hand)
    return None


def restored_by_hand(seen: Seen) -> DbCluster | None:
    """The cluster under the target's name, where a person has restored it for this rollback."""
    target, parties = _target(seen), parties_in(seen)
    if target is None or put_back_by(target.tags) != seen.operation.operation_id:
        return None
    # Where both clusters exist at once the cleanup restores none: whatever has the tag there is a person's.
    return target if parties or is_put_back_by_hand(target.tags) else None


def _target(seen: Seen) -> DbCluster | None:
    plan = plan_of(seen)
    return seen.find(plan.target_cluster_id) if plan else None


def _deleted_first(seen: Seen) -> Replacement | None:
    """The replacement of a run with delete_first whose first deletion had begun."""
    plan = plan_of(seen)
    if plan is None or plan.strategy is not Strategy.DELETE_FIRST:
        return None
    return plan.replacement if seen.operation.record.retirement.deletion_has_begun else None
