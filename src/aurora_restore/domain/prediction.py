"""What the new cluster will be like, as far as the plan tells: a difference nobody asked for is told in a second, not
after hours of restoring."""

from __future__ import annotations

from aurora_restore.domain.configuration import (
    ClusterConfiguration,
    Difference,
    MemberConfiguration,
    differences,
)
from aurora_restore.domain.observed import settings_of
from aurora_restore.domain.plan import PlannedCluster, RestorePlan
from aurora_restore.domain.replacement import Replacement

# What only RDS can tell, or what nobody decides: these wait for the new cluster.
_OPEN_UNTIL_IT_STANDS = frozenset({"iam_authentication"})


def predicted_differences(
    plan: RestorePlan, replaced: ClusterConfiguration, *, keeps_port: bool
) -> tuple[Difference, ...]:
    """The differences that can be told from the plan."""
    if plan.replacement is None:
        return ()
    left_open = frozenset(name for name, value in _optional(plan.cluster).items() if value is None)
    return compared(
        plan.replacement,
        replaced,
        _prediction(plan),
        left_open | _OPEN_UNTIL_IT_STANDS | plan.given_later,
        keeps_port=keeps_port,
    )


def compared(
    replacement: Replacement,
    replaced: ClusterConfiguration,
    restored: ClusterConfiguration,
    left_open: frozenset[str] = frozenset(),
    *,
    keeps_port: bool,
) -> tuple[Difference, ...]:
    """The differences between the two clusters, each with whether it was asked for or accepted."""
    ports = frozenset() if keeps_port else frozenset({"port"})
    asked_for, accepted = frozenset(replacement.asked_for), frozenset(replacement.accept_differences)
    return differences(
        replaced, restored, _with_consequences(asked_for), accepted, left_open=left_open | ports
    )


def _with_consequences(asked_for: frozenset[str]) -> frozenset[str]:
    """What follows from what was asked for: another number of instances brings other promotion tiers."""
    follows = {"promotion_tier"} if "instance_count" in asked_for else set()
    if "db_users" in asked_for:
        follows.add("iam_authentication")
    return asked_for | follows


def _optional(cluster: PlannedCluster) -> dict[str, object]:
    """What a plan may leave to RDS."""
    return {
        "port": cluster.port,
        "storage_type": cluster.storage_type,
        "backup_retention_days": cluster.backup_retention_days,
        "preferred_backup_window": cluster.preferred_backup_window,
        "preferred_maintenance_window": cluster.preferred_maintenance_window,
    }


def _prediction(plan: RestorePlan) -> ClusterConfiguration:
    wanted = plan.cluster
    return ClusterConfiguration(
        db_cluster_identifier=wanted.db_cluster_identifier,
        db_cluster_resource_id="",
        engine=plan.source.engine,
        engine_version=plan.engine_version,
        master_username=plan.source.master_username,
        db_subnet_group_name=wanted.db_subnet_group_name,
        vpc_security_group_ids=tuple(sorted(wanted.vpc_security_group_ids)),
        db_cluster_parameter_group_name=wanted.db_cluster_parameter_group_name,
        kms_key_id=plan.kms_key_id,
        port=wanted.port,
        storage_type=wanted.storage_type,
        backup_retention_days=wanted.backup_retention_days,
        preferred_backup_window=wanted.preferred_backup_window,
        preferred_maintenance_window=wanted.preferred_maintenance_window,
        copy_tags_to_snapshot=wanted.copy_tags_to_snapshot,
        deletion_protection=wanted.deletion_protection,
        iam_authentication=wanted.iam_authentication,
        cloudwatch_logs_exports=tuple(sorted(wanted.cloudwatch_logs_exports)),
        engine_lifecycle_support=wanted.engine_lifecycle_support,
        serverless_v2=wanted.serverless_v2,
        http_endpoint=wanted.http_endpoint,
        custom_endpoints=(),
        roles=wanted.roles,
        tags=plan.users_tags,
        members=_members(plan),
        network_type=wanted.network_type,
        database_insights_mode=wanted.database_insights_mode,
    )


def _members(plan: RestorePlan) -> tuple[MemberConfiguration, ...]:
    return tuple(
        MemberConfiguration(
            db_instance_identifier=item.db_instance_identifier,
            db_instance_class=item.db_instance_class,
            promotion_tier=item.promotion_tier,
            db_parameter_group_name=item.db_parameter_group_name,
            **settings_of(item),
        )
        for item in plan.instances
    )
