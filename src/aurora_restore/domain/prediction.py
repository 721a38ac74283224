"""What the new cluster will be like, as far as the plan shows it.

So a difference that was not requested is reported in a second, and not after hours of restoring.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.replacement import Replacement

# What only RDS knows, or what is not decided: these wait for the new cluster.
_OPEN_UNTIL_IT_EXISTS = frozenset({"iam_authentication"})


def predicted_differences(
    plan: RestorePlan, replaced: ClusterConfiguration, *, keeps_port: bool
) -> tuple[Difference, ...]:
    """The differences that the plan already shows."""
    if plan.replacement is None:
        return ()
    settings = cluster_settings_of(plan.cluster)
    # Only RDS knows the values of these before the cluster exists.
    left_to_rds = {
        name for name, row in CLUSTER_SETTINGS.items() if row.none_is_unknown and settings[name] is None
    }
    for name, value in settings.items():
        # RDS shows a list of names in an order of its own, and the replaced cluster's were read in this one.
        if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            settings[name] = tuple(sorted(value))
    prediction = ClusterConfiguration(
        db_cluster_identifier=plan.cluster.db_cluster_identifier,
        db_cluster_resource_id="",
        engine=plan.source.engine,
        engine_version=plan.engine_version,
        master_username=plan.source.master_username,
        custom_endpoints=(),
        tags=plan.users_tags,
        members=tuple(
            MemberConfiguration(
                db_instance_identifier=item.db_instance_identifier,
                db_instance_class=item.db_instance_class,
                promotion_tier=item.promotion_tier,
                **instance_settings_of(item),
            )
            for item in plan.instances
        ),
        **settings | {"kms_key_id": plan.kms_key_id},
    )
    left_open = _OPEN_UNTIL_IT_EXISTS | plan.given_later | left_to_rds
    return compared(plan.replacement, replaced, prediction, left_open, keeps_port=keeps_port)


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
    follows = set(turned_on_by(asked_for))
    # Another number of instances brings other promotion tiers.
    if "instance_count" in asked_for:
        follows.add("promotion_tier")
    # A user may log in by IAM, which turns its authentication on.
    if "db_users" in asked_for:
        follows.add("iam_authentication")
    return differences(replaced, restored, asked_for | follows, accepted, left_open=left_open | ports)


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
