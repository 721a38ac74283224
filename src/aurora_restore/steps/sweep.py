"""Sweep: what no event has brought to its end. Events are sent best effort, so the truth is looked at, again and again.

It only starts cleanups, and removes copies that failed or whose retention is over: what is done to clusters is the
cleanup's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from aurora_restore.domain.measures import SweepView, locked_since, sweep_measures
from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    OPERATION_TAG,
    PUT_BACK_TAG,
    REPLACED_BY_TAG,
    is_quiet_group,
    quiet_group_identifier,
)
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, ParameterGroup, Quota
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Retirement, SnapshotDetails, changed
from aurora_restore.domain.rehearsal import asked_of, is_given_away
from aurora_restore.domain.retention import is_being_retired, kept_until
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.sweeping import (
    ENDED_BADLY,
    failed_copies,
    is_left_locked,
    is_stale,
    removable_copies,
    removable_final_snapshots,
    why_it_stands_still,
    why_unfinished,
)
from aurora_restore.steps.audit_events import AuditTrail, append_without_record
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.perform import perform
from aurora_restore.steps.ports import Ports

RECORDS_MOST = 500
COPIES_MOST = 10
LOOKS_BACK = timedelta(days=30)


@dataclass
class Sweep:
    """One sweep: what it has begun, and what went wrong with single things, which keeps no other from being done.

    `started`: why a cleanup was started, by operation. `locks`: since when each target that stays locked is.
    """

    ports: Ports
    now: datetime
    started: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    locks: dict[str, datetime] = field(default_factory=dict)

    def each(self, items: Iterable[Any], work: Callable[[Any], None]) -> None:
        for item in items:
            try:
                work(item)
            except RestoreError as error:
                # One thing that cannot be done keeps no other from being done; the sweep fails at its end.
                self.problems.append(error.message)

    def start_cleanup(self, operation: Operation, why: str, is_expected: bool = False) -> None:
        """One execution an operation and sweep. `is_expected`: it is not a sign that anything went wrong."""
        if operation.operation_id in self.started:
            return
        attempt = self.now.strftime("sweep-%Y%m%d%H%M")
        self.ports.executions.start_cleanup(operation.operation_id, operation.execution_arn or "", attempt)
        AuditTrail(self.ports, operation).write(
            {}, [Event("cleanup.requested", {"reason": why, "is_expected": is_expected})]
        )
        self.started[operation.operation_id] = why

    def is_out_of_reach(self, operation: Operation) -> bool:
        """Whether its record came out of a backup, so that what exists now is not to be judged by it."""
        return operation.is_out_of_reach(self.ports.settings.target_region)

    def load(self, operation_id: str) -> Operation | None:
        """The operation that tags name; None where it has no record, or is out of reach."""
        operation = _load(self.ports, operation_id)
        return None if operation is None or self.is_out_of_reach(operation) else operation

    def check_open(self, operation: Operation) -> None:
        """A run or a cleanup that does not go on, though its record says so."""
        if self.is_out_of_reach(operation):
            return
        execution, arn = None, operation.execution_arn
        if operation.status != OperationStatus.CLEANING_UP and arn:
            execution = self.ports.executions.describe_arn(arn)
        if why := why_it_stands_still(operation, execution, self.now):
            self.start_cleanup(operation, why)

    def check_ended(self, operation: Operation) -> None:
        """A record that was marked by hand, or was closed by a function which died before it notified."""
        if self.is_out_of_reach(operation):
            return
        # A call that noted an event after everything else died before it could append it.
        record = operation.record
        if is_stale(operation, self.now) and record.is_settled and record.audit_head and record.last_events:
            AuditTrail(self.ports, operation).write({}, ())
        if why := why_unfinished(operation, self.now):
            self.start_cleanup(operation, why)

    def check_cluster(self, cluster: DbCluster) -> None:
        """Tags say whose a cluster is; the record says what becomes of it."""
        replaced_by = cluster.tags.get(REPLACED_BY_TAG)
        if replaced_by and (operation := self.load(replaced_by)):
            until = kept_until(operation)
            is_due = until is not None and until <= self.now
            if is_due or (is_being_retired(operation) and is_stale(operation, self.now)):
                self.start_cleanup(operation, "the cluster that it replaced is due", is_expected=True)
        # A cluster that was put back has this tag too, and is not a leftover: it is the one that serves.
        made_by = cluster.tags.get(OPERATION_TAG) if PUT_BACK_TAG not in cluster.tags else None
        maker = self.load(made_by) if made_by else None
        if maker is None or not maker.is_closed:
            return
        # Under another name it is not the scratch cluster any more: an operator has renamed it, to keep it.
        is_rehearsal = asked_of(maker.record) is not None
        if is_rehearsal and (
            cluster.db_cluster_identifier != maker.target_cluster_id or is_given_away(maker.record)
        ):
            return
        if maker.status in ENDED_BADLY or is_rehearsal:
            self.start_cleanup(maker, f"it left {cluster.db_cluster_identifier}")

    def check_lock(self, lock: tuple[str, str]) -> None:
        """A function may die between taking a lock for an operation that was just closed, and releasing it."""
        target, owner = lock
        operation = _load(self.ports, owner)
        if operation is None or is_left_locked(operation):
            self.ports.locks.release(target, owner)
        elif since := locked_since(operation):
            self.locks[target] = since

    def remove_copies(
        self, snapshots: Sequence[ClusterSnapshot], open_operations: Sequence[Operation]
    ) -> None:
        """Copies and final snapshots whose time is over, and copies that failed."""
        due = [
            *removable_copies(snapshots, open_operations, self.now),
            *removable_final_snapshots(snapshots, open_operations, self.now),
        ]
        failed = [copy for copy in failed_copies(snapshots) if copy not in due]
        # A few at a time, so that no sweep takes long: the next one goes on.
        self.each(due[:COPIES_MOST], self.remove_copy)
        self.each(failed, self.remove_failed_copy)

    def remove_copy(self, copy: ClusterSnapshot) -> None:
        """A copy or a final snapshot that is due, by its tags."""
        operation_id = copy.tags[OPERATION_TAG]
        operation = _load(self.ports, operation_id)
        # A copy of a snapshot takes its tags along: it may have been made by something else.
        if operation is not None and self.is_out_of_reach(operation):
            return
        perform(DeleteSnapshot(copy.db_cluster_snapshot_identifier), self.ports)
        self.deleted.append(copy.db_cluster_snapshot_identifier)
        # In the record and the audit events of the operation that made it.
        details = {"cluster_snapshot_identifier": copy.db_cluster_snapshot_identifier}
        if FINAL_SNAPSHOT_TAG in copy.tags:
            event = "replaced.final_snapshot_removed"
            changes = changed(Retirement, final_snapshot_removed_time=self.now)
        else:
            event, changes = "copy.removed", changed(SnapshotDetails, copy_removed_time=self.now)
        if operation is None or not AuditTrail(self.ports, operation).write(changes, [Event(event, details)]):
            append_without_record(self.ports, operation_id, Event(event, details))

    def remove_failed_copy(self, copy: ClusterSnapshot) -> None:
        """A copy that failed, where RDS removes it."""
        if len(self.deleted) >= 2 * COPIES_MOST:
            return
        # Only once the run that began it is closed. One that succeeded with the copy of another leaves its own.
        maker = _load(self.ports, copy.tags[OPERATION_TAG])
        if maker is None or not maker.is_closed:
            return
        try:
            self.remove_copy(copy)
        except (RequestRefused, StepFailed, ResourceBusy) as refused:
            if refused.is_of_record:
                raise
            # RDS documents the deletion of available snapshots
            # alone: nothing waits for one that it does not remove.
            self.left.append(f"{copy.db_cluster_snapshot_identifier}: {refused.message}")

    def remove_group(self, group: ParameterGroup) -> None:
        """A parameter group of a first start whose run is over."""
        operation_id = self.ports.target_rds.group_tags(group).get(OPERATION_TAG)
        # By name and by tag: either alone could be that of a group which is not the pipeline's.
        if operation_id is None or group.name != quiet_group_identifier(operation_id):
            return
        maker = _load(self.ports, operation_id)
        if maker is not None and not maker.is_closed:
            return
        try:
            perform(DeleteParameterGroup(group.name), self.ports)
        except ResourceBusy:
            # RDS counts a member of it still: a later sweep has it again.
            return
        self.deleted.append(group.name)
        if maker is not None:
            AuditTrail(self.ports, maker).write({}, [Event("parameter_group.removed", {"name": group.name})])

    def see_quotas(self) -> Mapping[str, Quota]:
        """Of the target Region; none where RDS does not say."""
        try:
            return self.ports.target_rds.quotas()
        except RestoreError as error:
            # They are only measured: everything else was done.
            self.problems.append(error.message)
            return {}


def sweep(ports: Ports) -> Mapping[str, Any]:
    """Find what is left to do, everywhere. Raises SweepIncomplete where single operations could not be processed."""
    run, rds = Sweep(ports, ports.clock.now()), ports.target_rds
    open_operations = [Operation(item) for item in open_records(ports)]
    run.each(open_operations, run.check_open)
    ended = [
        Operation(item)
        for status in (*ENDED_BADLY, OperationStatus.SUCCEEDED)
        for item in ports.records.list_by_status(status.value, run.now - LOOKS_BACK, RECORDS_MOST)
    ]
    run.each(ended, run.check_ended)
    clusters = rds.list_clusters()
    run.each(clusters, run.check_cluster)
    run.each(ports.locks.list_owners().items(), run.check_lock)
    snapshots = rds.list_cluster_snapshots()
    run.remove_copies(snapshots, open_operations)
    in_use = {cluster.db_cluster_parameter_group_name for cluster in clusters}
    groups = [group for group in rds.list_cluster_parameter_groups() if is_quiet_group(group.name)]
    run.each([group for group in groups if group.name not in in_use], run.remove_group)
    quotas = run.see_quotas()
    view = SweepView(run.now, open_operations, ended, LOOKS_BACK, snapshots, run.locks, quotas)
    # Whatever went wrong with single things: this line says that there was a sweep.
    ports.metrics.put(sweep_measures(view, ports.settings))
    if run.problems:
        raise SweepIncomplete(
            f"{len(run.problems)} operation(s) could not be processed: {'; '.join(run.problems)}"
        )
    message = f"{len(run.started)} cleanup(s) started, {len(run.deleted)} copies and parameter groups removed"
    if run.left:
        message += f"; RDS did not remove {len(run.left)} failed copies: {'; '.join(run.left)}"
    started = [f"{operation_id}: {why}" for operation_id, why in run.started.items()]
    return {"status": "DONE", "message": message, "started": started, "deleted": run.deleted}


def open_records(ports: Ports) -> Iterator[Mapping[str, Any]]:
    """Of the operations that are not at their end by their records."""
    for status in (OperationStatus.RUNNING, OperationStatus.CLEANING_UP):
        yield from ports.records.list_by_status(status.value, None, RECORDS_MOST)


def _load(ports: Ports, operation_id: str) -> Operation | None:
    item = ports.records.load(operation_id)
    return Operation(item) if item else None
