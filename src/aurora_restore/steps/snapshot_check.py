"""SnapshotCheck: validate, lock, find the snapshot, look at everything that could stop the run, plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aurora_restore.domain.configuration import ClusterConfiguration, Difference, configuration_of
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
from aurora_restore.domain.observed import ClusterSnapshot, Credentials, DbCluster, KmsKey
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
        _leave_no_lock(ports, operation_id)
        raise


def _leave_no_lock(ports: Ports, operation_id: str) -> None:
    """The operation may have been closed, its lock given back, between our look at it and our taking of the lock."""
    operation = Operation(ports.records.load(operation_id) or {})
    if operation.is_closed and operation.target_cluster_id:
        ports.locks.release(operation.target_cluster_id, operation_id)


def _check(operation: Operation, ports: Ports, raw_request: object) -> StepOutcome:
    if operation.is_planned:
        return StepOutcome(done("the plan already exists"))
    asked = parse_request(raw_request, ports.settings, ports.clock.now(), _account(operation))
    if waits := take_lock(ports, operation, asked.target_cluster_id.lower(), dry_run=asked.dry_run):
        return StepOutcome(in_progress(waits, waiting_for="lock"))
    replaced, existing = _standing(ports, asked)
    request = with_defaults_of(asked, replaced, keeps_port=ports.settings.keeps_ports)
    selected = _select(ports, request)
    facts, plan = _observe(ports, operation, request, selected, replaced, existing)
    refuse(preflight_problems(request, facts))
    if isinstance(selected, RestoreError):
        raise selected
    if plan is None:
        raise AssertionError("a chosen snapshot has a plan")
    return _planned(operation, ports, plan, replaced, facts)


def _account(operation: Operation) -> str | None:
    """The account that the operation's execution runs in."""
    parts = (operation.execution_arn or "").split(":")
    return parts[4] if len(parts) > 4 else None


def _planned(
    operation: Operation,
    ports: Ports,
    plan: RestorePlan,
    replaced: ClusterConfiguration | None,
    facts: PreflightFacts,
) -> StepOutcome:
    name = plan.target_cluster_id
    message = (
        f"the plan is complete: {name} from {plan.source.cluster_snapshot_identifier}, {plan.source.reason}"
    )
    changes = changed(
        Record,
        plan=PlanItem.read(plan.to_item()),
        snapshot_details=SnapshotDetails.read(_snapshot_details(plan)),
    )
    if expectations := earlier_durations(ports, operation.operation_id, plan):
        changes |= changed(Record, expectations=expectations)
    if replaced:
        maker = _maker(ports, facts.target_cluster)
        changes |= changed(Record, replaced=ReplacedCluster.read(replaced.to_item()), replaced_made_by=maker)
        differing = tuple(DifferenceState.read(item.to_item()) for item in facts.differences)
        changes |= changed(RestoreDetails, differences=differing)
    details = {"copy": plan.copy_reason, "strategy": plan.strategy.value}
    return StepOutcome(done(message), changes, (Event("plan.made", details),))


def _maker(ports: Ports, cluster: DbCluster | None) -> str | None:
    """The operation that restored what is replaced; of one that was put back, the one that had restored it before."""
    tags = cluster.tags if cluster else {}
    if put_back_by := tags.get(PUT_BACK_TAG):
        return Record.read(ports.records.load(put_back_by)).replaced_made_by
    return tags.get(OPERATION_TAG)


def _standing(ports: Ports, request: RestoreRequest) -> tuple[ClusterConfiguration | None, dict[str, Any]]:
    """The cluster that has the target's name: how it is set up where it is to be replaced, and the facts about it."""
    rds = ports.target_rds
    cluster = rds.find_cluster(request.target_cluster_id.lower())
    if cluster is None or not request.replaces:
        return None, {"target_cluster": cluster}
    instances = rds.list_cluster_instances(cluster.db_cluster_identifier)
    facts = {
        "target_cluster": cluster,
        "target_instances": instances,
        "target_global_cluster": rds.find_global_cluster_of(cluster.db_cluster_arn),
        "target_cluster_prefix": ports.settings.target_cluster_prefix,
    }
    return configuration_of(cluster, instances, rds.list_custom_endpoints(cluster)), facts


def _select(ports: Ports, request: RestoreRequest) -> SelectedSnapshot | RestoreError:
    source_rds = ports.rds(request.source_region)
    try:
        if request.source_snapshot_identifier:
            found = source_rds.find_cluster_snapshot(request.source_snapshot_identifier)
            return check_named_snapshot(request, found)
        return select_snapshot(
            request, source_rds.list_cluster_snapshots(request.source_cluster_id, with_backups=True)
        )
    except RequestRefused as problem:
        return problem


def _observe(
    ports: Ports,
    operation: Operation,
    request: RestoreRequest,
    selected: SelectedSnapshot | RestoreError,
    replaced: ClusterConfiguration | None,
    existing: Mapping[str, Any],
) -> tuple[PreflightFacts, RestorePlan | None]:
    rds = ports.target_rds
    instance_class = request.db_instance_class or ports.settings.default_db_instance_class
    kms_key = _look(ports.keys.find_key, request.kms_key_id) if request.kms_key_id else None
    key = kms_key if isinstance(kms_key, KmsKey) else None
    facts = PreflightFacts(
        snapshot=selected.snapshot if isinstance(selected, SelectedSnapshot) else selected,
        db_instance_class=instance_class,
        **existing,
        subnet_group=_if_given(request.db_subnet_group_name, rds.find_subnet_group),
        security_groups=ports.network.find_security_groups(
            (*request.vpc_security_group_ids, *request.quarantine_security_group_ids)
        ),
        cluster_parameter_group=_if_given(
            request.db_cluster_parameter_group_name, rds.find_cluster_parameter_group
        ),
        parameter_group=_if_given(request.db_parameter_group_name, rds.find_parameter_group),
        kms_key=kms_key,
        source_key=_source_key(ports, request, selected),
        admin=_admin(ports, request),
        users=_user_credentials(ports, request),
        quotas=rds.quotas(),
        retained_backups=rds.count_retained_backups() if replaced else 0,
    )
    if not isinstance(selected, SelectedSnapshot):
        return facts, None
    plan = build_plan(
        operation.operation_id, request, selected, key.arn if key else None, ports.settings, replaced
    )
    scaling = note_scaling(ports, plan.target_cluster_id) if replaced else None
    plan = replace(plan, notes=(*plan.notes, *_notes(facts, selected.snapshot, replaced, scaling)))
    facts = replace(
        _with_engine(ports, facts, selected.snapshot, plan.engine_version),
        has_reusable_copy=_has_reusable_copy(ports, plan),
        has_way_to_database=has_way_to_database(ports.settings, plan),
        differences=_differences(ports, plan, replaced),
    )
    return facts, replace(plan, parameter_group_family=facts.family)


def _source_key(
    ports: Ports, request: RestoreRequest, selected: SelectedSnapshot | RestoreError
) -> KmsKey | RestoreError | None:
    """The key that the snapshot is encrypted with, in the Region where the snapshot and the key are."""
    if not isinstance(selected, SelectedSnapshot) or not selected.snapshot.kms_key_id:
        return None
    region = request.source_region
    return _look(lambda key_id: ports.keys.find_key(key_id, region), selected.snapshot.kms_key_id)


def _notes(
    facts: PreflightFacts,
    snapshot: ClusterSnapshot,
    replaced: ClusterConfiguration | None,
    scaling: str | None,
) -> Iterable[str]:
    """What only the look at the account tells."""
    if scaling:
        yield scaling
    if replaced and backups_find_no_room(facts):
        yield BACKUPS_NOTE
    if note := source_key_note(snapshot, facts.source_key):
        yield note


def _differences(
    ports: Ports, plan: RestorePlan, replaced: ClusterConfiguration | None
) -> tuple[Difference, ...]:
    if replaced is None:
        return ()
    return predicted_differences(plan, replaced, keeps_port=ports.settings.keeps_ports)


def _with_engine(
    ports: Ports, facts: PreflightFacts, snapshot: ClusterSnapshot, version: str
) -> PreflightFacts:
    """What the target Region offers for the engine version to be, where the engine is one of ours."""
    if not target_region_checks_apply(snapshot):
        return facts
    rds, engine = ports.target_rds, (snapshot.engine, version)
    return replace(
        facts,
        family=rds.parameter_group_family(*engine),
        is_class_orderable=rds.is_instance_class_orderable(*engine, facts.db_instance_class),
    )


def _has_reusable_copy(ports: Ports, plan: RestorePlan) -> bool:
    now = ports.clock.now()
    if plan.copy is None:
        return False
    copies: list[ClusterSnapshot] = [
        item
        for item in ports.target_rds.list_cluster_snapshots(plan.source.db_cluster_identifier)
        if is_copy_for(plan, item)
    ]
    return any(item.status == "available" and is_kept(item, now) for item in copies)


def _look(look: Callable[[str], T], name: str) -> T | RestoreError:
    """A look-up whose refusal is a problem among others, not the end of the check."""
    try:
        return look(name)
    except RequestRefused as error:
        return error


def _if_given(name: str | None, find: Callable[[str], T | None]) -> T | None:
    return find(name) if name else None


def _admin(ports: Ports, request: RestoreRequest) -> Credentials | RestoreError:
    secret_id = request.admin_secret_id or ports.settings.admin_secret_id
    found = _look(ports.secrets.read_credentials, secret_id)
    if isinstance(found, SecretNotFound):
        return AdminSecretNotFound(
            f"The admin secret {secret_id} does not exist in {ports.settings.target_region}."
        )
    return found


def _user_credentials(ports: Ports, request: RestoreRequest) -> dict[str, Credentials | RestoreError]:
    found: dict[str, Credentials | RestoreError] = {}
    for user in request.db_users:
        secret_id = user.secret_id
        if secret_id is not None and secret_id not in found:
            found[secret_id] = _look(ports.secrets.read_credentials, secret_id)
    return found


def _snapshot_details(plan: RestorePlan) -> dict[str, Any]:
    item: dict[str, Any] = plan.to_item()
    return {**item["source"], "copy": item["copy"], "copy_reason": plan.copy_reason}
