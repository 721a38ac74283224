from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.domain.builders import OPERATION_ID, cluster, instances, plan

from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, NameTaken
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.restoring import (
    FAILED_CLUSTER_STATUSES,
    FAILED_INSTANCE_STATUSES,
    Owner,
    PasswordAction,
    PasswordChanges,
    RestoreAction,
    decide_password,
    decide_restore,
    instance_parameters,
    restore_parameters,
)

OURS = Owner(OPERATION_ID)


def test_a_cluster_that_does_not_stand_is_restored() -> None:
    assert decide_restore(OURS, plan(), None, []).action is RestoreAction.RESTORE_CLUSTER


def test_a_cluster_that_is_being_made_is_waited_for_with_its_progress() -> None:
    decision = decide_restore(OURS, plan(), cluster(status="creating", percent_progress=40), [])
    assert (decision.action, decision.progress_percent) == (RestoreAction.WAIT, 20)


@pytest.mark.parametrize("status", sorted(FAILED_CLUSTER_STATUSES))
def test_a_cluster_that_will_not_stand_any_more_ends_the_run(status: str) -> None:
    with pytest.raises(ClusterFailed, match=f"`{status}`"):
        decide_restore(OURS, plan(), cluster(status=status), [])


@pytest.mark.parametrize("tags", [{}, {OPERATION_TAG: "restore-other"}])
def test_a_cluster_that_is_not_ours_is_left_alone(tags: dict[str, str]) -> None:
    with pytest.raises(NameTaken, match="not touched"):
        decide_restore(OURS, plan(), cluster(tags=tags), [])


def test_instances_are_created_one_after_the_other() -> None:
    wanted = plan(instance_count=3)
    for count in range(3):
        decision = decide_restore(OURS, wanted, cluster(), instances(3)[:count])
        assert decision.action is RestoreAction.CREATE_INSTANCE
        assert decision.instance == wanted.instances[count]


@pytest.mark.parametrize("status", sorted(FAILED_INSTANCE_STATUSES))
def test_an_instance_that_will_not_stand_any_more_ends_the_run(status: str) -> None:
    with pytest.raises(InstanceFailed, match=f"`{status}`"):
        decide_restore(OURS, plan(), cluster(), instances(status=status))


def test_an_instance_that_is_not_ours_is_left_alone() -> None:
    with pytest.raises(NameTaken):
        decide_restore(OURS, plan(), cluster(), instances(tags={}))


def test_an_instance_that_is_being_made_is_waited_for() -> None:
    decision = decide_restore(OURS, plan(), cluster(), instances(status="creating"))
    assert decision.action is RestoreAction.WAIT


def test_a_cluster_that_changes_is_waited_for_before_the_login() -> None:
    decision = decide_restore(OURS, plan(), cluster(status="resetting-master-credentials"), instances())
    assert decision.action is RestoreAction.WAIT


@pytest.mark.parametrize("status", ["available", "backing-up"])
def test_a_cluster_that_serves_is_logged_in_to(status: str) -> None:
    assert decide_restore(OURS, plan(), cluster(status=status), instances()).action is RestoreAction.LOG_IN


def changes(count: int, minutes_since_first: float = 0, minutes_since_last: float = 0) -> PasswordChanges:
    return PasswordChanges(
        count, timedelta(minutes=minutes_since_first), timedelta(minutes=minutes_since_last)
    )


def test_a_refused_login_changes_the_password_once_and_then_waits_for_it() -> None:
    assert decide_password(cluster(), changes(0)) is PasswordAction.CHANGE
    assert decide_password(cluster(), changes(1, 1, 1)) is PasswordAction.WAIT


def test_a_change_that_is_on_its_way_is_waited_for() -> None:
    resetting = cluster(status="resetting-master-credentials")
    pending = cluster(pending_modified_values={"MasterUserPassword": "****"})
    assert decide_password(resetting, changes(0)) is PasswordAction.WAIT
    assert decide_password(pending, changes(1, 5, 5)) is PasswordAction.WAIT


def test_a_change_that_may_have_been_lost_is_made_again_after_a_while() -> None:
    assert decide_password(cluster(), changes(1, 5, 5)) is PasswordAction.CHANGE


def test_a_login_that_stays_refused_is_given_up() -> None:
    assert decide_password(cluster(), changes(3, 16, 1)) is PasswordAction.GIVE_UP


def test_the_restore_names_version_lifecycle_and_groups_so_that_rds_guesses_nothing() -> None:
    parameters = restore_parameters(plan(), "the-copy")
    assert parameters["EngineVersion"] == "15.4"
    assert parameters["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert parameters["VpcSecurityGroupIds"] == ["sg-12345678"]
    assert {"Key": OPERATION_TAG, "Value": OPERATION_ID} in parameters["Tags"]
    assert "Port" not in parameters


def test_what_was_asked_for_reaches_rds() -> None:
    asked = plan(
        port=6432,
        storage_type="aurora-iopt1",
        backup_retention_days=3,
        cloudwatch_logs_exports=["postgresql"],
        db_instance_class="db.serverless",
        serverless_v2={"min_capacity": 0.5, "max_capacity": 4},
        db_parameter_group_name="instances",
    )
    parameters = restore_parameters(asked, "the-copy")
    assert parameters["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 4}
    assert parameters["Port"] == 6432
    assert "BackupRetentionPeriod" not in parameters, (
        "it comes after the restore: older SDKs do not know it here"
    )
    assert instance_parameters(asked, asked.instances[0])["DBParameterGroupName"] == "instances"


def test_a_plan_reads_back_as_it_was_written() -> None:
    made = plan(instance_count=2, db_users=[{"username": "a", "iam": True, "databases": ["shop"]}])
    assert type(made).from_item(made.to_item()) == made
    assert replace(made, notes=()) != made
