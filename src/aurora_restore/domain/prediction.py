"""What the new cluster will be like, as far as the plan tells: a difference that was not requested is reported in a
second, not after hours of restoring."""

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

# What only RDS knows, or what is not decided: these wait for the new cluster.
_OPEN_UNTIL_IT_STANDS = frozenset({"iam_authentication"})


def predicted_differences(
    plan: RestorePlan, replaced: ClusterConfiguration, *, keeps_port: bool
) -> tuple[Difference, ...]:
    """The differences that the plan already shows."""
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
    expected = plan.cluster
    return ClusterConfiguration(
        db_cluster_identifier=expected.db_cluster_identifier,
        db_cluster_resource_id="",
        engine=plan.source.engine,
        engine_version=plan.engine_version,
        master_username=plan.source.master_username,
        db_subnet_group_name=expected.db_subnet_group_name,
        vpc_security_group_ids=tuple(sorted(expected.vpc_security_group_ids)),
        db_cluster_parameter_group_name=expected.db_cluster_parameter_group_name,
        kms_key_id=plan.kms_key_id,
        port=expected.port,
        storage_type=expected.storage_type,
        backup_retention_days=expected.backup_retention_days,
        preferred_backup_window=expected.preferred_backup_window,
        preferred_maintenance_window=expected.preferred_maintenance_window,
        copy_tags_to_snapshot=expected.copy_tags_to_snapshot,
        deletion_protection=expected.deletion_protection,
        iam_authentication=expected.iam_authentication,
        cloudwatch_logs_exports=tuple(sorted(expected.cloudwatch_logs_exports)),
        engine_lifecycle_support=expected.engine_lifecycle_support,
        serverless_v2=expected.serverless_v2,
        http_endpoint=expected.http_endpoint,
        custom_endpoints=(),
        roles=expected.roles,
        tags=plan.users_tags,
        members=_members(plan),
        network_type=expected.network_type,
        database_insights_mode=expected.database_insights_mode,
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
