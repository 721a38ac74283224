"""SnapshotCheck: validate, lock, find the snapshot, look at everything that could stop the run, plan."""

from __future__ import annotations

from typing import Any

from aurora_restore.domain.configuration import ClusterConfiguration, configuration_of
from aurora_restore.domain.errors import (
    OperationNotRunning,
    RequestRefused,
    RestoreError,
    refuse,
)
from aurora_restore.domain.naming import OPERATION_TAG, put_back_by
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.preflight import (
    PreflightFacts,
    preflight_problems,
)
from aurora_restore.domain.record import (
    DifferenceState,
    PlanItem,
    Record,
    ReplacedCluster,
    RestoreDetails,
    SnapshotDetails,
    changed,
)
from aurora_restore.domain.replacement import with_defaults_of
from aurora_restore.domain.request import parse_request
from aurora_restore.domain.results import Phase, StepResult, done, in_progress
from aurora_restore.domain.selection import SelectedSnapshot, check_named_snapshot, select_snapshot
from aurora_restore.steps.beginning import begin_record
from aurora_restore.steps.observe_account import observe_account, plan_with
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import run_step
from aurora_restore.steps.target_lock import take_lock
from aurora_restore.steps.undo_check import check_undo, is_undo_request
from aurora_restore.steps.wait_history import earlier_durations


def snapshot_check(
    ports: Ports, operation_id: str, execution_arn: str | None, raw_request: object
) -> StepResult:
    """The first step: it makes the record too. Raises what `run_step` raises, and `RequestRefused`."""
    begin_record(ports, operation_id, execution_arn, raw_request)

    def check(operation: Operation, ports: Ports) -> StepOutcome:
        if is_undo_request(raw_request):
            return check_undo(operation, ports, raw_request)
        return _check(operation, ports, raw_request)

    try:
        return run_step(Phase.SNAPSHOT_CHECK, check, ports, operation_id)
    except OperationNotRunning:
        # The operation may have been closed, its lock released,
        # between our look at it and our taking of the lock.
        closed = Operation(ports.records.load(operation_id) or {})
        if closed.is_closed and closed.target_cluster_id:
            ports.locks.release(closed.target_cluster_id, operation_id)
        raise


def _check(operation: Operation, ports: Ports, raw_request: object) -> StepOutcome:
    if operation.is_planned:
        return StepOutcome(done("the plan already exists"))
    # The account is that in which the execution runs.
    parts = (operation.execution_arn or "").split(":")
    account = parts[4] if len(parts) > 4 else None
    began = operation.record.start_time or ports.clock.now()
    asked = parse_request(raw_request, ports.settings, began, account, operation.operation_id)
    # Before anything is looked at: what is planned from must not be changed by another operation meanwhile.
    if waits := take_lock(operation, ports, asked.target_cluster_id.lower(), dry_run=asked.dry_run):
        return StepOutcome(in_progress(waits, waiting_for="lock"))
    rds, replaced = ports.target_rds, None
    target = rds.find_cluster(asked.target_cluster_id.lower())
    existing: dict[str, Any] = {"target_cluster": target}
    # Where it is not to be replaced, an existing cluster is a problem of the request, and nothing is
    # inherited from it.
    if target is not None and asked.replaces:
        instances = rds.list_cluster_instances(target.db_cluster_identifier)
        existing |= {
            "target_instances": instances,
            "target_global_cluster": rds.find_global_cluster_of(target.db_cluster_arn),
            "target_cluster_prefix": ports.settings.target_cluster_prefix,
        }
        replaced = configuration_of(target, instances, rds.list_custom_endpoints(target))
    request = with_defaults_of(asked, replaced, keeps_port=ports.settings.keeps_ports)
    selected: SelectedSnapshot | RestoreError
    source_rds, source_id = ports.rds(request.source_region), request.source_cluster_id
    try:
        if request.source_snapshot_identifier:
            named = source_rds.find_cluster_snapshot(request.source_snapshot_identifier)
            selected = check_named_snapshot(request, named)
        else:
            snapshots = source_rds.list_cluster_snapshots(source_id, with_backups=True)
            selected = select_snapshot(request, snapshots)
    except RequestRefused as problem:
        selected = problem
    facts = observe_account(ports, request, selected, replaced, existing)
    plan = None
    if isinstance(selected, SelectedSnapshot):
        facts, plan = plan_with(operation, ports, request, selected, replaced, facts)
    # All problems of a request at once, and among them that there is no such snapshot.
    refuse(preflight_problems(request, facts))
    if isinstance(selected, RestoreError):
        raise selected
    if plan is None:
        raise AssertionError("a chosen snapshot has a plan")
    return _planned(operation, ports, plan, replaced, facts)


def _planned(
    operation: Operation,
    ports: Ports,
    plan: RestorePlan,
    replaced: ClusterConfiguration | None,
    facts: PreflightFacts,
) -> StepOutcome:
    name, item = plan.target_cluster_id, plan.to_item()
    message = (
        f"the plan is complete: {name} from {plan.source.cluster_snapshot_identifier}, {plan.source.reason}"
    )
    snapshot_details = {**item["source"], "copy": item["copy"], "copy_reason": plan.copy_reason}
    changes = changed(
        Record, plan=PlanItem.read(item), snapshot_details=SnapshotDetails.read(snapshot_details)
    )
    if expectations := earlier_durations(ports, operation.operation_id, plan):
        changes |= changed(Record, expectations=expectations)
    if replaced:
        # The operation that restored what is replaced; of one
        # that was put back, the one that had restored it before.
        tags = facts.target_cluster.tags if facts.target_cluster else {}
        maker = tags.get(OPERATION_TAG)
        if putting_back := put_back_by(tags):
            maker = Record.read(ports.records.load(putting_back)).replaced_made_by
        changes |= changed(Record, replaced=ReplacedCluster.read(replaced.to_item()), replaced_made_by=maker)
        differing = tuple(DifferenceState.read(each.to_item()) for each in facts.differences)
        changes |= changed(RestoreDetails, differences=differing)
    details = {"copy": plan.copy_reason, "strategy": plan.strategy.value}
    return StepOutcome(done(message), changes, (Event("plan.made", details),))
