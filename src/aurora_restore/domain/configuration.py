"""How a cluster is set up: kept of the one that is replaced, taken for the new one, compared between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.naming import AWS_TAG_PREFIXES, OUR_TAG_PREFIX, is_quiet_group
from aurora_restore.domain.observed import (
    ClusterRole,
    DbCluster,
    DbInstance,
    InstanceSettings,
    is_auto_scaled,
    settings_of,
)

DEFAULT_GROUP_PREFIX = "default."
# Silence never enrols a cluster in a support that is paid for, so this one differs by design and never stops a run.
DIFFERS_BY_DESIGN = frozenset({"engine_lifecycle_support"})
# Where RDS, or the record of an earlier version, shows none of these for the replaced cluster, there is none to lose.
_NONE_IS_NO_VALUE = frozenset(
    {
        "network_type",
        "database_insights_mode",
        "performance_insights_retention_days",
        "performance_insights_kms_key_id",
        "monitoring_role_arn",
        "ca_certificate_identifier",
        "instance_maintenance_window",
    }
)


@dataclass(frozen=True)
class MemberConfiguration(InstanceSettings):
    """One instance of a cluster."""

    db_instance_identifier: str
    db_instance_class: str
    promotion_tier: int | None = None
    db_parameter_group_name: str | None = None


@dataclass(frozen=True)
class ClusterConfiguration:
    """A cluster and its members, writer first, under the names that a request has for them."""

    db_cluster_identifier: str
    db_cluster_resource_id: str
    engine: str
    engine_version: str
    master_username: str
    db_subnet_group_name: str | None
    vpc_security_group_ids: tuple[str, ...]
    db_cluster_parameter_group_name: str | None
    kms_key_id: str | None
    port: int | None
    storage_type: str | None
    backup_retention_days: int | None
    preferred_backup_window: str | None
    preferred_maintenance_window: str | None
    copy_tags_to_snapshot: bool
    deletion_protection: bool
    iam_authentication: bool
    cloudwatch_logs_exports: tuple[str, ...]
    engine_lifecycle_support: str | None
    serverless_v2: Mapping[str, float] | None
    http_endpoint: bool
    custom_endpoints: tuple[str, ...]
    roles: tuple[ClusterRole, ...]
    tags: Mapping[str, str]
    members: tuple[MemberConfiguration, ...]
    network_type: str | None = None
    database_insights_mode: str | None = None
    managed_master_secret: str | None = None
    managed_master_secret_kms_key_id: str | None = None
    endpoints: tuple[CustomEndpoint, ...] = ()
    kerberos_domains: tuple[str, ...] = ()
    activity_stream_mode: str | None = None
    local_write_forwarding: bool = False

    def to_item(self) -> dict[str, Any]:
        """Its form in the record, under `replaced`."""
        return asdict(self)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ClusterConfiguration:
        """Read back what `to_item` wrote, now or in an earlier version, which knew fewer fields."""
        values = {field.name: item[field.name] for field in fields(cls) if field.name in item}
        for name in (
            "vpc_security_group_ids",
            "cloudwatch_logs_exports",
            "custom_endpoints",
            "kerberos_domains",
        ):
            values[name] = tuple(values.get(name, ()))
        values["roles"] = tuple(ClusterRole(**role) for role in values["roles"])
        values["members"] = tuple(MemberConfiguration(**member) for member in values["members"])
        values["endpoints"] = tuple(CustomEndpoint.from_item(each) for each in values.get("endpoints", ()))
        return cls(**values)


_IDENTITY = frozenset(
    {"db_cluster_identifier", "db_cluster_resource_id", "members", "db_instance_identifier"}
)
_PART_OF_ANOTHER = frozenset({"managed_master_secret_kms_key_id", "endpoints"})
_CLUSTER_FIELDS = tuple(
    field.name for field in fields(ClusterConfiguration) if field.name not in _IDENTITY | _PART_OF_ANOTHER
)
_MEMBER_FIELDS = tuple(field.name for field in fields(MemberConfiguration) if field.name not in _IDENTITY)
ACCEPTABLE_FIELDS = (*_CLUSTER_FIELDS, "instance_count", *_MEMBER_FIELDS)
"""What is compared, and may be named in a request's `accept_differences`."""


@dataclass(frozen=True)
class Difference:
    """A field in which the new cluster is not as the replaced one was, in words."""

    field: str
    replaced: str
    restored: str
    asked_for: bool
    accepted: bool

    @property
    def stops_the_run(self) -> bool:
        return not self.asked_for and not self.accepted

    def to_item(self) -> dict[str, Any]:
        return asdict(self)


def configuration_of(
    cluster: DbCluster, instances: Sequence[DbInstance], endpoints: Sequence[CustomEndpoint] = ()
) -> ClusterConfiguration:
    """What was observed, as a configuration; tags of ours and of AWS are not part of it."""
    return ClusterConfiguration(
        db_cluster_identifier=cluster.db_cluster_identifier,
        db_cluster_resource_id=cluster.db_cluster_resource_id,
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        master_username=cluster.master_username,
        db_subnet_group_name=cluster.db_subnet_group,
        vpc_security_group_ids=cluster.vpc_security_group_ids,
        db_cluster_parameter_group_name=_group(cluster.db_cluster_parameter_group),
        kms_key_id=cluster.kms_key_id,
        port=cluster.port,
        storage_type=cluster.storage_type or "aurora",
        backup_retention_days=cluster.backup_retention_days,
        preferred_backup_window=cluster.preferred_backup_window,
        preferred_maintenance_window=cluster.preferred_maintenance_window,
        copy_tags_to_snapshot=cluster.copy_tags_to_snapshot,
        deletion_protection=cluster.deletion_protection,
        iam_authentication=cluster.iam_authentication,
        cloudwatch_logs_exports=cluster.cloudwatch_logs_exports,
        engine_lifecycle_support=cluster.engine_lifecycle_support,
        serverless_v2=cluster.serverless_v2,
        http_endpoint=cluster.http_endpoint_enabled,
        custom_endpoints=cluster.custom_endpoints,
        roles=cluster.roles,
        tags=users_tags(cluster.tags),
        members=_members(cluster, instances),
        network_type=cluster.network_type,
        database_insights_mode=cluster.database_insights_mode,
        managed_master_secret=cluster.managed_master_secret,
        managed_master_secret_kms_key_id=cluster.managed_master_secret_kms_key_id,
        endpoints=tuple(endpoints),
        kerberos_domains=cluster.kerberos_domains,
        activity_stream_mode=cluster.activity_stream_mode,
        local_write_forwarding=cluster.local_write_forwarding,
    )


def is_of_rds(key: str) -> bool:
    """Whether a tag's key is reserved for RDS, which refuses it in a request."""
    return key.startswith("rds:")


def users_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that people gave."""
    return {
        key: value
        for key, value in tags.items()
        if not key.lower().startswith((OUR_TAG_PREFIX, *AWS_TAG_PREFIXES))
    }


def differences(
    replaced: ClusterConfiguration,
    restored: ClusterConfiguration,
    asked_for: frozenset[str],
    accepted: frozenset[str],
    *,
    left_open: frozenset[str] = frozenset(),
) -> tuple[Difference, ...]:
    """All fields that differ. `left_open` are those that are not known yet, or that the pipeline does not keep."""
    before, after = dict(_compared(replaced)), dict(_compared(restored))
    return tuple(
        Difference(name, _words(before[name]), _words(after[name]), name in asked_for, name in accepted)
        for name in before
        if name not in left_open | DIFFERS_BY_DESIGN
        and before[name] != after[name]
        and not (name in _NONE_IS_NO_VALUE and _is_none(before[name]))
    )


def _is_none(value: object) -> bool:
    return value is None or value == (_words(None),)


def difference_words(found: Sequence[Difference]) -> str:
    """The differences in one line."""
    return "; ".join(f"{item.field}: was {item.replaced}, would be {item.restored}" for item in found)


def _members(cluster: DbCluster, instances: Sequence[DbInstance]) -> tuple[MemberConfiguration, ...]:
    order = {name: number for number, name in enumerate(cluster.member_identifiers)}
    planned = [item for item in instances if not is_auto_scaled(item.db_instance_identifier)]
    ordered = sorted(planned, key=lambda item: order.get(item.db_instance_identifier, len(order)))
    return tuple(
        MemberConfiguration(
            db_instance_identifier=item.db_instance_identifier,
            db_instance_class=item.db_instance_class,
            promotion_tier=item.promotion_tier,
            db_parameter_group_name=_group(item.db_parameter_group),
            **settings_of(item),
        )
        for item in ordered
    )


def _group(name: str | None) -> str | None:
    """A parameter group that an operator chose; the engine's own comes by itself, and differs by version.

    One that a cluster kept from its first start takes the place of the engine's own, and goes with the cluster.
    """
    is_chosen = name is not None and not name.startswith(DEFAULT_GROUP_PREFIX) and not is_quiet_group(name)
    return name if is_chosen else None


def _compared(configuration: ClusterConfiguration) -> Iterator[tuple[str, object]]:
    for name in _CLUSTER_FIELDS:
        yield name, getattr(configuration, name)
    yield "instance_count", len(configuration.members)
    for name in _MEMBER_FIELDS:
        yield name, _of_members(configuration.members, name)


def _of_members(members: Sequence[MemberConfiguration], name: str) -> tuple[str, ...]:
    """Each value once: how many members there are is a field of its own."""
    return tuple(sorted({_words(getattr(member, name)) for member in members}))


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in sorted(value.items())) or "none"
    if isinstance(value, ClusterRole):
        return f"{value.role_arn} ({value.feature_name})" if value.feature_name else value.role_arn
    if isinstance(value, tuple):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
