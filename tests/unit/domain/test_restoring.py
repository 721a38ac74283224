from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import NOW, OPERATION_ID, cluster, instances, plan

from aurora_restore.domain.acts import AddRole, ChangeMasterPassword, CreateInstance, ModifyCluster, Wait
from aurora_restore.domain.asking import Asked, Asking
from aurora_restore.domain.cluster_settings import WINDOWS_KIND, ClusterRole
from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, MasterLoginRefused, NameTaken
from aurora_restore.domain.late_settings import MAINTENANCE_WINDOW, unmet_windows
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import Credentials, DbCluster, DbInstance
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_CLUSTER_STATUSES, FAILED_INSTANCE_STATUSES
from aurora_restore.domain.record import MasterPasswordChanges, written
from aurora_restore.domain.restoring import (
    Owner,
    RefusedLogin,
    SettingAct,
    decide_password,
    decide_restore,
    instance_parameters,
    restore_parameters,
)

OURS = Owner(OPERATION_ID)
ROLE = ClusterRole("arn:aws:iam::123456789012:role/import", "s3Import")


def decide(
    expected: RestorePlan, found: DbCluster, members: Sequence[DbInstance], **asked: Asked
) -> CreateInstance | SettingAct | Wait | None:
    return decide_restore(OURS, expected, found, members, Asking(NOW, asked))


def asked(
    kind: str, first_minutes: float, last_seconds: float, *, answered: bool = True, given_up: bool = False
) -> Asked:
    """Asked for the first time so many minutes ago, and for the last time so many seconds ago."""
    first, last = NOW - timedelta(minutes=first_minutes), NOW - timedelta(seconds=last_seconds)
    return Asked(kind, first, last, answered, refused=False, given_up=given_up)


def with_windows(backup: str = "07:00-07:30", maintenance: str = "sat:03:00-sat:03:30") -> RestorePlan:
    made = plan()
    expected = replace(made.cluster, preferred_backup_window=backup, preferred_maintenance_window=maintenance)
    return replace(made, cluster=expected)


def settings_of(found: CreateInstance | SettingAct | Wait | None) -> Mapping[str, Any]:
    assert isinstance(found, ModifyCluster)
    return found.settings


def test_a_cluster_that_is_being_made_is_waited_for_with_its_progress() -> None:
    found = decide(plan(), cluster(status="creating", percent_progress=40), [])
    assert isinstance(found, Wait)
    assert (found.waits_for, found.percent, found.reported_percent) == ("cluster", 20, 40)


@pytest.mark.parametrize("status", sorted(FAILED_CLUSTER_STATUSES))
def test_a_cluster_that_will_not_stand_any_more_ends_the_run(status: str) -> None:
    with pytest.raises(ClusterFailed, match=f"`{status}`"):
        decide(plan(), cluster(status=status), [])


@pytest.mark.parametrize("tags", [{}, {OPERATION_TAG: "restore-other"}])
def test_a_cluster_that_is_not_ours_is_left_alone(tags: dict[str, str]) -> None:
    with pytest.raises(NameTaken, match="not touched"):
        decide(plan(), cluster(tags=tags), [])


def test_instances_are_created_one_after_the_other() -> None:
    expected = plan(instance_count=3)
    for count in range(3):
        act = decide(expected, cluster(), instances(3)[:count])
        assert isinstance(act, CreateInstance)
        assert (act.name, act.kind) == (
            expected.instances[count].db_instance_identifier,
            f"instance-{count + 1}",
        )
        assert act.instance == instance_parameters(expected, expected.instances[count])


@pytest.mark.parametrize("status", sorted(FAILED_INSTANCE_STATUSES))
def test_an_instance_that_will_not_stand_any_more_ends_the_run(status: str) -> None:
    with pytest.raises(InstanceFailed, match=f"`{status}`"):
        decide(plan(), cluster(), instances(status=status))


def test_an_instance_that_is_not_ours_is_left_alone() -> None:
    with pytest.raises(NameTaken):
        decide(plan(), cluster(), instances(tags={}))


def test_an_instance_that_is_being_made_is_waited_for() -> None:
    decision = decide(plan(), cluster(), instances(status="creating"))
    assert isinstance(decision, Wait)


def test_a_cluster_that_changes_is_waited_for_before_the_login() -> None:
    decision = decide(plan(), cluster(status="resetting-master-credentials"), instances())
    assert isinstance(decision, Wait)


@pytest.mark.parametrize("status", ["available", "backing-up"])
def test_a_cluster_that_serves_is_logged_in_to(status: str) -> None:
    assert decide(plan(), cluster(status=status), instances()) is None


def test_the_others_are_created_after_the_first_serves_so_that_it_is_the_writer() -> None:
    expected = plan(instance_count=2)
    decision = decide(expected, cluster(), instances(2, status="creating")[:1])
    assert isinstance(decision, Wait)
    assert decision.waits_for == "instances"
    assert isinstance(decide(expected, cluster(), instances(2)[:1]), CreateInstance)


def test_the_windows_of_the_replaced_cluster_are_asked_for() -> None:
    decision = decide(with_windows(), cluster(), instances())
    assert settings_of(decision) == {
        "preferred_backup_window": "07:00-07:30",
        MAINTENANCE_WINDOW: "sat:03:00-sat:03:30",
    }


def test_what_rds_has_just_accepted_is_not_asked_for_again() -> None:
    decision = decide(with_windows(), cluster(), instances(), windows=asked(WINDOWS_KIND, 1, 5))
    assert isinstance(decision, Wait)


def test_what_rds_accepted_and_dropped_is_asked_for_again() -> None:
    decision = decide(with_windows(), cluster(), instances(), windows=asked(WINDOWS_KIND, 1, 40))
    assert isinstance(decision, ModifyCluster)


def test_a_busy_cluster_is_asked_again_however_often_within_the_time() -> None:
    before = asked(WINDOWS_KIND, 29, 1, answered=False)
    assert isinstance(decide(with_windows(), cluster(), instances(), windows=before), ModifyCluster)


def test_a_window_that_rds_does_not_take_costs_no_restore() -> None:
    for before in (asked(WINDOWS_KIND, 31, 40), asked(WINDOWS_KIND, 1, 40, given_up=True)):
        decision = decide(with_windows(), cluster(), instances(), windows=before)
        assert decision is None
    assert set(unmet_windows(with_windows(), cluster())) == {"preferred_backup_window", MAINTENANCE_WINDOW}


def test_a_maintenance_window_around_the_present_is_not_asked_for() -> None:
    assert NOW.strftime("%a %H:%M") == "Sun 12:00"
    decision = decide(with_windows(maintenance="sun:11:45-sun:12:15"), cluster(), instances())
    assert set(settings_of(decision)) == {"preferred_backup_window"}


def test_a_role_that_rds_does_not_give_ends_the_run_after_its_time() -> None:
    made = plan()
    expected = replace(made, cluster=replace(made.cluster, roles=(ROLE,)))
    first = decide(expected, cluster(), instances())
    assert isinstance(first, AddRole)
    assert first.role == ROLE
    again = decide(expected, cluster(), instances(), **{first.kind: asked(first.kind, 29, 40)})
    assert isinstance(again, AddRole)
    with pytest.raises(ClusterFailed):
        decide(expected, cluster(), instances(), **{first.kind: asked(first.kind, 31, 40)})


def refused(count: int, minutes_since_first: float = 0, minutes_since_last: float = 0) -> RefusedLogin:
    """A login that is refused after so many changes of the password."""
    first, last = (NOW - timedelta(minutes=ago) for ago in (minutes_since_first, minutes_since_last))
    begun = MasterPasswordChanges(count=count, first_time=first, last_time=last)
    changes = begun if count else MasterPasswordChanges()
    return RefusedLogin(Credentials("admin", "correct-horse"), "wrong password", changes, NOW)


def test_a_refused_login_changes_the_password_once_and_then_waits_for_it() -> None:
    change = decide_password(cluster(), refused(0))
    assert isinstance(change, ChangeMasterPassword)
    assert change.password == "correct-horse"
    assert change.also == written(MasterPasswordChanges(count=1, first_time=NOW, last_time=NOW))
    assert isinstance(decide_password(cluster(), refused(1, 1, 1)), Wait)


def test_a_change_that_is_on_its_way_is_waited_for() -> None:
    resetting = cluster(status="resetting-master-credentials")
    pending = cluster(pending_modified_values={"master_user_password": "****"})
    assert isinstance(decide_password(resetting, refused(0)), Wait)
    assert isinstance(decide_password(pending, refused(1, 5, 5)), Wait)


def test_a_change_that_may_have_been_lost_is_made_again_after_a_while() -> None:
    again = decide_password(cluster(), refused(1, 5, 5))
    assert isinstance(again, ChangeMasterPassword)
    first = NOW - timedelta(minutes=5)
    assert again.also == written(MasterPasswordChanges(count=2, first_time=first, last_time=NOW))


def test_a_login_that_stays_refused_is_given_up() -> None:
    with pytest.raises(MasterLoginRefused, match=r"admin .* changed 3 time\(s\): wrong password"):
        decide_password(cluster(), refused(3, 16, 1))


def test_the_restore_names_version_lifecycle_and_groups_so_that_rds_guesses_nothing() -> None:
    asked = restore_parameters(plan(), "the-copy")
    assert asked.engine_version == "15.4"
    assert asked.settings["engine_lifecycle_support"] == "open-source-rds-extended-support-disabled"
    assert asked.settings["vpc_security_group_ids"] == ("sg-12345678",)
    assert asked.tags[OPERATION_TAG] == OPERATION_ID
    assert "port" not in asked.settings


def test_what_was_asked_for_reaches_rds() -> None:
    capacities = {"min_capacity": 0.5, "max_capacity": 4}
    expected = plan(
        port=6432,
        storage_type="aurora-iopt1",
        backup_retention_days=3,
        cloudwatch_logs_exports=["postgresql"],
        db_instance_class="db.serverless",
        serverless_v2=capacities,
        db_parameter_group_name="instances",
    )
    asked = restore_parameters(expected, "the-copy")
    assert (asked.settings["serverless_v2"], asked.settings["port"]) == (capacities, 6432)
    assert "backup_retention_days" not in asked.settings, (
        "it comes after the restore: older SDKs do not know it here"
    )
    instance = instance_parameters(expected, expected.instances[0])
    assert instance.settings["db_parameter_group_name"] == "instances"


def test_what_a_cluster_has_at_first_takes_the_place_of_its_own() -> None:
    asked = restore_parameters(plan(), "the-copy", {"vpc_security_group_ids": ("sg-quarantine",)})
    assert asked.settings["vpc_security_group_ids"] == ("sg-quarantine",)


def test_monitoring_is_asked_for_only_where_it_is_on() -> None:
    (instance,) = plan().instances
    off = replace(instance, performance_insights_retention_days=31, monitoring_role_arn="role")
    on = replace(off, performance_insights=True, monitoring_interval_seconds=60)
    watched = {"performance_insights", "performance_insights_retention_days"}
    watched |= {"monitoring_interval_seconds", "monitoring_role_arn"}
    assert watched.isdisjoint(instance_parameters(plan(), off).settings)
    assert watched <= set(instance_parameters(plan(), on).settings)


def test_a_plan_reads_back_as_it_was_written() -> None:
    made = plan(instance_count=2, db_users=[{"username": "a", "iam": True, "databases": ["shop"]}])
    assert type(made).from_item(made.to_item()) == made
    assert replace(made, notes=()) != made
