"""SnapshotCheck: validate, lock, find the snapshot, look at everything that could stop the run, plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aurora_restore.domain.configuration import ClusterConfiguration, configuration_of
from aurora_restore.domain.copying import is_copy_for, is_kept
from aurora_restore.domain.errors import (
    AdminSecretNotFound,
    OperationNotRunning,
    RequestRefused,
    RestoreError,
    SecretNotFound,
    refuse,
)
from aurora_restore.domain.key_checks import source_key_note
from aurora_restore.domain.naming import OPERATION_TAG, PUT_BACK_TAG
from aurora_restore.domain.observed import ClusterSnapshot, KmsKey
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan, build_plan
from aurora_restore.domain.prediction import predicted_differences
from aurora_restore.domain.preflight import (
    PreflightFacts,
    backups_find_no_room,
    has_way_to_database,
    preflight_problems,
    target_region_checks_apply,
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
from aurora_restore.domain.request import RestoreRequest, parse_request
from aurora_restore.domain.results import Phase, StepResult, done, in_progress
from aurora_restore.domain.selection import SelectedSnapshot, check_named_snapshot, select_snapshot
from aurora_restore.steps.beginning import begin_record
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import run_step
from aurora_restore.steps.scaling_notes import note_scaling
from aurora_restore.steps.target_lock import take_lock
from aurora_restore.steps.undo_check import check_undo, is_undo_request
from aurora_restore.steps.wait_history import earlier_durations

T = TypeVar("T")
BACKUPS_NOTE = (
    "WARNING: the quota of retained automated backups is used up: those of the replaced cluster are deleted with it, "
    "after its final snapshot is seen finished"
)


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
        # The operation may have been closed, its lock released, between our look at it and our taking of the lock.
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
    asked = parse_request(raw_request, ports.settings, ports.clock.now(), account)
    # Before anything is looked at: what is planned from must not be changed by another operation meanwhile.
    if waits := take_lock(ports, operation, asked.target_cluster_id.lower(), dry_run=asked.dry_run):
        return StepOutcome(in_progress(waits, waiting_for="lock"))
    rds, replaced = ports.target_rds, None
    target = rds.find_cluster(asked.target_cluster_id.lower())
    existing: dict[str, Any] = {"target_cluster": target}
    # Where it is not to be replaced, an existing cluster is a problem of the request, and nothing is inherited from it.
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
    facts = _observe(ports, request, selected, replaced, existing)
    plan = None
    if isinstance(selected, SelectedSnapshot):
        facts, plan = _plan(ports, operation, request, selected, replaced, facts)
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
        # The operation that restored what is replaced; of one that was put back, the one that had restored it before.
        tags = facts.target_cluster.tags if facts.target_cluster else {}
        maker = tags.get(OPERATION_TAG)
        if put_back_by := tags.get(PUT_BACK_TAG):
            maker = Record.read(ports.records.load(put_back_by)).replaced_made_by
        changes |= changed(Record, replaced=ReplacedCluster.read(replaced.to_item()), replaced_made_by=maker)
        differing = tuple(DifferenceState.read(each.to_item()) for each in facts.differences)
        changes |= changed(RestoreDetails, differences=differing)
    details = {"copy": plan.copy_reason, "strategy": plan.strategy.value}
    return StepOutcome(done(message), changes, (Event("plan.made", details),))


def _observe(
    ports: Ports,
    request: RestoreRequest,
    selected: SelectedSnapshot | RestoreError,
    replaced: ClusterConfiguration | None,
    existing: Mapping[str, Any],
) -> PreflightFacts:
    """What the account says of the request, whether or not there is a snapshot to plan with."""
    rds, secrets, region = ports.target_rds, ports.secrets, request.source_region
    snapshot = selected.snapshot if isinstance(selected, SelectedSnapshot) else selected
    source_key = None
    if isinstance(snapshot, ClusterSnapshot) and snapshot.kms_key_id:
        # In the Region where the snapshot is: a key exists in one Region only.
        source_key = _look(lambda key_id: ports.keys.find_key(key_id, region), snapshot.kms_key_id)
    admin_id = ports.settings.admin_secret_id
    admin = _look(secrets.read_credentials, admin_id)
    if isinstance(admin, SecretNotFound):
        # It is part of the stack and not of the request, so that its hint is another one.
        admin = AdminSecretNotFound(
            f"The admin secret {admin_id} does not exist in {ports.settings.target_region}."
        )
    secret_ids = dict.fromkeys(user.secret_id for user in request.db_users if user.secret_id is not None)
    return PreflightFacts(
        snapshot=snapshot,
        db_instance_class=request.db_instance_class or ports.settings.default_db_instance_class,
        **existing,
        subnet_group=_if_given(request.db_subnet_group_name, rds.find_subnet_group),
        security_groups=ports.network.find_security_groups(
            (*request.vpc_security_group_ids, *request.quarantine_security_group_ids)
        ),
        cluster_parameter_group=_if_given(
            request.db_cluster_parameter_group_name, rds.find_cluster_parameter_group
        ),
        parameter_group=_if_given(request.db_parameter_group_name, rds.find_parameter_group),
        kms_key=_look(ports.keys.find_key, request.kms_key_id) if request.kms_key_id else None,
        source_key=source_key,
        admin=admin,
        users={each: _look(secrets.read_credentials, each) for each in secret_ids},
        quotas=rds.quotas(),
        retained_backups=rds.count_retained_backups() if replaced else 0,
    )


def _plan(
    ports: Ports,
    operation: Operation,
    request: RestoreRequest,
    selected: SelectedSnapshot,
    replaced: ClusterConfiguration | None,
    facts: PreflightFacts,
) -> tuple[PreflightFacts, RestorePlan]:
    """The plan, and the facts with what only a plan lets one ask for."""
    rds, settings, snapshot = ports.target_rds, ports.settings, selected.snapshot
    key_arn = facts.kms_key.arn if isinstance(facts.kms_key, KmsKey) else None
    plan = build_plan(operation.operation_id, request, selected, key_arn, settings, replaced)
    notes = [
        note_scaling(ports, plan.target_cluster_id) if replaced else None,
        BACKUPS_NOTE if replaced and backups_find_no_room(facts) else None,
        source_key_note(snapshot, facts.source_key),
    ]
    plan = replace(plan, notes=(*plan.notes, *(note for note in notes if note)))
    # Of an engine that is not one of ours there is nothing to ask for: the preflight refuses it.
    if target_region_checks_apply(snapshot):
        engine = (snapshot.engine, plan.engine_version)
        facts = replace(
            facts,
            family=rds.parameter_group_family(*engine),
            is_class_orderable=rds.is_instance_class_orderable(*engine, facts.db_instance_class),
        )
    copies: list[ClusterSnapshot] = []
    if plan.copy is not None:
        listed = rds.list_cluster_snapshots(plan.source.db_cluster_identifier)
        copies = [item for item in listed if is_copy_for(plan, item)]
    now, keeps_port = ports.clock.now(), settings.keeps_ports
    facts = replace(
        facts,
        # One that is unfinished, or about to be removed, saves no copy slot and no time.
        has_reusable_copy=any(item.status == "available" and is_kept(item, now) for item in copies),
        has_way_to_database=has_way_to_database(settings, plan),
        differences=predicted_differences(plan, replaced, keeps_port=keeps_port) if replaced else (),
    )
    return facts, replace(plan, parameter_group_family=facts.family)


def _look(look: Callable[[str], T], name: str) -> T | RestoreError:
    """A look-up whose refusal is a problem among others, not the end of the check."""
    try:
        return look(name)
    except RequestRefused as error:
        return error


def _if_given(name: str | None, find: Callable[[str], T | None]) -> T | None:
    return find(name) if name else None
