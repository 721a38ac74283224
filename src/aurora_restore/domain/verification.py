"""Comparing what was asked for with what exists, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from aurora_restore.domain.cluster_settings import (
    SETTINGS,
    SettingValues,
    cluster_settings_of,
    instance_settings_of,
)
from aurora_restore.domain.log_exports import given_after_switch
from aurora_restore.domain.observed import DbCluster, DbInstance, is_auto_scaled
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import SERVING_STATUSES
from aurora_restore.domain.wording import value_words

IN_SYNC = "in-sync"
# A pending value can stay for ever (terraform-provider-aws #45575): it is waited for only so long.
PENDING_LIMIT = timedelta(minutes=15)


@dataclass(frozen=True)
class FieldCheck:
    """One compared field, in words that the record and the command line show."""

    field: str
    wanted: str
    found: str

    @property
    def matches(self) -> bool:
        return self.wanted == self.found

    def to_item(self) -> dict[str, Any]:
        return {**asdict(self), "matches": self.matches}


def compare(
    plan: RestorePlan,
    cluster: DbCluster,
    instances: Sequence[DbInstance],
    wanted_group: str | None = None,
) -> tuple[FieldCheck, ...]:
    """All checks, those that hold and those that do not. What was left to RDS's default is not compared.

    `wanted_group`: the parameter group that the cluster was given after its first start.
    """
    checks = [
        _check("engine", plan.source.engine, cluster.engine),
        _check("engine_version", plan.engine_version, cluster.engine_version),
        _check("master_username", plan.source.master_username, cluster.master_username),
    ]
    if key := plan.kms_key_id:
        checks.append(_check("kms_key_id", key, cluster.kms_key_id))
        checks.append(_check("storage_encrypted", True, cluster.storage_encrypted))
    # The verification comes before the switch: what is given after it does not show yet.
    later = given_after_switch(plan)
    expected = {name: value for name, value in cluster_settings_of(plan.cluster).items() if name not in later}
    checks += _setting_checks(expected, cluster_settings_of(cluster), "")
    checks += _tag_checks(plan.cluster.tags, cluster.tags, "")
    checks += _instance_checks(plan, instances)
    if wanted_group:
        shown = cluster.db_cluster_parameter_group_name
        checks.append(_check("db_cluster_parameter_group in place", wanted_group, shown))
        # The cluster names the group at once; it takes effect in each instance by itself.
        checks += [
            _check(f"{name}: db_cluster_parameter_group", IN_SYNC, status)
            for name, status in cluster.parameter_group_statuses.items()
            if not is_auto_scaled(name)
        ]
    return tuple(checks)


class Settling(Enum):
    """Whether the values that a cluster shows can still change.

    PENDING: all statuses are final, and RDS has accepted values that it does not show yet.
    """

    CHANGING = "changing"
    PENDING = "pending"
    SETTLED = "settled"


def settling(cluster: DbCluster, instances: Sequence[DbInstance]) -> Settling:
    statuses = [cluster.status, *(item.status for item in instances)]
    if not all(status in SERVING_STATUSES for status in statuses):
        return Settling.CHANGING
    return Settling.PENDING if cluster.pending_modified_values else Settling.SETTLED


def is_pending(check: FieldCheck, cluster: DbCluster) -> bool:
    """Whether RDS has accepted the requested value, and does not show it yet."""
    return check.field in cluster.pending_modified_values


def _instance_checks(plan: RestorePlan, instances: Sequence[DbInstance]) -> Iterable[FieldCheck]:
    existing = {
        item.db_instance_identifier: item
        for item in instances
        if not is_auto_scaled(item.db_instance_identifier)
    }
    yield _check("members", [item.db_instance_identifier for item in plan.instances], list(existing))
    for expected in plan.instances:
        name = expected.db_instance_identifier
        # One that is missing differs in the list of the members already.
        if found := existing.get(name):
            yield _check(f"{name}: db_instance_class", expected.db_instance_class, found.db_instance_class)
            yield _check(f"{name}: promotion_tier", expected.promotion_tier, found.promotion_tier)
            yield from _setting_checks(
                instance_settings_of(expected), instance_settings_of(found), f"{name}: "
            )
            yield from _tag_checks(plan.cluster.tags, found.tags, f"{name}: ")


def _setting_checks(expected: SettingValues, found: SettingValues, prefix: str) -> Iterable[FieldCheck]:
    for name, value in expected.items():
        if SETTINGS[name].is_verified and SETTINGS[name].applies(expected):
            yield _check(f"{prefix}{name}", value, found[name])


def _tag_checks(expected: Mapping[str, str], found: Mapping[str, str], prefix: str) -> Iterable[FieldCheck]:
    for key, value in expected.items():
        yield _check(f"{prefix}tag {key}", value, found.get(key))


def _check(name: str, expected: object, found: object) -> FieldCheck:
    return FieldCheck(name, value_words(_in_order(expected)), value_words(_in_order(found)))


def _in_order(value: object) -> object:
    # RDS lists nothing in an order that means something.
    return sorted(value, key=str) if isinstance(value, list | tuple) else value
