"""ArchiveSnapshot: say on the copy itself until when it is kept, so that a later run can use it again."""

from __future__ import annotations

from aurora_restore.domain.acts import Tag
from aurora_restore.domain.errors import StepFailed
from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import SnapshotDetails, changed, with_warnings
from aurora_restore.domain.results import done, skipped
from aurora_restore.domain.times import format_time, minute_in_words
from aurora_restore.steps.copy_snapshot import retained_until
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import perform
from aurora_restore.steps.ports import Ports


def archive_snapshot(operation: Operation, ports: Ports) -> StepOutcome:
    """Tag the copy with the end of its retention, counted from this use."""
    if operation.plan.copy is None:
        return StepOutcome(skipped("there is no copy to keep"))
    name = operation.record.snapshot_details.restored_from
    snapshot = ports.target_rds.find_cluster_snapshot(name) if name else None
    # Without the tag it is not a copy of the pipeline's, and its retention is its owner's business.
    if name is None or snapshot is None or OPERATION_TAG not in snapshot.tags:
        return StepOutcome(skipped(f"the copy {name} is gone already"))
    until_time = retained_until(ports)
    until = format_time(until_time)
    try:
        perform(
            Tag(
                snapshot.db_cluster_snapshot_identifier,
                snapshot.db_cluster_snapshot_arn,
                {RETAIN_UNTIL_TAG: until},
            ),
            ports,
        )
    except StepFailed as failed:
        # The cluster exists and is verified: a tag that cannot be written does not fail the run.
        warning = f"the retention of the copy {name} could not be extended: {failed.message}"
        return StepOutcome(done(warning), with_warnings(operation.record, warning))
    event = Event("copy.kept", {"cluster_snapshot_identifier": name, "retain_until": until})
    message = f"the copy {name} is marked to be kept until {minute_in_words(until_time)}"
    return StepOutcome(done(message), changed(SnapshotDetails, retain_until=until_time), (event,))
