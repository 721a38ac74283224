"""The preflight: what would stop the run later is found before anything is created, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aurora_restore.domain.errors import (
    EngineNotSupported,
    EngineVersionNotOffered,
    InstanceClassNotOrderable,
    KmsKeyNotAccessible,
    KmsKeyRequired,
    ParameterGroupFamilyMismatch,
    ParameterGroupNotFound,
    PasswordNotAcceptable,
    QuotaExceeded,
    RestoreError,
    SecretWrongUser,
    SecurityGroupNotFound,
    SecurityGroupOfAnotherVpc,
    SecurityGroupRequired,
    SubnetGroupNotFound,
    SubnetGroupRequired,
    SubnetGroupTooFewZones,
    TargetExists,
)
from aurora_restore.domain.observed import (
    ClusterSnapshot,
    Credentials,
    DbCluster,
    KmsKey,
    ParameterGroup,
    Quota,
    SecurityGroup,
    SubnetGroup,
)
from aurora_restore.domain.plan import copy_decision, is_encrypted_with_key
from aurora_restore.domain.request import RestoreRequest

SUPPORTED_ENGINE = "aurora-postgresql"
# RDS: DBSubnetGroupDoesNotCoverEnoughAZs, unless "the DB subnet group covers at least two Availability Zones".
AURORA_ZONES_LEAST = 2
# RDS takes 8 to 41 printable ASCII characters for a master password, without / " @ and space.
_MASTER_PASSWORD = re.compile(r"(?:(?![/\"@ ])[!-~]){8,41}")


@dataclass(frozen=True)
class PreflightFacts:
    """What was observed for the preflight. A look that was refused stands here as the error it ended in."""

    snapshot: ClusterSnapshot | RestoreError
    db_instance_class: str
    target_cluster: DbCluster | None = None
    subnet_group: SubnetGroup | None = None
    security_groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    family: str | None = None
    is_class_orderable: bool = False
    cluster_parameter_group: ParameterGroup | None = None
    parameter_group: ParameterGroup | None = None
    kms_key: KmsKey | RestoreError | None = None
    admin: Credentials | RestoreError | None = None
    users: Mapping[str, Credentials | RestoreError] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    has_reusable_copy: bool = False


Check = Callable[[RestoreRequest, PreflightFacts], Iterable[RestoreError]]
SnapshotCheck = Callable[[RestoreRequest, PreflightFacts, ClusterSnapshot], Iterable[RestoreError]]


def preflight_faults(request: RestoreRequest, facts: PreflightFacts) -> list[RestoreError]:
    """All that stands in the way of the run; empty where nothing does. Without a snapshot, all but what it decides."""
    faults = [fault for check in CHECKS for fault in check(request, facts)]
    if isinstance(facts.snapshot, RestoreError):
        return [facts.snapshot, *faults]
    return faults + [fault for check in SNAPSHOT_CHECKS for fault in check(request, facts, facts.snapshot)]


def target_region_checks_apply(snapshot: ClusterSnapshot) -> bool:
    """Whether the engine is one of ours, so that questions about versions and classes make sense."""
    return snapshot.engine == SUPPORTED_ENGINE


def _target_is_free(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    cluster = facts.target_cluster
    if cluster:
        yield TargetExists(
            f"The cluster {cluster.db_cluster_identifier} stands in {request.target_region} already "
            f"(status `{cluster.status}`), and this release does not replace one. It was not touched."
        )


def _engine_is_supported(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    if not target_region_checks_apply(snapshot):
        yield EngineNotSupported(
            f"The snapshot {snapshot.db_cluster_snapshot_identifier} is of the engine {snapshot.engine}."
        )
    elif facts.family is None:
        yield EngineVersionNotOffered(
            f"{snapshot.engine} {snapshot.engine_version} is not offered in {request.target_region}."
        )


def _class_is_orderable(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    if facts.family is not None and not facts.is_class_orderable:
        yield InstanceClassNotOrderable(
            f"{facts.db_instance_class} cannot be ordered for {snapshot.engine} "
            f"{snapshot.engine_version} in {request.target_region}."
        )


def _subnet_group_fits(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    if request.db_subnet_group_name is None:
        yield SubnetGroupRequired("db_subnet_group_name is missing.")
    elif facts.subnet_group is None:
        yield SubnetGroupNotFound(
            f"There is no DB subnet group {request.db_subnet_group_name} in {request.target_region}."
        )
    elif len(set(facts.subnet_group.availability_zones)) < AURORA_ZONES_LEAST:
        yield SubnetGroupTooFewZones(
            f"The DB subnet group {request.db_subnet_group_name} has subnets in "
            f"{', '.join(sorted(set(facts.subnet_group.availability_zones))) or 'no zone'} only."
        )


def _security_groups_fit(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    if not request.vpc_security_group_ids:
        yield SecurityGroupRequired("vpc_security_group_ids is missing.")
    for group_id in request.vpc_security_group_ids:
        group = facts.security_groups.get(group_id)
        if group is None:
            yield SecurityGroupNotFound(f"There is no security group {group_id} in {request.target_region}.")
        elif facts.subnet_group and group.vpc_id != facts.subnet_group.vpc_id:
            yield SecurityGroupOfAnotherVpc(
                f"The security group {group_id} is of {group.vpc_id}, but the subnet group "
                f"{facts.subnet_group.db_subnet_group_name} lies in {facts.subnet_group.vpc_id}."
            )


def _parameter_groups_fit(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    wanted = (
        ("DB cluster", request.db_cluster_parameter_group_name, facts.cluster_parameter_group),
        ("DB", request.db_parameter_group_name, facts.parameter_group),
    )
    for kind, name, group in wanted:
        if name is None:
            continue
        if group is None:
            yield ParameterGroupNotFound(
                f"There is no {kind} parameter group {name} in {request.target_region}."
            )
        elif facts.family and group.family != facts.family:
            yield ParameterGroupFamilyMismatch(
                f"The {kind} parameter group {name} is of the family {group.family}; "
                f"{snapshot.engine} {snapshot.engine_version} needs {facts.family}."
            )


def _key_is_given(
    request: RestoreRequest, _facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    leaves_region = request.source_region != request.target_region
    if request.kms_key_id is None and leaves_region and is_encrypted_with_key(snapshot):
        yield KmsKeyRequired(
            f"The snapshot {snapshot.db_cluster_snapshot_identifier} is encrypted with a key of "
            f"{request.source_region}; its copy in {request.target_region} needs a key there."
        )


def _key_is_usable(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    if request.kms_key_id is None:
        return
    if isinstance(facts.kms_key, RestoreError):
        yield facts.kms_key
    elif facts.kms_key is None:
        yield KmsKeyNotAccessible(f"There is no KMS key {request.kms_key_id} in {request.target_region}.")
    elif facts.kms_key.key_state != "Enabled":
        yield KmsKeyNotAccessible(
            f"The KMS key {request.kms_key_id} is not enabled: {facts.kms_key.key_state}."
        )
    elif facts.kms_key.key_usage != "ENCRYPT_DECRYPT":
        yield KmsKeyNotAccessible(f"The KMS key {request.kms_key_id} is for {facts.kms_key.key_usage}.")


def _admin_secret_is_readable(_request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    if isinstance(facts.admin, RestoreError):
        yield facts.admin
    elif facts.admin and not _MASTER_PASSWORD.fullmatch(facts.admin.password):
        yield PasswordNotAcceptable("The password in the admin secret is not one that RDS takes.")


def _admin_secret_is_of_the_master(
    _request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    admin = facts.admin
    if isinstance(admin, Credentials) and admin.username != snapshot.master_username:
        yield SecretWrongUser(
            f"The admin secret names the user {admin.username!r}; the master user of the snapshot is "
            f"{snapshot.master_username!r}."
        )


def _user_secrets_fit(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    for user in request.db_users:
        if user.secret_id is None:
            continue
        found = facts.users.get(user.secret_id)
        if isinstance(found, RestoreError):
            yield found
        elif found is not None and found.username != user.username:
            yield SecretWrongUser(
                f"db_users: the secret {user.secret_id} is of the user {found.username!r}, not of {user.username!r}."
            )


def _no_user_is_the_master(
    request: RestoreRequest, _facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    if any(user.username == snapshot.master_username for user in request.db_users):
        yield SecretWrongUser(
            f"db_users: {snapshot.master_username!r} is the master user, which has the admin secret."
        )


def _quotas_leave_room(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    key = facts.kms_key.arn if isinstance(facts.kms_key, KmsKey) else None
    copies = copy_decision(request, snapshot, key)[0] and not facts.has_reusable_copy
    needs = {"DBClusters": 1, "DBInstances": request.instance_count, "ManualClusterSnapshots": int(copies)}
    for name, wanted in needs.items():
        quota = facts.quotas.get(name)
        if quota and quota.room < wanted:
            yield QuotaExceeded(
                f"{name}: {quota.used} of {quota.maximum} are in use in {request.target_region}; "
                f"this run needs {wanted} more."
            )


CHECKS: tuple[Check, ...] = (
    _target_is_free,
    _subnet_group_fits,
    _security_groups_fit,
    _key_is_usable,
    _admin_secret_is_readable,
    _user_secrets_fit,
)
SNAPSHOT_CHECKS: tuple[SnapshotCheck, ...] = (
    _engine_is_supported,
    _class_is_orderable,
    _parameter_groups_fit,
    _key_is_given,
    _admin_secret_is_of_the_master,
    _no_user_is_the_master,
    _quotas_leave_room,
)
