"""ArchiveSnapshot: say on the copy itself until when it is kept, so that a later run can use it again."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import done, skipped
from aurora_restore.domain.times import format_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.world import World


def archive_snapshot(operation: Operation, world: World) -> StepOutcome:
    """Tag the copy with the end of its retention, counted from this use."""
    if operation.plan.copy is None:
        return StepOutcome(skipped("there is no copy to keep"))
    name = operation.section("snapshot_details")["restored_from"]
    snapshot = world.target_rds.find_cluster_snapshot(name)
    if snapshot is None or OPERATION_TAG not in snapshot.tags:
        return StepOutcome(skipped(f"the copy {name} is gone already"))
    until = format_time(world.clock.now() + timedelta(days=world.settings.copy_retention_days))
    world.target_rds.add_tags(snapshot.db_cluster_snapshot_arn, {RETAIN_UNTIL_TAG: until})
    details = {**operation.section("snapshot_details"), "retain_until": until}
    event = Event("copy.kept", {"cluster_snapshot_identifier": name, "retain_until": until})
    return StepOutcome(
        done(f"the copy {name} is kept until {until}"), {"snapshot_details": details}, (event,)
    )
