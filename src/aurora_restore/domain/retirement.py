"""Deciding about the end of a cluster: its final snapshot, seen finished; then its instances; then the cluster.

Nothing is deleted unless a fresh look shows that it is the very cluster to be deleted, that it is not protected, and
that the final snapshot exists if one was requested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.acts import (
    Act,
    DeleteCluster,
    DeleteInstance,
    StartCluster,
    StopCluster,
    Tag,
    TakeSnapshot,
    Wait,
)
from aurora_restore.domain.errors import (
    DeletionProtected,
    FinalSnapshotFailed,
    GlobalClusterMember,
    NameTaken,
)
from aurora_restore.domain.fencing import decide_fence
from aurora_restore.domain.naming import KEEP_UNTIL_TAG, OPERATION_TAG, REPLACED_BY_TAG
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.rds_statuses import FAILED_SNAPSHOT_STATUSES, STOPPED_STATUSES
from aurora_restore.domain.times import format_time, parse_time

DELETING = "deleting"


@dataclass(frozen=True)
class Retiring:
    """What is known of the cluster that is to go, all of it from a fresh look.

    `resource_id`: the one cluster that may be deleted. `cluster`: the cluster that has its name. `final_snapshot` is
    the snapshot named `final_snapshot_identifier`, which is None where none was requested; `final_snapshot_tags` are
    those it is to have. `open_port`: the one under which clients know it, None where it is not to be fenced;
    `fence_is_under_way`: that was asked for just now. `keeps_backups`: its automated backups are retained, if there is
    room. `before_snapshot` and `before_deletion`: what the record is to say before either is asked for.
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
    keeps_backups: bool = True
    final_snapshot_tags: Mapping[str, str] = field(default_factory=dict)
    before_snapshot: Mapping[str, Any] = field(default_factory=dict)
    before_deletion: Mapping[str, Any] = field(default_factory=dict)


def open_port_of(operation: Operation) -> int | None:
    """The port under which clients knew the cluster that an operation replaces; old records may not say it."""
    return operation.record.replaced.port or None


def decide_retirement(seen: Retiring) -> Act | Wait | None:
    """The next thing to do so that the cluster goes; None where it is gone.

    Raises:
        NameTaken: another cluster, or another snapshot, has the name.
        DeletionProtected, GlobalClusterMember: an operator protected it, or made it part of a global cluster.
        FinalSnapshotFailed
    """
    cluster = seen.cluster
    if cluster is None:
        return None
    refuse_another_cluster(cluster, seen.resource_id)
    name = cluster.db_cluster_identifier
    if cluster.status == DELETING:
        return Wait("cluster_deleted", f"the cluster {name} is `deleting`")
    if not_yet := _before_the_first_deletion(seen, cluster):
        return not_yet
    # Readers first, the writer last, then the cluster: RDS wants every instance of it on its way out.
    existing = {item.db_instance_identifier for item in seen.instances if item.status != DELETING}
    last_first = [member for member in reversed(cluster.member_identifiers) if member in existing]
    last_first += sorted(existing - set(last_first))
    if last_first:
        kind = f"delete_instance-{last_first[0]}"
        reason = f"the instance {last_first[0]} of {name} goes"
        return DeleteInstance(last_first[0], name, kind=kind, reason=reason, also=seen.before_deletion)
    return DeleteCluster(
        name,
        keep_backups=seen.keeps_backups,
        may_lose_backups=has_final_snapshot(seen),
        reason=f"the cluster {name} goes",
        also=seen.before_deletion,
    )


def decide_keeping(
    operation_id: str, resource_id: str, cluster: DbCluster, now: datetime, keep: timedelta
) -> Tag | StopCluster | Wait | None:
    """The next thing to do so that a replaced cluster is kept: marked, and stopped; None where it is.

    Raises NameTaken where another cluster has the name.
    """
    refuse_another_cluster(cluster, resource_id)
    until, name = cluster.tags.get(KEEP_UNTIL_TAG), cluster.db_cluster_identifier
    # The mark may be that of a retirement which was given up: the cluster is to be kept from now on.
    is_over = until is None or parse_time(until) <= now
    if not is_marked(cluster, operation_id) or is_over:
        return mark_replaced(operation_id, cluster, now + keep)
    # A cluster without instances has nothing to stop: it costs only its storage.
    if cluster.status == "available" and cluster.member_identifiers:
        return StopCluster(name, reason=f"{name} is being stopped")
    if cluster.status not in ("stopped", "available"):
        return Wait("stop", f"the replaced cluster {name} is `{cluster.status}`")
    return None


def is_marked(cluster: DbCluster, operation_id: str) -> bool:
    """Whether its tags say that the operation replaced it."""
    return cluster.tags.get(REPLACED_BY_TAG) == operation_id


def mark_replaced(operation_id: str, cluster: DbCluster, until: datetime) -> Tag:
    """Its tags say which operation replaced it, and until when it is kept."""
    name = cluster.db_cluster_identifier
    tags = {REPLACED_BY_TAG: operation_id, KEEP_UNTIL_TAG: format_time(until)}
    reason = f"{name} is marked as replaced"
    return Tag(name, cluster.db_cluster_arn, tags, kind="mark_replaced", reason=reason, percent=10)


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


def _before_the_first_deletion(seen: Retiring, cluster: DbCluster) -> Act | Wait | None:
    name = cluster.db_cluster_identifier
    if cluster.deletion_protection:
        raise DeletionProtected(f"The cluster {name} has deletion protection. It was not deleted.")
    if seen.global_cluster:
        raise GlobalClusterMember(
            f"The cluster {name} is a member of the global cluster {seen.global_cluster}. It was not deleted."
        )
    if cluster.status in STOPPED_STATUSES:
        # RDS neither snapshots nor deletes a cluster that does not run.
        reason = f"the cluster {name} is `{cluster.status}`"
        return StartCluster(name, reason=reason) if cluster.status == "stopped" else Wait("start", reason)
    if seen.final_snapshot_identifier is None or has_final_snapshot(seen):
        return None
    # A snapshot that exists was begun behind the fence.
    if seen.final_snapshot is None and (fence := _fence(seen, cluster)):
        return fence
    return _final_snapshot(seen, cluster, seen.final_snapshot_identifier)


def _fence(seen: Retiring, cluster: DbCluster) -> Act | Wait | None:
    """What is written after the final snapshot would be lost: none is taken while clients can write."""
    if seen.open_port is None:
        return None
    return decide_fence(cluster, seen.instances, seen.open_port, under_way=seen.fence_is_under_way)


def _final_snapshot(seen: Retiring, cluster: DbCluster, identifier: str) -> Act | Wait:
    snapshot = seen.final_snapshot
    if snapshot is None:
        reason = f"{cluster.db_cluster_identifier} is not deleted without its final snapshot {identifier}"
        return TakeSnapshot(
            cluster.db_cluster_identifier,
            identifier,
            seen.final_snapshot_tags,
            reason=reason,
            also=seen.before_snapshot,
        )
    if snapshot.tags.get(OPERATION_TAG) != seen.operation_id:
        raise NameTaken(f"The snapshot name {identifier} is taken by one that this operation did not make.")
    if snapshot.status in FAILED_SNAPSHOT_STATUSES:
        raise FinalSnapshotFailed(
            f"The final snapshot {identifier} of {cluster.db_cluster_identifier} ended `{snapshot.status}`. "
            "The cluster was not deleted."
        )
    # Finished, and yet not the final snapshot (`has_final_snapshot`).
    if snapshot.status == "available":
        raise NameTaken(
            f"The snapshot {identifier} is of another cluster than {cluster.db_cluster_identifier}."
        )
    reason = f"the final snapshot {identifier} is `{snapshot.status}`"
    return Wait("final_snapshot", reason, reported_percent=snapshot.percent_progress)
