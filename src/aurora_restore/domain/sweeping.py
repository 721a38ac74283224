"""Deciding what a sweep processes: operations whose cleanup has stopped, and snapshots of ours past their retention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    OPERATION_TAG,
    RETAIN_UNTIL_TAG,
    SNAPSHOT_PREFIX,
    final_snapshot_identifier,
)
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.times import parse_time

# A cleanup looks again within its wait; after that and this, no function is at work on it any more.
SILENCE = timedelta(minutes=4)
# DescribeExecution may not know for moments what StartExecution has just begun.
YOUNG = timedelta(minutes=2)
# A run uses no copy whose retention is over; that much later no run can be about to.
COPY_GRACE = timedelta(hours=1)
FAILED_STATUS = "failed"
# Why the sweep starts a cleanup that is no sign of anything that went wrong.
KEPT_IS_DUE = "the cluster that it replaced is due"
# RDS deletes no snapshot that is still being made.
REMOVABLE_STATUSES = ("available", FAILED_STATUS)


def is_stale(operation: Operation, now: datetime) -> bool:
    """Whether no cleanup is at work on an operation, as far as its record shows."""
    cleanup = operation.record.cleanup
    going = (wait for wait in cleanup.waits.values() if not wait.has_ended)
    wait_seconds = max((wait.wait_seconds or 0 for wait in going), default=0)
    last = cleanup.last_updated_time or operation.record.last_updated_time
    return last is None or now - last > SILENCE + timedelta(seconds=wait_seconds)


def is_young(operation: Operation, now: datetime) -> bool:
    """Whether an operation has only just begun."""
    started = operation.record.start_time
    return started is not None and now - started < YOUNG


def removable_copies(
    snapshots: Iterable[ClusterSnapshot], open_operations: Iterable[Operation], now: datetime
) -> Iterator[ClusterSnapshot]:
    """Copies of ours whose retention is over, and that no open operation has made or restores from."""
    in_use = {name for operation in open_operations for name in _copies_of(operation)}
    for snapshot in snapshots:
        if (
            _is_copy(snapshot)
            and snapshot.status in REMOVABLE_STATUSES
            and now - parse_time(snapshot.tags[RETAIN_UNTIL_TAG]) > COPY_GRACE
            and snapshot.db_cluster_snapshot_identifier not in in_use
        ):
            yield snapshot


def failed_copies(snapshots: Iterable[ClusterSnapshot]) -> Iterator[ClusterSnapshot]:
    """Copies of ours that RDS did not finish: no run can restore from one, and each counts against the quota."""
    return (item for item in snapshots if item.status == FAILED_STATUS and _is_copy(item))


def removable_final_snapshots(
    snapshots: Iterable[ClusterSnapshot], open_operations: Iterable[Operation], now: datetime
) -> Iterator[ClusterSnapshot]:
    """Final snapshots of ours whose last day is over, and that no open operation has to do with."""
    in_use: set[str | None] = set()
    for operation in open_operations:
        plan = operation.record.plan
        # What it restores from, or may have to put the old cluster back from.
        in_use.update(_copies_of(operation))
        in_use.update((plan.source.cluster_snapshot_identifier, plan.replacement.final_snapshot_identifier))
    for snapshot in snapshots:
        until, made_by = snapshot.tags.get(RETAIN_UNTIL_TAG), snapshot.tags.get(OPERATION_TAG)
        # The name that follows from its operation's id, and three tags of ours: all of them say what it is.
        if (
            until is not None
            and made_by is not None
            and FINAL_SNAPSHOT_TAG in snapshot.tags
            and snapshot.db_cluster_snapshot_identifier == final_snapshot_identifier(made_by)
            and snapshot.snapshot_type == "manual"
            and snapshot.source_db_cluster_snapshot_arn is None
            and snapshot.status in REMOVABLE_STATUSES
            and now - parse_time(until) > COPY_GRACE
            and snapshot.db_cluster_snapshot_identifier not in in_use
        ):
            yield snapshot


def _copies_of(operation: Operation) -> Iterator[str]:
    record = operation.record
    names = (record.plan.copy.cluster_snapshot_identifier, record.snapshot_details.restored_from)
    yield from (name for name in names if name)


def _is_copy(snapshot: ClusterSnapshot) -> bool:
    """Its name, its source and two tags of ours: all of them say that it is a copy that the pipeline made."""
    return (
        snapshot.db_cluster_snapshot_identifier.startswith(SNAPSHOT_PREFIX)
        and snapshot.snapshot_type == "manual"
        and snapshot.source_db_cluster_snapshot_arn is not None
        and OPERATION_TAG in snapshot.tags
        and RETAIN_UNTIL_TAG in snapshot.tags
    )
