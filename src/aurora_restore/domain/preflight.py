"""The preflight: what would stop the run later is found before anything is created, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aurora_restore.domain.configuration import Difference, difference_words
from aurora_restore.domain.engine_checks import engine_of_snapshot, engine_problems, master_password_problems
from aurora_restore.domain.engines import ENGINES, engine_of
from aurora_restore.domain.errors import (
    DatabaseOutOfReach,
    DeletionProtected,
    DifferenceNotAccepted,
    EngineNotSupported,
    EngineVersionNotOffered,
    GlobalClusterMember,
    InstanceClassNotOrderable,
    KmsKeyRequired,
    ParameterGroupFamilyMismatch,
    ParameterGroupNotFound,
    QuotaExceeded,
    ReplacedOutsidePrefix,
    RestoreError,
    SecretWrongUser,
    SecurityGroupNotFound,
    SecurityGroupOfAnotherVpc,
    SecurityGroupRequired,
    SubnetGroupNotFound,
    SubnetGroupRequired,
    SubnetGroupTooFewZones,
    TargetExists,
    TargetIsSource,
    TargetNotAvailable,
)
from aurora_restore.domain.key_checks import requested_key_problems, source_key_problems
from aurora_restore.domain.late_settings import insights_problem
from aurora_restore.domain.observed import (
    ClusterSnapshot,
    Credentials,
    DbCluster,
    DbInstance,
    KmsKey,
    ParameterGroup,
    Quota,
    SecurityGroup,
    SubnetGroup,
    is_auto_scaled,
    not_serving,
)
from aurora_restore.domain.plan import RestorePlan, copy_decision, is_encrypted_with_key
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.room import tag_problems, version_problem
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.user_checks import master_among_users, user_secret_problems

# RDS: DBSubnetGroupDoesNotCoverEnoughAZs, unless "the DB subnet group covers at least two Availability Zones".
AURORA_ZONES_LEAST = 2
DELETE_FIRST_HINT = (
    "A swap needs room for two clusters for a while. Ask for a higher quota in the target Region, or use "
    "replace_strategy delete_first, which makes room first and whose rollback is the final snapshot."
)


@dataclass(frozen=True)
class PreflightFacts:
    """What was observed for the preflight. Where an observation was refused, its error takes its place."""

    snapshot: ClusterSnapshot | RestoreError
    db_instance_class: str
    target_cluster: DbCluster | None = None
    target_instances: Sequence[DbInstance] = ()
    target_global_cluster: str | None = None
    target_cluster_prefix: str = ""
    differences: Sequence[Difference] = ()
    subnet_group: SubnetGroup | None = None
    security_groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    family: str | None = None
    is_class_orderable: bool = False
    cluster_parameter_group: ParameterGroup | None = None
    parameter_group: ParameterGroup | None = None
    kms_key: KmsKey | RestoreError | None = None
    source_key: KmsKey | RestoreError | None = None
    admin: Credentials | RestoreError | None = None
    users: Mapping[str, Credentials | RestoreError] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    has_reusable_copy: bool = False
    has_way_to_database: bool = True
    retained_backups: int = 0


def preflight_problems(request: RestoreRequest, facts: PreflightFacts) -> list[RestoreError]:
    """All problems of the request; empty where there are none. Without a snapshot, all but those that depend on it."""
    problems = list(_problems_of_request(request, facts))
    if isinstance(facts.snapshot, RestoreError):
        return [facts.snapshot, *problems]
    return [*problems, *_problems_with_snapshot(request, facts, facts.snapshot)]


def has_way_to_database(settings: PipelineSettings, plan: RestorePlan) -> bool:
    """Whether the functions that talk to databases can reach the cluster: from subnets, or by public addresses."""
    return settings.reaches_private_databases or all(item.publicly_accessible for item in plan.instances)


def target_region_checks_apply(snapshot: ClusterSnapshot) -> bool:
    """Whether the engine is one of ours, so that questions about versions and classes make sense."""
    return snapshot.engine in ENGINES


def backups_find_no_room(facts: PreflightFacts) -> bool:
    """Whether those of one more deleted cluster cannot be retained: as many can as there may be clusters."""
    quota = facts.quotas.get("DBClusters")
    return quota is not None and facts.retained_backups >= quota.maximum


def _problems_of_request(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    """What can be said whatever the snapshot is."""
    engine = engine_of_snapshot(facts.snapshot)
    yield from _target_problems(request, facts)
    yield from tag_problems(request, facts.target_cluster if request.replaces else None)
    if problem := insights_problem(request):
        yield problem
    yield from _network_problems(request, facts)
    yield from requested_key_problems(request, facts.kms_key)
    if isinstance(facts.admin, RestoreError):
        yield facts.admin
    elif facts.admin:
        yield from master_password_problems(facts.admin, engine)
    yield from user_secret_problems(request.db_users, facts.users, engine)
    # It would show at the first login only, when the cluster has been restored and costs money.
    if not facts.has_way_to_database:
        yield DatabaseOutOfReach(
            "The functions that talk to databases are in no VPC (the stack's SubnetIds is empty), and the cluster's "
            "instances get private addresses: the run could not log in, hours from now."
        )


def _problems_with_snapshot(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    name, admin = snapshot.db_cluster_snapshot_identifier, facts.admin
    yield from _engine_problems(request, facts, snapshot)
    # Keys do not leave their Region.
    leaves_region = request.source_region != request.target_region
    if request.kms_key_id is None and leaves_region and is_encrypted_with_key(snapshot):
        yield KmsKeyRequired(
            f"The snapshot {name} is encrypted with a key of {request.source_region}; its copy in "
            f"{request.target_region} needs a key there."
        )
    # A finished copy is encrypted with the key that is asked for.
    if not facts.has_reusable_copy:
        yield from source_key_problems(snapshot, facts.source_key)
    # The master user comes with the snapshot, and RDS changes its password and never its name.
    if isinstance(admin, Credentials) and admin.username != snapshot.master_username:
        yield SecretWrongUser(
            f"The admin secret names the user {admin.username!r}; the master user of the snapshot is "
            f"{snapshot.master_username!r}."
        )
    yield from master_among_users(request.db_users, snapshot.master_username)
    # A rename keeps the resource id, and a cluster that is made again keeps the name.
    target, is_in_region = facts.target_cluster, request.source_region == request.target_region
    if (
        target
        and is_in_region
        and (
            snapshot.db_cluster_resource_id == target.db_cluster_resource_id
            or snapshot.db_cluster_identifier == target.db_cluster_identifier
        )
    ):
        yield TargetIsSource(
            f"The snapshot {name} was taken of {target.db_cluster_identifier} itself, in {request.target_region}. "
            "It was not touched."
        )
    unwanted = [item for item in facts.differences if item.stops_the_run]
    if unwanted:
        yield DifferenceNotAccepted(
            f"The new cluster would not be as the one that it replaces: {difference_words(unwanted)}. The request "
            "does not ask for that, and accept_differences does not name it."
        )
    yield from _quota_problems(request, facts, snapshot)


def _target_problems(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    """What keeps the run from taking the target's name, where a cluster has it."""
    cluster = facts.target_cluster
    if cluster is None:
        return
    if not request.replaces:
        yield TargetExists(
            f"The cluster {cluster.db_cluster_identifier} exists in {request.target_region} already "
            f"(status `{cluster.status}`), and delete_cluster_if_exists is not true. It was not touched."
        )
        return
    # Without a final snapshot the automated backups are all that is left of the replaced cluster's data.
    if not request.final_snapshot and backups_find_no_room(facts):
        yield QuotaExceeded(
            f"{facts.retained_backups} automated backups of deleted clusters are retained in {request.target_region}, "
            "all that the quota allows: those of the replaced cluster find no room, and final_snapshot is false.",
            "Have a final snapshot taken, or delete retained automated backups that are not needed.",
        )
    yield from replaceable_problems(
        cluster, facts.target_instances, facts.target_global_cluster, facts.target_cluster_prefix
    )


def replaceable_problems(
    cluster: DbCluster, instances: Sequence[DbInstance], global_cluster: str | None, prefix: str
) -> Iterable[RestoreError]:
    """What keeps an existing cluster from being replaced, now or when it is to be deleted hours later."""
    name = cluster.db_cluster_identifier
    if cluster.deletion_protection:
        yield DeletionProtected(f"The cluster {name} has deletion protection. It was not touched.")
    if global_cluster:
        yield GlobalClusterMember(
            f"The cluster {name} is a member of the global cluster {global_cluster}. It was not touched."
        )
    # Readers of auto scaling come and go with the load: one that is being made or deleted is not a reason to wait.
    lasting = [item for item in instances if not is_auto_scaled(item.db_instance_identifier)]
    if busy := not_serving(cluster, lasting):
        yield TargetNotAvailable(f"{', '.join(busy)}. Nothing was touched.")
    # The pipeline's roles may delete only what begins with the prefix, and that would show after the switch.
    names = [item.db_instance_identifier for item in lasting]
    outside = [each for each in names if not each.startswith(prefix)]
    if outside:
        yield ReplacedOutsidePrefix(
            f"{', '.join(outside)} of the cluster {name} does not begin with {prefix!r}. Nothing was touched."
        )


def _network_problems(request: RestoreRequest, facts: PreflightFacts) -> Iterable[RestoreError]:
    """Where the cluster is to be reached: its subnet group, and its security groups in the same VPC."""
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
    if not request.vpc_security_group_ids:
        yield SecurityGroupRequired("vpc_security_group_ids is missing.")
    for group_id in (*request.vpc_security_group_ids, *request.quarantine_security_group_ids):
        group = facts.security_groups.get(group_id)
        if group is None:
            yield SecurityGroupNotFound(f"There is no security group {group_id} in {request.target_region}.")
        elif facts.subnet_group and group.vpc_id != facts.subnet_group.vpc_id:
            yield SecurityGroupOfAnotherVpc(
                f"The security group {group_id} is of {group.vpc_id}, but the subnet group "
                f"{facts.subnet_group.db_subnet_group_name} lies in {facts.subnet_group.vpc_id}."
            )


def _engine_problems(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    """Whether the engine and its version can be had, and the class and the parameter groups fit them."""
    version = request.engine_version or snapshot.engine_version
    if not target_region_checks_apply(snapshot):
        yield EngineNotSupported(
            f"The snapshot {snapshot.db_cluster_snapshot_identifier} is of the engine {snapshot.engine}."
        )
    elif problem := version_problem(
        request.engine_version, snapshot.engine_version, engine_of(snapshot.engine)
    ):
        yield problem
    elif facts.family is None:
        # RDS names the family of parameter groups with each version that it offers.
        yield EngineVersionNotOffered(
            f"{snapshot.engine} {version} is not offered in {request.target_region}."
        )
    yield from engine_problems(request, engine_of(snapshot.engine))
    if facts.family is not None and not facts.is_class_orderable:
        yield InstanceClassNotOrderable(
            f"{facts.db_instance_class} cannot be ordered for {snapshot.engine} {version} in {request.target_region}."
        )
    groups = (
        ("DB cluster", request.db_cluster_parameter_group_name, facts.cluster_parameter_group),
        ("DB", request.db_parameter_group_name, facts.parameter_group),
    )
    for kind, name, group in groups:
        # Without a name RDS takes the engine's own group, which always fits.
        if name is None:
            continue
        if group is None:
            yield ParameterGroupNotFound(
                f"There is no {kind} parameter group {name} in {request.target_region}."
            )
        elif facts.family and group.family != facts.family:
            yield ParameterGroupFamilyMismatch(
                f"The {kind} parameter group {name} is of the family {group.family}; "
                f"{snapshot.engine} {version} needs {facts.family}."
            )


def _quota_problems(
    request: RestoreRequest, facts: PreflightFacts, snapshot: ClusterSnapshot
) -> Iterable[RestoreError]:
    key = facts.kms_key.arn if isinstance(facts.kms_key, KmsKey) else None
    copies = copy_decision(request, snapshot, key)[0] and not facts.has_reusable_copy
    replaces = facts.target_cluster is not None and request.replaces
    deletes_first = replaces and request.replace_strategy == Strategy.DELETE_FIRST
    hint = DELETE_FIRST_HINT if replaces and not deletes_first else None
    # With delete_first the replaced cluster makes room before anything is created.
    needs = {
        "DBClusters": 0 if deletes_first else 1,
        "DBInstances": request.instance_count - (len(facts.target_instances) if deletes_first else 0),
        "ManualClusterSnapshots": int(copies) + int(replaces and request.final_snapshot),
        "DBClusterParameterGroups": int(request.quiet_start),
    }
    for name, expected in needs.items():
        quota = facts.quotas.get(name)
        if quota and quota.room < expected:
            yield QuotaExceeded(
                f"{name}: {quota.used} of {quota.maximum} are in use in {request.target_region}; "
                f"this run needs {expected} more.",
                hint if name in ("DBClusters", "DBInstances") else None,
            )
