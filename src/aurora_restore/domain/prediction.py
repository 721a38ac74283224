"""What the new cluster will be like, as far as the plan tells: a difference that was not requested is reported in a
second, not after hours of restoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aurora_restore.domain.cluster_settings import (
    CLUSTER_SETTINGS,
    cluster_settings_of,
    instance_settings_of,
    turned_on_by,
)
from aurora_restore.domain.configuration import (
    ClusterConfiguration,
    Difference,
    MemberConfiguration,
    configuration_of,
    differences,
)
from aurora_restore.domain.late_settings import left_settings
from aurora_restore.domain.log_exports import given_after_switch
from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.operation import Operation
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
    return compared(
        plan.replacement,
        replaced,
        _prediction(plan),
        _left_to_rds(plan.cluster) | _OPEN_UNTIL_IT_STANDS | plan.given_later,
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
    return asked_for | follows | turned_on_by(asked_for)


def _left_to_rds(cluster: PlannedCluster) -> frozenset[str]:
    """The settings of which only RDS knows the value before the cluster exists."""
    return frozenset(
        name
        for name, row in CLUSTER_SETTINGS.items()
        if row.none_is_unknown and getattr(cluster, name) is None
    )


def _prediction(plan: RestorePlan) -> ClusterConfiguration:
    settings = {name: _in_order(value) for name, value in cluster_settings_of(plan.cluster).items()}
    return ClusterConfiguration(
        db_cluster_identifier=plan.cluster.db_cluster_identifier,
        db_cluster_resource_id="",
        engine=plan.source.engine,
        engine_version=plan.engine_version,
        master_username=plan.source.master_username,
        custom_endpoints=(),
        tags=plan.users_tags,
        members=_members(plan),
        **settings | {"kms_key_id": plan.kms_key_id},
    )


def _in_order(value: Any) -> Any:
    """A list of names as RDS shows it."""
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return tuple(sorted(value))
    return value


def _members(plan: RestorePlan) -> tuple[MemberConfiguration, ...]:
    return tuple(
        MemberConfiguration(
            db_instance_identifier=item.db_instance_identifier,
            db_instance_class=item.db_instance_class,
            promotion_tier=item.promotion_tier,
            **instance_settings_of(item),
        )
        for item in plan.instances
    )


def found_differences(
    operation: Operation, cluster: DbCluster, instances: Sequence[DbInstance], *, keeps_port: bool
) -> tuple[Difference, ...]:
    """How the new cluster differs from the one that it replaces."""
    plan = operation.plan
    if plan.replacement is None:
        return ()
    replaced = ClusterConfiguration.from_item(operation.record.replaced.item)
    # They come after the switch, and the plan has decided whether they are to be as on the replaced cluster.
    later = given_after_switch(plan) | plan.given_later
    # A warning reports these already: what RDS does not take, or shows as pending, throws no restore away.
    later |= {*left_settings(plan, cluster), *cluster.pending_modified_values}
    restored = configuration_of(cluster, instances)
    return compared(plan.replacement, replaced, restored, later, keeps_port=keeps_port)
