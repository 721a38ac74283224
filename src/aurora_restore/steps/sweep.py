"""Sweep: what no event has brought to its end. Events are sent best effort, so the truth is looked at, again and again.

It only starts cleanups, and removes copies that failed or whose retention is over: what is done to clusters is the
cleanup's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.acts import DeleteParameterGroup, DeleteSnapshot
from aurora_restore.domain.errors import (
    RequestRefused,
    ResourceBusy,
    RestoreError,
    StepFailed,
    SweepIncomplete,
)
from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    OPERATION_TAG,
    PUT_BACK_TAG,
    REPLACED_BY_TAG,
    is_quiet_group,
    quiet_group_identifier,
)
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, ParameterGroup
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Retirement, SnapshotDetails, changed
from aurora_restore.domain.retention import is_being_retired, kept_until
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.sweeping import (
    failed_copies,
    is_stale,
    is_young,
    removable_copies,
    removable_final_snapshots,
)
from aurora_restore.steps.perform import perform
from aurora_restore.steps.ports import Ports

RECORDS_MOST = 500
COPIES_MOST = 10
LOOKS_BACK = timedelta(days=30)
ENDED_BADLY = (OperationStatus.FAILED, OperationStatus.CANCELLED)


@dataclass
class Sweep:
    """One sweep: what it has begun, and what went wrong with single things, which keeps no other from being done.

    `started`: why a cleanup was started, by operation.
    """

    ports: Ports
    now: datetime
    started: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def each(self, items: Iterable[Any], work: Callable[[Any], None]) -> None:
        for item in items:
            try:
                work(item)
            except RestoreError as error:
                self.problems.append(error.message)

    def start_cleanup(self, operation: Operation, why: str) -> None:
        """One execution an operation and sweep."""
        if operation.operation_id in self.started:
            return
        attempt = self.now.strftime("sweep-%Y%m%d%H%M")
        self.ports.executions.start_cleanup(operation.operation_id, operation.execution_arn or "", attempt)
        self.ports.audit.append(operation.operation_id, self.now, "cleanup.requested", {"reason": why})
        self.started[operation.operation_id] = why


def sweep(ports: Ports) -> Mapping[str, Any]:
    """Find what is left to do, everywhere. Raises SweepIncomplete where single operations could not be processed."""
    run = Sweep(ports, ports.clock.now())
    open_operations = [Operation(item) for item in _open_records(ports)]
    run.each(open_operations, lambda operation: _see_to_open(run, operation))
    run.each(_ended(run), lambda operation: _see_to_ended(run, operation))
    clusters = ports.target_rds.list_clusters()
    run.each(clusters, lambda cluster: _see_to_cluster(run, cluster))
    run.each(ports.locks.list_owners().items(), lambda lock: _see_to_lock(run, *lock))
    _see_to_copies(run, open_operations)
    _see_to_groups(run, clusters)
    if run.problems:
        raise SweepIncomplete(
            f"{len(run.problems)} operation(s) could not be processed: {'; '.join(run.problems)}"
        )
    message = f"{len(run.started)} cleanup(s) started, {len(run.deleted)} copies and parameter groups removed"
    if run.left:
        message += f"; RDS did not remove {len(run.left)} failed copies: {'; '.join(run.left)}"
    started = [f"{operation_id}: {why}" for operation_id, why in run.started.items()]
    return {"status": "DONE", "message": message, "started": started, "deleted": run.deleted}


def _open_records(ports: Ports) -> Iterator[Mapping[str, Any]]:
    for status in (OperationStatus.RUNNING, OperationStatus.CLEANING_UP):
        yield from ports.records.list_by_status(status.value, None, RECORDS_MOST)


def _see_to_open(run: Sweep, operation: Operation) -> None:
    if operation.status == OperationStatus.CLEANING_UP:
        if is_stale(operation, run.now):
            run.start_cleanup(operation, "its cleanup does not go on")
        return
    arn = operation.execution_arn
    execution = run.ports.executions.describe_arn(arn) if arn else None
    if execution is None and is_young(operation, run.now):
        return
    if execution is None or not execution.is_running:
        how = execution.status if execution else "unknown to Step Functions"
        run.start_cleanup(operation, f"its record says RUNNING, its execution is {how}")


def _ended(run: Sweep) -> Iterator[Operation]:
    since = run.now - LOOKS_BACK
    for status in (*ENDED_BADLY, OperationStatus.SUCCEEDED):
        for item in run.ports.records.list_by_status(status.value, since, RECORDS_MOST):
            yield Operation(item)


def _see_to_ended(run: Sweep, operation: Operation) -> None:
    """What was marked by hand was not cleaned up; a function that closed a record may have died before it notified."""
    if not is_stale(operation, run.now):
        return
    if operation.record.is_unsettled:
        run.start_cleanup(operation, "what follows from its end was not seen through")
    elif not operation.is_closed and operation.status in ENDED_BADLY:
        run.start_cleanup(operation, "its record was marked by hand")


def _see_to_lock(run: Sweep, target: str, owner: str) -> None:
    """A function may die between taking a lock for an operation that was just closed, and giving it back."""
    operation = _load(run.ports, owner)
    if operation is None or (operation.is_closed and not is_being_retired(operation)):
        run.ports.locks.release(target, owner)


def _see_to_cluster(run: Sweep, cluster: DbCluster) -> None:
    """Tags say whose a cluster is; the record says what becomes of it."""
    if replaced_by := cluster.tags.get(REPLACED_BY_TAG):
        _see_to_kept(run, replaced_by)
    made_by = cluster.tags.get(OPERATION_TAG)
    if made_by and PUT_BACK_TAG not in cluster.tags:
        _see_to_leftover(run, made_by, cluster)


def _see_to_kept(run: Sweep, operation_id: str) -> None:
    operation = _load(run.ports, operation_id)
    if operation is None:
        return
    until = kept_until(operation)
    is_due = until is not None and until <= run.now
    if is_due or (is_being_retired(operation) and is_stale(operation, run.now)):
        run.start_cleanup(operation, "the cluster that it replaced is due")


def _see_to_leftover(run: Sweep, operation_id: str, cluster: DbCluster) -> None:
    operation = _load(run.ports, operation_id)
    if operation and operation.is_closed and operation.status in ENDED_BADLY:
        run.start_cleanup(operation, f"it left {cluster.db_cluster_identifier}")


def _load(ports: Ports, operation_id: str) -> Operation | None:
    item = ports.records.load(operation_id)
    return Operation(item) if item else None


def _see_to_copies(run: Sweep, open_operations: Iterable[Operation]) -> None:
    snapshots = run.ports.target_rds.list_cluster_snapshots()
    opened = list(open_operations)
    due = [
        *removable_copies(snapshots, opened, run.now),
        *removable_final_snapshots(snapshots, opened, run.now),
    ]
    failed = [copy for copy in failed_copies(snapshots) if copy not in due]

    def remove(copy: ClusterSnapshot) -> None:
        perform(DeleteSnapshot(copy.db_cluster_snapshot_identifier), run.ports)
        run.deleted.append(copy.db_cluster_snapshot_identifier)
        _record_removal(run, copy)

    def remove_failed(copy: ClusterSnapshot) -> None:
        if len(run.deleted) >= 2 * COPIES_MOST or not _is_over(run.ports, copy):
            return
        try:
            remove(copy)
        except (RequestRefused, StepFailed, ResourceBusy) as refused:
            if refused.is_of_record:
                raise
            # RDS documents the deletion of available snapshots alone: nothing waits for one that it does not remove.
            run.left.append(f"{copy.db_cluster_snapshot_identifier}: {refused.message}")

    run.each(due[:COPIES_MOST], remove)
    run.each(failed, remove_failed)


def _is_over(ports: Ports, copy: ClusterSnapshot) -> bool:
    """Whether the run that began a copy is closed. One that succeeded with the copy of another leaves its own."""
    maker = _load(ports, copy.tags[OPERATION_TAG])
    return maker is not None and maker.is_closed


def _record_removal(run: Sweep, copy: ClusterSnapshot) -> None:
    """In the record and the audit events of the operation that made it."""
    operation_id = copy.tags[OPERATION_TAG]
    details = {"cluster_snapshot_identifier": copy.db_cluster_snapshot_identifier}
    is_final = FINAL_SNAPSHOT_TAG in copy.tags
    event = "replaced.final_snapshot_removed" if is_final else "copy.removed"
    changes = (
        changed(Retirement, final_snapshot_removed_time=run.now)
        if is_final
        else changed(SnapshotDetails, copy_removed_time=run.now)
    )
    run.ports.audit.append(operation_id, run.now, event, details)
    run.ports.records.update(operation_id, changes)


def _see_to_groups(run: Sweep, clusters: Iterable[DbCluster]) -> None:
    """Parameter groups of a first start whose run is over, and which no cluster has."""
    rds, in_use = run.ports.target_rds, {cluster.db_cluster_parameter_group_name for cluster in clusters}

    def remove(group: ParameterGroup) -> None:
        operation_id = rds.group_tags(group).get(OPERATION_TAG)
        if operation_id is None or group.name != quiet_group_identifier(operation_id):
            return
        maker = _load(run.ports, operation_id)
        if maker is not None and not maker.is_closed:
            return
        try:
            perform(DeleteParameterGroup(group.name), run.ports)
        except ResourceBusy:
            return  # RDS counts a member of it still: a sweep to come has it again
        run.deleted.append(group.name)
        if maker is not None:
            run.ports.audit.append(operation_id, run.now, "parameter_group.removed", {"name": group.name})

    groups = [group for group in rds.list_cluster_parameter_groups() if is_quiet_group(group.name)]
    run.each([group for group in groups if group.name not in in_use], remove)
