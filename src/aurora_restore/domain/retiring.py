"""Deciding about the end of a cluster: its final snapshot, seen finished; then its instances; then the cluster.

Nothing is deleted unless a fresh look shows that it is the very cluster to be deleted, that it is not protected, and
that the final snapshot exists if one was requested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from aurora_restore.domain.errors import (
    DeletionProtected,
    FinalSnapshotFailed,
    GlobalClusterMember,
    NameTaken,
)
from aurora_restore.domain.fencing import FenceAction, decide_fence
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance
from aurora_restore.domain.rds_statuses import FAILED_SNAPSHOT_STATUSES, STOPPED_STATUSES

DELETING = "deleting"


class RetireAction(Enum):
    START = "start"
    FENCE = "fence"
    TAKE_FINAL_SNAPSHOT = "take final snapshot"
    DELETE_INSTANCE = "delete instance"
    DELETE_CLUSTER = "delete cluster"
    WAIT = "wait"
    DONE = "done"


DESTRUCTIVE = frozenset({RetireAction.DELETE_INSTANCE, RetireAction.DELETE_CLUSTER})


@dataclass(frozen=True)
class RetireDecision:
    """`waiting_for` names what is waited for; `subject` the instance that is to go."""

    action: RetireAction
    reason: str
    waiting_for: str = ""
    percent: int | None = None
    subject: str | None = None


@dataclass(frozen=True)
class Retiring:
    """What is known of the cluster that is to go, all of it from a fresh look.

    `resource_id`: the one cluster that may be deleted. `cluster`: the cluster that has its name. `final_snapshot` is
    the snapshot named `final_snapshot_identifier`, which is None where none was requested. `open_port`: the one under
    which clients know it, None where it is not to be fenced; `fence_is_under_way`: that was asked for just now.
    """

    operation_id: str
    resource_id: str
    cluster: DbCluster | None
    instances: Sequence[DbInstance] = ()
    final_snapshot_identifier: str | None = None
    final_snapshot: ClusterSnapshot | None = None
    global_cluster: str | None = None
    open_port: int | None = None
    fence_is_under_way: bool = False


def decide_retirement(seen: Retiring) -> RetireDecision:
    """The next thing to do so that the cluster goes.

    Raises:
        NameTaken: another cluster, or another snapshot, has the name.
        DeletionProtected, GlobalClusterMember: an operator protected it, or made it part of a global cluster.
        FinalSnapshotFailed
    """
    cluster = seen.cluster
    if cluster is None:
        return RetireDecision(RetireAction.DONE, "the cluster is gone")
    refuse_another_cluster(cluster, seen.resource_id)
    if cluster.status == DELETING:
        reason = f"the cluster {cluster.db_cluster_identifier} is `deleting`"
        return RetireDecision(RetireAction.WAIT, reason, "cluster_deleted")
    if not_yet := _before_the_first_deletion(seen, cluster):
        return not_yet
    return _deletion(seen, cluster)


def refuse_another_cluster(cluster: DbCluster, resource_id: str) -> None:
    """Raises NameTaken where the cluster is not the one to be deleted."""
    if cluster.db_cluster_resource_id != resource_id:
        raise NameTaken(
            f"The cluster {cluster.db_cluster_identifier} is {cluster.db_cluster_resource_id}, not {resource_id}, "
            "which is the one to be retired. It was not touched."
        )


def has_final_snapshot(seen: Retiring) -> bool:
    """Whether the requested final snapshot is finished, of this very cluster, and this operation's."""
    snapshot = seen.final_snapshot
    return (
        snapshot is not None
        and snapshot.status == "available"
        and snapshot.db_cluster_resource_id == seen.resource_id
        and snapshot.tags.get(OPERATION_TAG) == seen.operation_id
    )


def _before_the_first_deletion(seen: Retiring, cluster: DbCluster) -> RetireDecision | None:
    name = cluster.db_cluster_identifier
    if cluster.deletion_protection:
        raise DeletionProtected(f"The cluster {name} has deletion protection. It was not deleted.")
    if seen.global_cluster:
        raise GlobalClusterMember(
            f"The cluster {name} is a member of the global cluster {seen.global_cluster}. It was not deleted."
        )
    if cluster.status in STOPPED_STATUSES:
        # RDS neither snapshots nor deletes a cluster that does not run.
        action = RetireAction.START if cluster.status == "stopped" else RetireAction.WAIT
        return RetireDecision(action, f"the cluster {name} is `{cluster.status}`", "start")
    if seen.final_snapshot_identifier is None or has_final_snapshot(seen):
        return None
    if seen.final_snapshot is None and (fence := _fence(seen, cluster)):
        return fence
    return _final_snapshot(seen, cluster, seen.final_snapshot_identifier)


def _fence(seen: Retiring, cluster: DbCluster) -> RetireDecision | None:
    """What is written after the final snapshot would be lost: none is taken while clients can write."""
    if seen.open_port is None:
        return None
    decision = decide_fence(cluster, seen.instances, seen.open_port, under_way=seen.fence_is_under_way)
    if decision.action is FenceAction.DONE:
        return None
    action = RetireAction.WAIT if decision.action is FenceAction.WAIT else RetireAction.FENCE
    return RetireDecision(action, decision.reason, "fence")


def _final_snapshot(seen: Retiring, cluster: DbCluster, identifier: str) -> RetireDecision:
    snapshot = seen.final_snapshot
    if snapshot is None:
        reason = f"{cluster.db_cluster_identifier} is not deleted without its final snapshot {identifier}"
        return RetireDecision(RetireAction.TAKE_FINAL_SNAPSHOT, reason, "final_snapshot")
    if snapshot.tags.get(OPERATION_TAG) != seen.operation_id:
        raise NameTaken(f"The snapshot name {identifier} is taken by one that this operation did not make.")
    if snapshot.status in FAILED_SNAPSHOT_STATUSES:
        raise FinalSnapshotFailed(
            f"The final snapshot {identifier} of {cluster.db_cluster_identifier} ended `{snapshot.status}`. "
            "The cluster was not deleted."
        )
    if snapshot.status == "available":
        raise NameTaken(
            f"The snapshot {identifier} is of another cluster than {cluster.db_cluster_identifier}."
        )
    reason = f"the final snapshot {identifier} is `{snapshot.status}`"
    return RetireDecision(RetireAction.WAIT, reason, "final_snapshot", snapshot.percent_progress)


def _deletion(seen: Retiring, cluster: DbCluster) -> RetireDecision:
    """Readers first, the writer last, then the cluster: RDS wants no instance left that is not on its way out."""
    existing = {item.db_instance_identifier for item in seen.instances if item.status != DELETING}
    last_first = [name for name in reversed(cluster.member_identifiers) if name in existing]
    last_first += sorted(existing - set(last_first))
    if last_first:
        reason = f"the instance {last_first[0]} of {cluster.db_cluster_identifier} goes"
        return RetireDecision(
            RetireAction.DELETE_INSTANCE, reason, "instances_deleted", subject=last_first[0]
        )
    return RetireDecision(
        RetireAction.DELETE_CLUSTER, f"the cluster {cluster.db_cluster_identifier} goes", "cluster_deleted"
    )
