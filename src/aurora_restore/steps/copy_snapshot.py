"""CopySnapshot: bring the snapshot into the target Region, under a key of that Region."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.copying import CopyAction, CopyDecision, decide_copy
from aurora_restore.domain.errors import CopySlotsInUse, SnapshotNotFound
from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG, SOURCE_SNAPSHOT_TAG
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan, SnapshotCopy
from aurora_restore.domain.results import done, in_progress, skipped
from aurora_restore.domain.times import format_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.runner import record_making
from aurora_restore.steps.world import World


def copy_snapshot(operation: Operation, world: World) -> StepOutcome:
    """Start the copy, wait for it, or find it. Raises NameTaken, SnapshotCopyFailed, and what RDS refuses."""
    plan = operation.plan
    if plan.copy is None:
        return StepOutcome(skipped(f"no copy is needed: {plan.copy_reason}"))
    decision = decide_copy(operation.operation_id, plan, _snapshots_of_target(world, plan, plan.copy))
    if decision.action is CopyAction.START:
        return _start(operation, world, plan, plan.copy, decision)
    if decision.action is CopyAction.USE and decision.snapshot:
        used = decision.snapshot.db_cluster_snapshot_identifier
        event = Event("copy.used", {"cluster_snapshot_identifier": used, "reason": decision.reason})
        return StepOutcome(done(decision.reason), {"snapshot_details.restored_from": used}, (event,))
    percent = decision.snapshot.percent_progress if decision.snapshot else 0
    return StepOutcome(in_progress(decision.reason, percent))


def retain_until(world: World) -> str:
    """Until when a copy is kept that is made or used now."""
    return format_time(world.clock.now() + timedelta(days=world.settings.copy_retention_days))


def _snapshots_of_target(world: World, plan: RestorePlan, copy: SnapshotCopy) -> list[ClusterSnapshot]:
    """The copies that carry the source cluster's name, and whatever stands under the name that we want."""
    found = list(world.target_rds.list_cluster_snapshots(plan.source.db_cluster_identifier))
    own = world.target_rds.find_cluster_snapshot(copy.cluster_snapshot_identifier)
    names = {item.db_cluster_snapshot_identifier for item in found}
    if own and own.db_cluster_snapshot_identifier not in names:
        found.append(own)
    return found


def _start(
    operation: Operation, world: World, plan: RestorePlan, copy: SnapshotCopy, decision: CopyDecision
) -> StepOutcome:
    source = world.rds(plan.source.region).find_cluster_snapshot(plan.source.cluster_snapshot_arn)
    if source is None:
        raise SnapshotNotFound(
            f"The snapshot {plan.source.cluster_snapshot_identifier} is gone from {plan.source.region} "
            "since the plan was made."
        )
    tags = {
        OPERATION_TAG: operation.operation_id,
        SOURCE_SNAPSHOT_TAG: plan.source.cluster_snapshot_arn,
        RETAIN_UNTIL_TAG: retain_until(world),
    }
    record_making(world, operation.operation_id, "copy", copy.cluster_snapshot_identifier)
    try:
        world.target_rds.copy_cluster_snapshot(
            source, plan.source.region, copy.cluster_snapshot_identifier, copy.kms_key_id, tags
        )
    except CopySlotsInUse:
        return StepOutcome(
            in_progress("five copies are in flight in the target Region: waiting for a free slot")
        )
    event = Event(
        "copy.started",
        {"cluster_snapshot_identifier": copy.cluster_snapshot_identifier, "reason": decision.reason},
    )
    return StepOutcome(in_progress(f"the copy {copy.cluster_snapshot_identifier} was started"), {}, (event,))
