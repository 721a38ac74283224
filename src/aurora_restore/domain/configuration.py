"""How a cluster is set up: kept of the one that is replaced, taken for the new one, compared between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from aurora_restore.domain.cluster_settings import (
    CLUSTER_SETTINGS,
    INSTANCE_SETTINGS,
    SETTINGS,
    ClusterSettings,
    InstanceSettings,
    cluster_settings_of,
    instance_settings_of,
    kept_settings,
    settings_from_item,
)
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.naming import AWS_TAG_PREFIXES, OUR_TAG_PREFIX
from aurora_restore.domain.observed import DbCluster, DbInstance, is_auto_scaled
from aurora_restore.domain.wording import value_words


@dataclass(frozen=True)
class MemberConfiguration(InstanceSettings):
    """One instance of a cluster."""

    db_instance_identifier: str
    db_instance_class: str
    promotion_tier: int | None = None


@dataclass(frozen=True)
class ClusterConfiguration(ClusterSettings):
    """A cluster and its members, writer first, under the names that a request has for them."""

    db_cluster_identifier: str
    db_cluster_resource_id: str
    engine: str
    engine_version: str
    master_username: str
    custom_endpoints: tuple[str, ...]
    tags: Mapping[str, str]
    members: tuple[MemberConfiguration, ...]
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
        for name in ("custom_endpoints", "kerberos_domains"):
            values[name] = tuple(values.get(name, ()))
        values["members"] = tuple(MemberConfiguration(**member) for member in values["members"])
        values["endpoints"] = tuple(CustomEndpoint.from_item(each) for each in values.get("endpoints", ()))
        return cls(**values | settings_from_item(item))


# The rest are identities, or shown as a part of another field.
_CLUSTER_FIELDS = (
    "engine",
    "engine_version",
    "master_username",
    *CLUSTER_SETTINGS,
    "custom_endpoints",
    "tags",
    "managed_master_secret",
    "kerberos_domains",
    "activity_stream_mode",
    "local_write_forwarding",
)
_MEMBER_FIELDS = (*INSTANCE_SETTINGS, "db_instance_class", "promotion_tier")
# What is compared, and may be named in a request's `accept_differences`.
ACCEPTABLE_FIELDS = (*_CLUSTER_FIELDS, "instance_count", *_MEMBER_FIELDS)


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
    order = {name: number for number, name in enumerate(cluster.member_identifiers)}
    # Readers of auto scaling come and go with the load: they are not part of how the cluster is set up.
    lasting = [item for item in instances if not is_auto_scaled(item.db_instance_identifier)]
    ordered = sorted(lasting, key=lambda item: order.get(item.db_instance_identifier, len(order)))
    return ClusterConfiguration(
        db_cluster_identifier=cluster.db_cluster_identifier,
        db_cluster_resource_id=cluster.db_cluster_resource_id,
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        master_username=cluster.master_username,
        custom_endpoints=cluster.custom_endpoints,
        tags=users_tags(cluster.tags),
        members=tuple(
            MemberConfiguration(
                db_instance_identifier=item.db_instance_identifier,
                db_instance_class=item.db_instance_class,
                promotion_tier=item.promotion_tier,
                **kept_settings(instance_settings_of(item)),
            )
            for item in ordered
        ),
        managed_master_secret=cluster.managed_master_secret,
        managed_master_secret_kms_key_id=cluster.managed_master_secret_kms_key_id,
        endpoints=tuple(endpoints),
        kerberos_domains=cluster.kerberos_domains,
        activity_stream_mode=cluster.activity_stream_mode,
        local_write_forwarding=cluster.local_write_forwarding,
        **kept_settings(cluster_settings_of(cluster)),
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
    found = []
    for name, was in before.items():
        row = SETTINGS.get(name)
        is_left_open = name in left_open or (row is not None and row.differs_by_design)
        # None says of it that RDS chose the value, or does not show it: any other value may be the same.
        is_unknown = row is not None and row.none_is_unknown and was in (None, (value_words(None),))
        if was != after[name] and not is_left_open and not is_unknown:
            words = value_words(was), value_words(after[name])
            found.append(Difference(name, *words, name in asked_for, name in accepted))
    return tuple(found)


def difference_words(found: Sequence[Difference], now: str = "would be") -> str:
    """The differences in one line; `now`: in which words the value of the new cluster follows."""
    return "; ".join(f"{item.field}: was {item.replaced}, {now} {item.restored}" for item in found)


def _compared(configuration: ClusterConfiguration) -> Iterator[tuple[str, object]]:
    for name in _CLUSTER_FIELDS:
        yield name, getattr(configuration, name)
    yield "instance_count", len(configuration.members)
    for name in _MEMBER_FIELDS:
        # Each value once: how many members there are is a field of its own.
        yield name, tuple(sorted({value_words(getattr(member, name)) for member in configuration.members}))
