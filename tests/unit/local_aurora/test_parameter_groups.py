"""Cluster parameter groups: what they keep, what they refuse, and when a cluster takes up what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local_aurora.access import PasswordLogin
from local_aurora.parameter_catalogue import server_settings

from .conftest import DURATIONS, Place

Refused = Callable[..., str]
FAMILY = "aurora-postgresql17"
MASTER = PasswordLogin("postgres", "a-master-password")
WORKERS = {
    "ParameterName": "max_logical_replication_workers",
    "ParameterValue": "0",
    "ApplyMethod": "pending-reboot",
}
TIMEOUT = {"ParameterName": "statement_timeout", "ParameterValue": "1000", "ApplyMethod": "immediate"}


def make(place: Place, name: str, *changes: dict[str, str], family: str = FAMILY) -> None:
    place.here.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=name, DBParameterGroupFamily=family, Description="ours"
    )
    if changes:
        modify(place, name, *changes)


def modify(place: Place, name: str, *changes: dict[str, str]) -> None:
    place.here.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=list(changes))  # type: ignore[arg-type]


def parameters(place: Place, name: str, **expected: Any) -> dict[str, dict[str, Any]]:
    pages = place.here.get_paginator("describe_db_cluster_parameters").paginate(
        DBClusterParameterGroupName=name, **expected
    )
    return {str(p["ParameterName"]): dict(p) for page in pages for p in page["Parameters"]}


def statuses(place: Place, cluster: str = "staging") -> list[str]:
    found = place.here.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]
    return [member["DBClusterParameterGroupStatus"] for member in found["DBClusterMembers"]]


def use(place: Place, name: str, cluster: str = "staging") -> None:
    place.here.modify_db_cluster(DBClusterIdentifier=cluster, DBClusterParameterGroupName=name)


def reboot(place: Place, instance: str) -> None:
    place.here.reboot_db_instance(DBInstanceIdentifier=instance)
    place.clock.advance(place.aurora.world.durations.reboot)


@pytest.fixture
def staging(place: Place) -> Place:
    place.restored("staging", instances=2)
    return place


def test_a_group_has_every_parameter_of_its_family_and_says_whose_value_it_is(place: Place) -> None:
    make(place, "tuned", WORKERS)

    found = parameters(place, "tuned")
    assert len(found) > 20
    assert (
        found["max_logical_replication_workers"] | {"ParameterValue": "0", "Source": "user"}
        == found["max_logical_replication_workers"]
    )
    assert (found["cron.launch_active_jobs"]["Source"], found["cron.launch_active_jobs"]["ApplyType"]) == (
        "engine-default",
        "dynamic",
    )
    assert found["data_directory"]["IsModifiable"] is False
    assert list(parameters(place, "tuned", Source="user")) == ["max_logical_replication_workers"]


def test_parameters_come_in_pages(place: Place) -> None:
    make(place, "tuned")
    first = place.here.describe_db_cluster_parameters(DBClusterParameterGroupName="tuned", MaxRecords=20)
    assert len(first["Parameters"]) == 20
    assert parameters(place, "tuned", PaginationConfig={"PageSize": 20}) == parameters(place, "tuned")


def test_a_default_group_can_be_looked_at_and_nothing_else(place: Place, refused: Refused) -> None:
    name = f"default.{FAMILY}"
    assert parameters(place, name)["max_replication_slots"]["ParameterValue"] == "20"
    copied = {
        "SourceDBClusterParameterGroupIdentifier": name,
        "TargetDBClusterParameterGroupIdentifier": "mine",
        "TargetDBClusterParameterGroupDescription": "mine",
    }
    assert refused(place.here.copy_db_cluster_parameter_group, **copied).startswith("InvalidParameterValue")
    group = {"DBClusterParameterGroupName": name}
    for call, more in (
        (place.here.modify_db_cluster_parameter_group, {"Parameters": [WORKERS]}),
        (place.here.reset_db_cluster_parameter_group, {"ResetAllParameters": True}),
        (place.here.delete_db_cluster_parameter_group, {}),
    ):
        assert refused(call, **group, **more).startswith("InvalidDBParameterGroupState")


def test_a_default_group_may_be_there_only_after_a_cluster_that_names_none(
    place: Place, refused: Refused
) -> None:
    place.aurora.set_habits({"default_groups_need_a_cluster": True})
    make(place, "tuned")
    place.aurora.seed.put_cluster(
        "us-west-2",
        "first",
        MASTER,
        instances={"first-1": "db.r5.large"},
        DBClusterParameterGroupName="tuned",
    )
    name = f"default.{FAMILY}"
    describe, change = place.here.describe_db_cluster_parameter_groups, place.here.modify_db_cluster
    assert refused(describe, DBClusterParameterGroupName=name).startswith("DBParameterGroupNotFound")
    changed = refused(change, DBClusterIdentifier="first", DBClusterParameterGroupName=name)
    assert changed.startswith("DBClusterParameterGroupNotFound")
    place.aurora.seed.put_cluster("us-west-2", "second", MASTER, instances={"second-1": "db.r5.large"})
    use(place, name, "first")


def test_a_copy_has_the_values_and_tags_of_its_own(place: Place, refused: Refused) -> None:
    make(place, "tuned", WORKERS)
    copied: dict[str, Any] = {
        "SourceDBClusterParameterGroupIdentifier": "arn:aws:rds:us-west-2:000000000000:cluster-pg:tuned",
        "TargetDBClusterParameterGroupIdentifier": "Mine",
        "TargetDBClusterParameterGroupDescription": "a copy",
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    made = place.here.copy_db_cluster_parameter_group(**copied)["DBClusterParameterGroup"]
    assert (made["DBClusterParameterGroupName"], made["DBParameterGroupFamily"]) == ("mine", FAMILY)
    assert (
        parameters(place, "mine", Source="user")["max_logical_replication_workers"]["ParameterValue"] == "0"
    )
    tags = place.here.list_tags_for_resource(ResourceName=made["DBClusterParameterGroupArn"])["TagList"]
    assert tags == [{"Key": "a", "Value": "1"}]
    assert refused(place.here.copy_db_cluster_parameter_group, **copied).startswith(
        "DBParameterGroupAlreadyExists"
    )
    missing = copied | {"SourceDBClusterParameterGroupIdentifier": "none"}
    assert refused(place.here.copy_db_cluster_parameter_group, **missing).startswith(
        "DBParameterGroupNotFound"
    )


def test_copies_and_new_groups_count_against_the_quota(place: Place, refused: Refused) -> None:
    place.aurora.set_quotas({"cluster_parameter_groups": 1})
    make(place, "tuned")
    copied = {
        "SourceDBClusterParameterGroupIdentifier": "tuned",
        "TargetDBClusterParameterGroupIdentifier": "mine",
        "TargetDBClusterParameterGroupDescription": "a copy",
    }
    assert refused(place.here.copy_db_cluster_parameter_group, **copied).startswith(
        "DBParameterGroupQuotaExceeded"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ParameterName": "max_logical_replication_worker"}, "InvalidParameterValue"),
        ({"ParameterValue": "many"}, "InvalidParameterValue"),
        ({"ParameterValue": "262144"}, "InvalidParameterValue"),
        ({"ApplyMethod": "immediate"}, "InvalidParameterCombination"),
        ({"ParameterName": "data_directory", "ParameterValue": "/"}, "InvalidParameterValue"),
        ({"ParameterName": "shared_preload_libraries", "ParameterValue": "evil"}, "InvalidParameterValue"),
    ],
)
def test_what_a_parameter_does_not_take_is_refused(
    place: Place, refused: Refused, change: dict[str, str], code: str
) -> None:
    make(place, "tuned")
    call = place.here.modify_db_cluster_parameter_group
    answer = refused(call, DBClusterParameterGroupName="tuned", Parameters=[WORKERS | change])
    assert answer.startswith(code)
    assert parameters(place, "tuned", Source="user") == {}


def test_the_oldest_family_has_no_switch_for_jobs(place: Place) -> None:
    make(place, "old", family="aurora-postgresql12")
    assert "cron.launch_active_jobs" not in parameters(place, "old")


def test_no_more_than_twenty_are_changed_at_once(place: Place, refused: Refused) -> None:
    make(place, "tuned")
    call = place.here.modify_db_cluster_parameter_group
    assert refused(call, DBClusterParameterGroupName="tuned", Parameters=[WORKERS] * 21).startswith(
        "InvalidParameterValue"
    )


def test_a_reset_parameter_has_the_value_of_the_family_again(place: Place) -> None:
    make(place, "tuned", WORKERS, TIMEOUT)
    place.here.reset_db_cluster_parameter_group(
        DBClusterParameterGroupName="tuned",
        Parameters=[{"ParameterName": "statement_timeout", "ApplyMethod": "immediate"}],
    )
    assert list(parameters(place, "tuned", Source="user")) == ["max_logical_replication_workers"]
    place.here.reset_db_cluster_parameter_group(DBClusterParameterGroupName="tuned", ResetAllParameters=True)
    assert parameters(place, "tuned", Source="user") == {}


def test_a_group_with_pending_changes_takes_no_other(place: Place, refused: Refused) -> None:
    place.aurora.set_durations({"parameter_group_pending": 60})
    make(place, "tuned")
    call = place.here.modify_db_cluster_parameter_group
    changes = {"DBClusterParameterGroupName": "tuned", "Parameters": [WORKERS]}
    assert refused(call, **changes).startswith("InvalidDBParameterGroupState")
    assert refused(
        place.here.delete_db_cluster_parameter_group, DBClusterParameterGroupName="tuned"
    ).startswith("InvalidDBParameterGroupState")
    place.clock.advance(60)
    call(**changes)  # type: ignore[arg-type]


def test_a_cluster_begins_with_its_group(staging: Place) -> None:
    assert statuses(staging) == ["in-sync", "in-sync"]


def test_another_group_waits_for_the_reboot_of_each_member(staging: Place) -> None:
    make(staging, "tuned", WORKERS)
    use(staging, "tuned")
    assert statuses(staging) == ["pending-reboot", "pending-reboot"]
    reboot(staging, "staging-1")
    assert statuses(staging) == ["in-sync", "pending-reboot"]
    reboot(staging, "staging-2")
    assert statuses(staging) == ["in-sync", "in-sync"]


def test_the_status_says_late_what_has_changed(staging: Place) -> None:
    staging.aurora.world.durations = replace(
        DURATIONS, parameter_status_lag=20, parameter_applying=30, reboot=5
    )
    make(staging, "tuned", WORKERS)
    use(staging, "tuned")
    assert statuses(staging) == ["in-sync"] * 2
    staging.clock.advance(20)
    assert statuses(staging) == ["applying"] * 2
    staging.clock.advance(30)
    assert statuses(staging) == ["pending-reboot"] * 2
    reboot(staging, "staging-1")
    assert statuses(staging) == ["pending-reboot"] * 2
    staging.clock.advance(20)
    assert statuses(staging) == ["in-sync", "pending-reboot"]


def test_a_static_parameter_waits_for_a_reboot_and_a_dynamic_one_does_not(staging: Place) -> None:
    make(staging, "tuned")
    use(staging, "tuned")
    for instance in ("staging-1", "staging-2"):
        reboot(staging, instance)
    modify(staging, "tuned", TIMEOUT)
    assert statuses(staging) == ["in-sync"] * 2
    modify(staging, "tuned", WORKERS)
    assert statuses(staging) == ["pending-reboot"] * 2


def test_a_start_takes_up_the_group_as_well(staging: Place) -> None:
    make(staging, "tuned", WORKERS)
    use(staging, "tuned")
    staging.here.stop_db_cluster(DBClusterIdentifier="staging")
    staging.clock.advance(DURATIONS.stop)
    staging.here.start_db_cluster(DBClusterIdentifier="staging")
    staging.clock.advance(DURATIONS.start)
    assert statuses(staging) == ["in-sync"] * 2


def test_a_group_is_deleted_once_no_cluster_has_it(staging: Place, refused: Refused) -> None:
    staging.aurora.set_durations({"parameter_group_pending": 60})
    make(staging, "tuned")
    use(staging, "tuned")
    staging.clock.advance(60)
    delete = staging.here.delete_db_cluster_parameter_group
    assert "still members" in refused(delete, DBClusterParameterGroupName="tuned")
    use(staging, f"default.{FAMILY}")
    assert "still members" in refused(delete, DBClusterParameterGroupName="tuned")
    staging.clock.advance(60)
    delete(DBClusterParameterGroupName="tuned")
    assert refused(delete, DBClusterParameterGroupName="tuned").startswith("DBParameterGroupNotFound")


def test_a_cluster_that_is_made_with_an_unfinished_group_begins_without_it(place: Place) -> None:
    place.restored("other")
    place.aurora.set_durations({"parameter_group_completion": 300})
    make(place, "tuned", WORKERS)
    for name, seconds in (("early", 0), ("late", 300)):
        place.clock.advance(seconds)
        place.here.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=name,
            SnapshotIdentifier="copy-for-other",
            Engine="aurora-postgresql",
            DBClusterParameterGroupName="tuned",
        )
        place.instance(name, f"{name}-1")
    place.clock.advance(DURATIONS.restore + DURATIONS.instance)
    place.cluster_status("late")
    members = place.aurora.world.regions["us-west-2"].instances
    assert members["early-1"].applied.values == {}
    assert members["late-1"].applied.values == {"max_logical_replication_workers": "0"}


def test_a_server_is_started_with_what_it_knows() -> None:
    values = {
        "rds.logical_replication": "1",
        "max_logical_replication_workers": "0",
        "cron.launch_active_jobs": "off",
        "max_worker_processes": "GREATEST({DBInstanceVCPU*2},8)",
        "rds.force_ssl": "1",
    }
    assert server_settings(FAMILY, values) == {"wal_level": "logical", "max_logical_replication_workers": "0"}
