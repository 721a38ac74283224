"""Deciding about the snapshot copy: wait for one, take a finished one, or start one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aurora_restore.domain.acts import Done, Wait
from aurora_restore.domain.errors import NameTaken, SnapshotCopyFailed
from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG, SNAPSHOT_PREFIX
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_SNAPSHOT_STATUSES, GOING_STATUSES
from aurora_restore.domain.times import parse_time


@dataclass(frozen=True)
class StartCopy:
    """A copy is to be made, and why; what the act needs of its source is looked up only then."""

    reason: str


@dataclass(frozen=True)
class UseCopy(Done):
    """A finished copy, which is restored from."""

    snapshot: ClusterSnapshot


def decide_copy(
    operation_id: str, plan: RestorePlan, snapshots: Sequence[ClusterSnapshot], now: datetime
) -> StartCopy | Wait | UseCopy:
    """Decide from the snapshots of the target Region.

    A finished copy of the same snapshot and key is used, whichever operation made it, unless its retention is over;
    one in flight is waited for, so that there are never two.

    Raises:
        NameTaken, SnapshotCopyFailed
    """
    name = plan.copy.cluster_snapshot_identifier if plan.copy else None
    own = next((item for item in snapshots if item.db_cluster_snapshot_identifier == name), None)
    if own and own.tags.get(OPERATION_TAG) != operation_id:
        owner = own.tags.get(OPERATION_TAG, "an owner unknown to this pipeline")
        raise NameTaken(f"The snapshot name {name} is taken; it belongs to {owner}.")
    copies = [item for item in snapshots if is_copy_for(plan, item)]
    finished = [item for item in copies if item.status == "available" and (item is own or is_kept(item, now))]
    if own is not None and own in finished:
        reason = f"the copy {own.db_cluster_snapshot_identifier} is finished"
        return UseCopy(reason, own)
    if finished:
        chosen, maker = finished[0], finished[0].tags[OPERATION_TAG]
        reason = f"the finished copy {chosen.db_cluster_snapshot_identifier} of the operation {maker} is used again"
        return UseCopy(reason, chosen)
    # Not one of `copies`, then: it has another source or another key than the plan.
    if own and own.status == "available":
        raise NameTaken(
            f"The snapshot {own.db_cluster_snapshot_identifier} of this operation is not a copy of "
            f"{plan.source.cluster_snapshot_identifier} under the planned key."
        )
    if own and own.status in FAILED_SNAPSHOT_STATUSES:
        raise SnapshotCopyFailed(
            f"The copy {own.db_cluster_snapshot_identifier} of {plan.source.cluster_snapshot_identifier} "
            f"ended `{own.status}`."
        )
    # RDS admits five copies at a time in a Region: two of the same would take the slot of another run.
    ended = FAILED_SNAPSHOT_STATUSES | GOING_STATUSES | {"available"}
    in_flight = [item for item in copies if item.status not in ended]
    going = own or next(iter(in_flight), None)
    if going:
        reason = f"the copy {going.db_cluster_snapshot_identifier} is `{going.status}`"
        return Wait("copy", reason, going.percent_progress, going.percent_progress)
    return StartCopy("no copy of this snapshot under this key is in the target Region")


def is_kept(snapshot: ClusterSnapshot, now: datetime) -> bool:
    """Whether the retention in its tags still lasts. A copy past its retention may be removed at any moment."""
    until = snapshot.tags.get(RETAIN_UNTIL_TAG)
    return until is None or parse_time(until) > now


def is_copy_for(plan: RestorePlan, snapshot: ClusterSnapshot) -> bool:
    """Whether a snapshot is a copy of ours of the planned snapshot under the planned key."""
    return (
        plan.copy is not None
        and snapshot.db_cluster_snapshot_identifier.startswith(SNAPSHOT_PREFIX)
        and OPERATION_TAG in snapshot.tags
        and snapshot.source_db_cluster_snapshot_arn == plan.source.cluster_snapshot_arn
        and (plan.copy.kms_key_id is None or snapshot.kms_key_id == plan.copy.kms_key_id)
    )
