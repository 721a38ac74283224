"""CopySnapshot: bring the snapshot into the target Region, under a key of that Region."""

from __future__ import annotations

from datetime import datetime, timedelta

from aurora_restore.domain.acts import CopySnapshot, Tag, Wait
from aurora_restore.domain.copying import StartCopy, decide_copy
from aurora_restore.domain.errors import CopySlotsInUse, SnapshotNotFound
from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG, SOURCE_SNAPSHOT_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan, SnapshotCopy
from aurora_restore.domain.record import SnapshotDetails, changed
from aurora_restore.domain.results import done, in_progress, skipped
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import perform, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard


def copy_snapshot(operation: Operation, ports: Ports) -> StepOutcome:
    """Start the copy, wait for it, or find it. Raises NameTaken, SnapshotCopyFailed, and what RDS refuses."""
    plan = operation.plan
    if plan.copy is None:
        return StepOutcome(skipped(f"no copy is needed: {plan.copy_reason}"))
    # The copies that carry the source cluster's name, and whatever has the name that ours is to have.
    found = list(ports.target_rds.list_cluster_snapshots(plan.source.db_cluster_identifier))
    own = ports.target_rds.find_cluster_snapshot(plan.copy.cluster_snapshot_identifier)
    names = {item.db_cluster_snapshot_identifier for item in found}
    if own and own.db_cluster_snapshot_identifier not in names:
        found.append(own)
    decision = decide_copy(operation.operation_id, plan, found, ports.clock.now())
    if isinstance(decision, Wait):
        return waiting(decision)
    if isinstance(decision, StartCopy):
        return _start(operation, ports, plan, plan.copy, decision.reason)
    copy = decision.snapshot
    until = copy.tags.get(RETAIN_UNTIL_TAG)
    # The sweep must not remove what is being restored: a copy that is near its end is kept for longer.
    if until is None or parse_time(until) < ports.clock.now() + timedelta(days=1):
        tags = {RETAIN_UNTIL_TAG: retain_until(ports)}
        perform(Tag(copy.db_cluster_snapshot_identifier, copy.db_cluster_snapshot_arn, tags), ports)
    used = copy.db_cluster_snapshot_identifier
    event = Event("copy.used", {"cluster_snapshot_identifier": used, "reason": decision.reason})
    return StepOutcome(done(decision.reason), changed(SnapshotDetails, restored_from=used), (event,))


def retain_until(ports: Ports) -> str:
    """`retained_until` as a tag has it."""
    return format_time(retained_until(ports))


def retained_until(ports: Ports) -> datetime:
    """Until when a copy is kept that is made or used now."""
    return ports.clock.now() + timedelta(days=ports.settings.copy_retention_days)


def _start(
    operation: Operation, ports: Ports, plan: RestorePlan, copy: SnapshotCopy, reason: str
) -> StepOutcome:
    source = ports.rds(plan.source.region).find_cluster_snapshot(plan.source.cluster_snapshot_identifier)
    if source is None:
        raise SnapshotNotFound(
            f"The snapshot {plan.source.cluster_snapshot_identifier} is gone from {plan.source.region} "
            "since the plan was made."
        )
    tags = {
        OPERATION_TAG: operation.operation_id,
        SOURCE_SNAPSHOT_TAG: plan.source.cluster_snapshot_arn,
        RETAIN_UNTIL_TAG: retain_until(ports),
    }
    name = copy.cluster_snapshot_identifier
    try:
        answered = RunGuard(ports, operation).ask(
            CopySnapshot(name, source, plan.source.region, copy.kms_key_id, tags)
        )
    except CopySlotsInUse:
        # Other copies of the account end by themselves and free a slot: the phase's own limit ends this wait.
        message = "five copies are in flight in the target Region: waiting for a free slot"
        return StepOutcome(in_progress(message, waiting_for="copy_slot"))
    event = Event(
        "copy.started",
        {"cluster_snapshot_identifier": name, "reason": reason},
    )
    return StepOutcome(in_progress(f"the copy {name} was started", waiting_for="copy"), answered, (event,))
