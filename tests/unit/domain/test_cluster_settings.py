"""The table of settings: what its rows say holds wherever a setting is used."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from tests.unit.domain.builders import cluster, instances, plan, request

from aurora_restore.domain.cluster_settings import (
    CLUSTER_SETTINGS,
    INSTANCE_SETTINGS,
    SETTINGS,
    cluster_settings_of,
    instance_settings_of,
)
from aurora_restore.domain.configuration import (
    ACCEPTABLE_FIELDS,
    ClusterConfiguration,
    MemberConfiguration,
    configuration_of,
)
from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.plan import PlannedCluster, PlannedInstance
from aurora_restore.domain.replacement import with_defaults_of
from aurora_restore.domain.request import PARSERS, RestoreRequest
from aurora_restore.domain.verification import compare

ASKED = [name for name, row in SETTINGS.items() if row.asked]
INHERITED = [name for name, row in CLUSTER_SETTINGS.items() if row.is_inherited]
VERIFIED = [name for name, row in CLUSTER_SETTINGS.items() if row.is_verified]


def test_a_setting_has_one_name_wherever_it_is_kept() -> None:
    for of_cluster in (DbCluster, ClusterConfiguration, PlannedCluster, RestoreRequest):
        assert set(CLUSTER_SETTINGS) <= {each.name for each in fields(of_cluster)}
    for of_instance in (DbInstance, MemberConfiguration, PlannedInstance, RestoreRequest):
        assert set(INSTANCE_SETTINGS) <= {each.name for each in fields(of_instance)}
    assert not set(CLUSTER_SETTINGS) & set(INSTANCE_SETTINGS)


def test_a_request_names_the_settings_that_can_be_asked_for_and_no_others() -> None:
    assert {name for name in SETTINGS if name in PARSERS} == set(ASKED)


def test_every_setting_is_compared_with_that_of_the_replaced_cluster() -> None:
    assert set(SETTINGS) <= set(ACCEPTABLE_FIELDS)


def test_what_a_setting_needs_is_a_setting_that_can_be_on() -> None:
    for row in SETTINGS.values():
        assert row.only_with is None or SETTINGS[row.only_with].default in (False, 0)


@pytest.mark.parametrize("name", INHERITED)
def test_what_the_request_does_not_name_is_as_on_the_replaced_cluster(name: str) -> None:
    default = CLUSTER_SETTINGS[name].default
    other: Any = ("other",) if isinstance(default, tuple) else "other"
    changes: dict[str, Any] = {name: not default if isinstance(default, bool) else other}
    replaced = replace(configuration_of(cluster(), instances()), **changes)
    named = request(**dict.fromkeys(("vpc_security_group_ids", "db_subnet_group_name"), ...))
    assert getattr(with_defaults_of(named, replaced, keeps_port=True), name) == changes[name]


@pytest.mark.parametrize("name", [name for name in VERIFIED if name != "cloudwatch_logs_exports"])
def test_a_setting_of_the_plan_is_compared_with_what_the_cluster_shows(name: str) -> None:
    made = plan()
    changes: dict[str, Any] = {name: "wanted"}
    wanted = replace(made, cluster=replace(made.cluster, **changes))
    checks = {check.field: check for check in compare(wanted, cluster(**{name: "found"}), instances())}
    assert (checks[name].wanted, checks[name].found) == ("wanted", "found")


def test_the_settings_go_through_the_record_and_back() -> None:
    (member,) = plan().instances
    made = plan(cloudwatch_logs_exports=["postgresql"], port=5433)
    assert cluster_settings_of(PlannedCluster.from_item(made.to_item()["cluster"])) == cluster_settings_of(
        made.cluster
    )
    assert instance_settings_of(PlannedInstance(**made.to_item()["instances"][0])) == instance_settings_of(
        member
    )


def test_a_record_that_knows_fewer_settings_can_be_read() -> None:
    item = plan().to_item()["cluster"]
    for name in ("network_type", "database_insights_mode", "copy_tags_to_snapshot", "roles"):
        del item[name]
    read = PlannedCluster.from_item(item)
    assert (read.network_type, read.roles, read.copy_tags_to_snapshot) == (None, (), True)
