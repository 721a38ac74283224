"""SnapshotCheck of an undo: both clusters are where the operation left them, and are to change names again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aurora_restore.domain.configuration import configuration_of
from aurora_restore.domain.errors import NothingKept, refuse
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.preflight import replaceable_problems
from aurora_restore.domain.record import PlanItem, Record, ReplacedCluster, changed
from aurora_restore.domain.request import UNDO_FIELD
from aurora_restore.domain.results import done, in_progress
from aurora_restore.domain.undoing import (
    UndoRequest,
    build_undo_plan,
    parse_undo_request,
    refuse_changed_places,
    refuse_nothing_kept,
)
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import record_running
from aurora_restore.steps.scaling_notes import note_scaling
from aurora_restore.steps.target_lock import take_lock


def is_undo_request(raw_request: object) -> bool:
    return isinstance(raw_request, Mapping) and UNDO_FIELD in raw_request


def check_undo(operation: Operation, ports: Ports, raw_request: object) -> StepOutcome:
    """Plan the undo. Raises NothingKept, TargetLocked, DeletionProtected, TargetNotAvailable, GlobalClusterMember."""
    if operation.is_planned:
        return StepOutcome(done("the plan already exists"))
    request = parse_undo_request(raw_request if isinstance(raw_request, Mapping) else {})
    undone = _undone(ports, request)
    target = undone.plan.target_cluster_id
    # Known from the record of the other operation only: a cleanup that closes this one releases its lock by it.
    record_running(ports, operation.operation_id, changed(Record, target_cluster_id=target))
    if waits := take_lock(operation, ports, target, dry_run=request.dry_run):
        return StepOutcome(in_progress(waits, waiting_for="lock"))
    # Anew: under the lock no other operation changes what was observed first.
    undone = _undone(ports, request)
    rds, before = ports.target_rds, undone.plan
    retired = before.replacement.retired_identifier if before.replacement else ""
    kept, existing = rds.find_cluster(retired), rds.find_cluster(before.target_cluster_id)
    refuse_changed_places(undone, existing, kept)
    if kept is None or existing is None:
        raise NothingKept(f"The cluster that {undone.operation_id} kept does not exist any more.")
    members = rds.list_cluster_instances(existing.db_cluster_identifier)
    global_cluster = rds.find_global_cluster_of(existing.db_cluster_arn)
    # The undo replaces the cluster that is in place: what
    # keeps a restore from replacing one keeps an undo, too.
    refuse(
        list(replaceable_problems(existing, members, global_cluster, ports.settings.target_cluster_prefix))
    )
    plan = build_undo_plan(
        operation.operation_id, request, undone, kept, rds.list_cluster_instances(kept.db_cluster_identifier)
    )
    if scaling := note_scaling(ports, plan.target_cluster_id):
        plan = replace(plan, notes=(*plan.notes, scaling))
    members = rds.list_cluster_instances(existing.db_cluster_identifier)
    replaced = configuration_of(existing, members, rds.list_custom_endpoints(existing))
    changes = changed(
        Record, plan=PlanItem.read(plan.to_item()), replaced=ReplacedCluster.read(replaced.to_item())
    )
    name = plan.target_cluster_id
    message = f"the plan is complete: {name} becomes the cluster again that {undone.operation_id} replaced"
    details = {
        "strategy": plan.strategy.value,
        "undoes": plan.replacement.undoes if plan.replacement else None,
    }
    return StepOutcome(done(message), changes, (Event("plan.made", details),))


def _undone(ports: Ports, request: UndoRequest) -> Operation:
    item = ports.records.load(request.undo_operation_id)
    if item is None:
        raise NothingKept(f"There is no record of an operation {request.undo_operation_id}.")
    undone = Operation(item)
    refuse_nothing_kept(undone)
    return undone
