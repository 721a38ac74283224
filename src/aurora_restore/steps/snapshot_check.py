"""SnapshotCheck: validate, lock, find the snapshot, look at everything that could stop the run, plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from aurora_restore.domain.copying import is_copy_for
from aurora_restore.domain.errors import (
    AdminSecretNotFound,
    OperationNotRunning,
    RequestRefused,
    RestoreError,
    SecretNotFound,
    TargetLocked,
    refuse,
)
from aurora_restore.domain.observed import ClusterSnapshot, Credentials, KmsKey
from aurora_restore.domain.operation import Operation, new_record
from aurora_restore.domain.plan import RestorePlan, build_plan
from aurora_restore.domain.preflight import PreflightFacts, preflight_faults, target_region_checks_apply
from aurora_restore.domain.request import RestoreRequest, parse_request, without_unknown_values
from aurora_restore.domain.results import Phase, StepResult, done
from aurora_restore.domain.selection import SelectedSnapshot, check_named_snapshot, select_snapshot
from aurora_restore.domain.times import parse_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.runner import run_step
from aurora_restore.steps.world import World

T = TypeVar("T")
SECONDS_A_DAY = 86_400


def snapshot_check(
    world: World, operation_id: str, execution_arn: str | None, raw_request: object
) -> StepResult:
    """The first step: it makes the record too. Raises what `run_step` raises, and `RequestRefused`."""
    begin_record(world, operation_id, execution_arn, raw_request)

    def check(operation: Operation, world: World) -> StepOutcome:
        return _check(operation, world, raw_request)

    return run_step(Phase.SNAPSHOT_CHECK, check, world, operation_id)


def begin_record(world: World, operation_id: str, execution_arn: str | None, raw_request: object) -> None:
    """Make the record, or find that this very execution has made it before.

    Raises:
        OperationNotRunning: the id belongs to another execution's record.
    """
    now = world.clock.now()
    expires_at = int(now.timestamp()) + world.settings.record_retention_days * SECONDS_A_DAY
    record = new_record(operation_id, execution_arn, without_unknown_values(raw_request), now, expires_at)
    if not world.records.create(record):
        record = _own_record(world, operation_id, execution_arn)
    # The event bears the record's own time: written again after a crash, it is the same entry.
    details = {"parameters": record.get("parameters")}
    world.audit.append(operation_id, parse_time(record["start_time"]), "operation.started", details)


def _own_record(world: World, operation_id: str, execution_arn: str | None) -> dict[str, Any]:
    found = world.records.load(operation_id) or {}
    if found.get("execution_arn") != execution_arn:
        raise OperationNotRunning(f"The operation id {operation_id} belongs to {found.get('execution_arn')}.")
    if not Operation(found).is_running:
        raise OperationNotRunning(
            f"The operation id {operation_id} was used before: its record of {found.get('start_time')} says "
            f"{found['status']}. Choose another name."
        )
    return found


def _check(operation: Operation, world: World, raw_request: object) -> StepOutcome:
    if operation.is_planned:
        return StepOutcome(done("the plan stands already"))
    request = parse_request(raw_request, world.settings, world.clock.now())
    _take_lock(world, operation, request)
    selected = _select(world, request)
    facts, kms_key = _observe(world, operation, request, selected)
    refuse(preflight_faults(request, facts))
    if isinstance(selected, RestoreError):
        raise selected
    plan = build_plan(
        operation.operation_id, request, selected, kms_key.arn if kms_key else None, world.settings
    )
    name = plan.cluster.db_cluster_identifier
    message = f"the plan stands: {name} from {plan.source.cluster_snapshot_identifier}, {plan.source.reason}"
    changes = {"plan": plan.to_item(), "snapshot_details": _snapshot_details(plan)}
    return StepOutcome(done(message), changes, (Event("plan.made", {"copy": plan.copy_reason}),))


def _take_lock(world: World, operation: Operation, request: RestoreRequest) -> None:
    """One operation a target: a lock whose owner has ended is taken over. A dry run only looks."""
    target, operation_id, now = request.target_cluster_id.lower(), operation.operation_id, world.clock.now()
    if not request.dry_run and world.locks.acquire(target, operation_id, now):
        return
    owner = world.locks.owner(target)
    if owner and owner != operation_id and not _has_ended(world, owner):
        raise TargetLocked(
            f"The operation {owner} is at work on {target}; `aurora-restore status {owner}` says where it stands."
        )
    if not request.dry_run and not world.locks.acquire(target, operation_id, now, replaces=owner):
        raise TargetLocked(f"Another operation has just begun to work on {target}.")


def _has_ended(world: World, operation_id: str) -> bool:
    item = world.records.load(operation_id)
    return item is None or not Operation(item).is_running


def _select(world: World, request: RestoreRequest) -> SelectedSnapshot | RestoreError:
    source_rds = world.rds(request.source_region)
    try:
        if request.source_snapshot_identifier:
            found = source_rds.find_cluster_snapshot(request.source_snapshot_identifier)
            return check_named_snapshot(request, found)
        return select_snapshot(request, source_rds.list_cluster_snapshots(request.source_cluster_id))
    except RequestRefused as fault:
        return fault


def _observe(
    world: World, operation: Operation, request: RestoreRequest, selected: SelectedSnapshot | RestoreError
) -> tuple[PreflightFacts, KmsKey | None]:
    rds = world.target_rds
    instance_class = request.db_instance_class or world.settings.default_db_instance_class
    kms_key = _look(world.keys.find_key, request.kms_key_id) if request.kms_key_id else None
    key = kms_key if isinstance(kms_key, KmsKey) else None
    facts = PreflightFacts(
        snapshot=selected.snapshot if isinstance(selected, SelectedSnapshot) else selected,
        db_instance_class=instance_class,
        target_cluster=rds.find_cluster(request.target_cluster_id.lower()),
        subnet_group=_if_given(request.db_subnet_group_name, rds.find_subnet_group),
        security_groups=world.network.find_security_groups(request.vpc_security_group_ids),
        cluster_parameter_group=_if_given(
            request.db_cluster_parameter_group_name, rds.find_cluster_parameter_group
        ),
        parameter_group=_if_given(request.db_parameter_group_name, rds.find_parameter_group),
        kms_key=kms_key,
        admin=_admin(world),
        users=_user_credentials(world, request),
        quotas=rds.quotas(),
    )
    if isinstance(selected, SelectedSnapshot):
        facts = _with_engine(world, facts, selected.snapshot)
        reusable = _has_reusable_copy(world, operation, request, selected, key)
        facts = replace(facts, has_reusable_copy=reusable)
    return facts, key


def _with_engine(world: World, facts: PreflightFacts, snapshot: ClusterSnapshot) -> PreflightFacts:
    """What the target Region offers for the snapshot's engine, where that is one of ours."""
    if not target_region_checks_apply(snapshot):
        return facts
    rds, engine = world.target_rds, (snapshot.engine, snapshot.engine_version)
    return replace(
        facts,
        family=rds.parameter_group_family(*engine),
        is_class_orderable=rds.is_instance_class_orderable(*engine, facts.db_instance_class),
    )


def _has_reusable_copy(
    world: World,
    operation: Operation,
    request: RestoreRequest,
    selected: SelectedSnapshot,
    key: KmsKey | None,
) -> bool:
    plan = build_plan(operation.operation_id, request, selected, key.arn if key else None, world.settings)
    if plan.copy is None:
        return False
    copies: list[ClusterSnapshot] = [
        item
        for item in world.target_rds.list_cluster_snapshots(plan.source.db_cluster_identifier)
        if is_copy_for(plan, item)
    ]
    return any(item.status == "available" for item in copies)


def _look(look: Callable[[str], T], name: str) -> T | RestoreError:
    """A look whose refusal is a fault among others, not the end of the check."""
    try:
        return look(name)
    except RequestRefused as error:
        return error


def _if_given(name: str | None, find: Callable[[str], T | None]) -> T | None:
    return find(name) if name else None


def _admin(world: World) -> Credentials | RestoreError:
    secret_id = world.settings.admin_secret_id
    found = _look(world.secrets.read_credentials, secret_id)
    if isinstance(found, SecretNotFound):
        return AdminSecretNotFound(
            f"The admin secret {secret_id} does not exist in {world.settings.target_region}."
        )
    return found


def _user_credentials(world: World, request: RestoreRequest) -> dict[str, Credentials | RestoreError]:
    found: dict[str, Credentials | RestoreError] = {}
    for user in request.db_users:
        secret_id = user.secret_id
        if secret_id is not None and secret_id not in found:
            found[secret_id] = _look(world.secrets.read_credentials, secret_id)
    return found


def _snapshot_details(plan: RestorePlan) -> dict[str, Any]:
    item: dict[str, Any] = plan.to_item()
    return {**item["source"], "copy": item["copy"], "copy_reason": plan.copy_reason}
