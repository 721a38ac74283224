"""What the account says of a request, before anything is made: the facts of the preflight, and the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.copying import is_copy_for, is_kept
from aurora_restore.domain.errors import (
    AdminSecretNotFound,
    RequestRefused,
    RestoreError,
    SecretNotFound,
)
from aurora_restore.domain.key_checks import source_key_note
from aurora_restore.domain.observed import ClusterSnapshot, KmsKey
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan, build_plan
from aurora_restore.domain.prediction import predicted_differences
from aurora_restore.domain.preflight import (
    PreflightFacts,
    backups_find_no_room,
    has_way_to_database,
    target_region_checks_apply,
)
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.selection import SelectedSnapshot
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.scaling_notes import note_scaling

T = TypeVar("T")
BACKUPS_NOTE = (
    "WARNING: the quota of retained automated backups is used up: those of the replaced cluster are deleted with it, "
    "after its final snapshot is seen finished"
)


def observe_account(
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
    admin_id = request.admin_secret_id or ports.settings.admin_secret_id
    admin = _look(secrets.read_credentials, admin_id)
    if isinstance(admin, SecretNotFound):
        # Other than a user's secret, it is the one that opens the cluster itself: its hint is another one.
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


def plan_with(
    operation: Operation,
    ports: Ports,
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
