"""A cluster starts with the pipeline's own parameter group, and has the requested one before it takes the name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import LOOKS_AT_MOST, TARGET_REGION, PipelineRun
from tests.unit.domain.builders import plan

from aurora_restore.domain.acts import Wait
from aurora_restore.domain.asking import Asking
from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.errors import (
    ClusterFailed,
    NameTaken,
    ParameterGroupNotApplied,
    QuotaExceeded,
    SecurityGroupNotFound,
)
from aurora_restore.domain.naming import OPERATION_TAG, quiet_group_identifier
from aurora_restore.domain.quiet_group import SeenGroup, decide_group
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.steps.functions import work_of

OPERATION = "restore-20230615-123456"
OLD_FAMILY = "aurora-postgresql12"
GROUP, FAMILY = quiet_group_identifier(OPERATION), "aurora-postgresql17"
DEFAULT = f"default.{FAMILY}"


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def group(run: PipelineRun, name: str = GROUP) -> Any:
    return run.aurora.world.regions[TARGET_REGION].cluster_parameter_groups.get(name)


def put_group(run: PipelineRun, name: str, family: str = FAMILY, **values: str) -> None:
    run.aurora.seed.put_parameter_group(TARGET_REGION, name, family, cluster=True, values=values)


def put_old_snapshot(run: PipelineRun) -> None:
    """Of a cluster of an older PostgreSQL, whose family knows no `cron.launch_active_jobs`."""
    run.aurora.seed.put_cluster(
        "us-east-1", "old", run.ports.secrets.read_credentials("aurora-restore/admin-credentials"),
        instances={"old-1": "db.r5.large"}, EngineVersion="12.22",
    )  # fmt: skip
    run.aurora.seed.put_snapshot(
        "us-east-1", "old", run.clock.now(), identifier="old-snapshot", snapshot_type="manual"
    )


def started_with(run: PipelineRun) -> list[dict[str, str]]:
    """What the engines of the target Region were last started with."""
    return [item.applied.values for item in run.aurora.world.regions[TARGET_REGION].instances.values()]


def test_the_cluster_starts_with_a_group_in_which_nothing_acts(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.RESTORE_CLUSTER)

    assert run.cluster().db_cluster_parameter_group_name == GROUP
    assert group(run).tags == {OPERATION_TAG: OPERATION}
    quiet = {"max_logical_replication_workers": "0", "cron.launch_active_jobs": "off"}
    assert group(run).values() == quiet
    assert started_with(run) == [quiet]


def test_what_the_requested_group_says_holds_from_the_first_start_on(run: PipelineRun) -> None:
    put_group(run, "tuned", max_logical_replication_workers="8", max_locks_per_transaction="256")

    run.run(OPERATION, Phase.RESTORE_CLUSTER, db_cluster_parameter_group_name="tuned")

    assert group(run).values()["max_locks_per_transaction"] == "256"
    assert group(run).values()["max_logical_replication_workers"] == "0"
    assert group(run, "tuned").values()["max_logical_replication_workers"] == "8"


def test_a_new_group_is_not_used_before_rds_is_through_with_it(run: PipelineRun) -> None:
    run.aurora.set_durations({"parameter_group_completion": 300})

    run.run(OPERATION, Phase.RESTORE_CLUSTER)

    assert (
        run.aurora.world.regions[TARGET_REGION].clusters["aurora-restored-cluster"].began_with_defaults
        is False
    )


@pytest.mark.parametrize("requested", [None, "tuned", DEFAULT])
def test_each_instance_takes_up_the_requested_group_before_the_switch(
    run: PipelineRun, requested: str | None
) -> None:
    put_group(run, "tuned", max_logical_replication_workers="8")
    run.aurora.set_durations({"parameter_status_lag": 20, "parameter_applying": 10, "status_lag": 5})

    record = run.run(
        OPERATION,
        Phase.VERIFY_RESTORE,
        instance_count=2,
        **({"db_cluster_parameter_group_name": requested} if requested else {}),
    )

    cluster = run.cluster()
    assert cluster.db_cluster_parameter_group_name == (requested or DEFAULT)
    assert list(cluster.parameter_group_statuses.values()) == ["in-sync", "in-sync"]
    values = {"max_logical_replication_workers": "8"} if requested == "tuned" else {}
    assert started_with(run) == [values, values]
    assert group(run) is None
    assert run.count("RebootDBInstance") == 2
    checks = {item["field"]: item["found"] for item in record["restore_details"]["verification"]}
    assert checks["db_cluster_parameter_group in place"] == (requested or DEFAULT)


def test_the_phase_ends_with_the_look_that_finds_its_own_group_gone(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    looks = 0
    while group(run) is not None:
        looks += 1
        assert looks < LOOKS_AT_MOST
        run.clock.advance(run.phase(Phase.APPLY_PARAMETER_GROUP, OPERATION).wait_seconds)
    assert run.phase(Phase.APPLY_PARAMETER_GROUP, OPERATION).status is StepStatus.DONE


def test_the_writer_is_rebooted_before_the_readers(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.APPLY_PARAMETER_GROUP, instance_count=3)

    asked = [
        parameters["DBInstanceIdentifier"]
        for _, operation, parameters in run.aws.parameters
        if operation == "RebootDBInstance"
    ]
    assert asked == list(run.cluster().member_identifiers)


def test_without_a_quiet_start_the_cluster_has_the_requested_group_at_once(run: PipelineRun) -> None:
    put_group(run, "tuned")

    run.run(OPERATION, Phase.VERIFY_RESTORE, quiet_start=False, db_cluster_parameter_group_name="tuned")

    assert run.cluster().db_cluster_parameter_group_name == "tuned"
    assert run.count("RebootDBInstance") == 0
    assert run.record(OPERATION)["phases"]["ApplyParameterGroup"]["status"] == "SKIPPED"


def test_the_cluster_is_in_quarantine_until_it_gets_its_own_security_groups(run: PipelineRun) -> None:
    quarantine = run.aws.create_security_group("quarantine", run.vpc_id)

    run.run(OPERATION, Phase.SETUP_DB_USERS, quarantine_security_group_ids=[quarantine])
    assert run.cluster().vpc_security_group_ids == (quarantine,)

    run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)
    assert run.cluster().vpc_security_group_ids == (run.security_group_id,)


def test_the_stack_can_name_the_quarantine_of_every_request(run: PipelineRun) -> None:
    quarantine = run.aws.create_security_group("quarantine", run.vpc_id)
    settings = replace(run.ports.settings, quarantine_security_group_ids=(quarantine,))
    run.ports = replace(run.ports, settings=settings)

    run.run(OPERATION, Phase.RESTORE_CLUSTER)
    assert run.cluster().vpc_security_group_ids == (quarantine,)

    run.check("restore-2", quarantine_security_group_ids=[], target_cluster_id="aurora-restored-other")
    assert run.record("restore-2")["plan"]["cluster"]["quarantine_security_group_ids"] == []


@pytest.mark.parametrize("quiet_start", [True, False])
def test_a_quarantine_that_does_not_exist_is_refused_before_anything_is_copied(
    run: PipelineRun, quiet_start: bool
) -> None:
    with pytest.raises(SecurityGroupNotFound, match="sg-missing"):
        run.check(OPERATION, quarantine_security_group_ids=["sg-missing"], quiet_start=quiet_start)


def test_a_quarantine_without_a_quiet_start_ends_before_the_switch_too(run: PipelineRun) -> None:
    quarantine = run.aws.create_security_group("quarantine", run.vpc_id)

    run.run(
        OPERATION,
        Phase.VERIFY_RESTORE,
        quarantine_security_group_ids=[quarantine],
        quiet_start=False,
    )

    assert run.cluster().vpc_security_group_ids == (run.security_group_id,)
    assert run.count("RebootDBInstance") == run.count("CreateDBClusterParameterGroup") == 0


def test_the_roles_of_the_replaced_cluster_come_with_the_requested_group(run: PipelineRun) -> None:
    run.put_target()
    role = {
        "DBClusterIdentifier": "aurora-restored-cluster",
        "RoleArn": "arn:aws:iam::123456789012:role/import",
    }
    run.aurora.at_once("AddRoleToDBCluster", TARGET_REGION, role)

    record = run.run(OPERATION, Phase.SETUP_DB_USERS, delete_cluster_if_exists=True)
    staging = record["plan"]["cluster"]["db_cluster_identifier"]
    assert run.cluster(staging).roles == ()

    run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)
    assert run.cluster(staging).roles == (ClusterRole(role["RoleArn"], ""),)


def test_what_the_family_has_not_is_left_out_and_said(run: PipelineRun) -> None:
    put_old_snapshot(run)

    record = run.run(
        OPERATION,
        Phase.RESTORE_CLUSTER,
        source_snapshot_date=...,
        source_snapshot_identifier="old-snapshot",
    )

    assert group(run).values() == {"max_logical_replication_workers": "0"}
    assert any("cron.launch_active_jobs" in warning for warning in record["warnings"])


def test_what_a_family_has_not_is_said_where_nothing_is_left_to_be_set(run: PipelineRun) -> None:
    put_old_snapshot(run)
    put_group(run, "quiet-already", family=OLD_FAMILY, max_logical_replication_workers="0")

    record = run.run(
        OPERATION,
        Phase.RESTORE_CLUSTER,
        source_snapshot_date=...,
        source_snapshot_identifier="old-snapshot",
        db_cluster_parameter_group_name="quiet-already",
    )

    assert run.count("ModifyDBClusterParameterGroup") == 0
    assert [w for w in record["warnings"] if "cron.launch_active_jobs" in w] == [ANY]


def test_a_group_that_shows_no_parameters_is_waited_for() -> None:
    now, tags = datetime(2026, 11, 22, tzinfo=UTC), {OPERATION_TAG: OPERATION}

    decision = decide_group(OPERATION, plan(), SeenGroup(GROUP, FAMILY, tags, {}), Asking(now), timedelta(0))

    assert isinstance(decision, Wait)


def test_a_run_that_an_earlier_release_planned_starts_as_it_was_planned(run: PipelineRun) -> None:
    put_group(run, "tuned")
    run.run(OPERATION, Phase.CLEAR_TARGET, db_cluster_parameter_group_name="tuned")
    plan = {
        name: value
        for name, value in run.record(OPERATION)["plan"].items()
        if name != "parameter_group_family"
    }
    run.ports.records.update(OPERATION, {"plan": plan})

    for phase in list(Phase)[list(Phase).index(Phase.RESTORE_CLUSTER) :]:
        run.run_phase(phase, OPERATION)

    assert run.cluster().db_cluster_parameter_group_name == "tuned"
    assert run.record(OPERATION)["phases"]["ApplyParameterGroup"]["status"] == "SKIPPED"
    assert run.count("RebootDBInstance") == run.count("CopyDBClusterParameterGroup") == 0


def test_where_no_default_group_is_there_the_cluster_keeps_the_group_with_its_defaults(
    run: PipelineRun,
) -> None:
    run.aurora.set_habits({"default_groups_need_a_cluster": True})

    record = run.run(OPERATION, Phase.VERIFY_RESTORE, instance_count=2)

    assert run.cluster().db_cluster_parameter_group_name == GROUP
    assert group(run).values() == {}
    assert started_with(run) == [{}, {}]
    assert list(run.cluster().parameter_group_statuses.values()) == ["in-sync", "in-sync"]
    assert [w for w in record["warnings"] if GROUP in w and DEFAULT in w] == [ANY]


def test_a_kept_group_goes_when_its_cluster_has_another_or_is_gone(run: PipelineRun) -> None:
    run.aurora.set_habits({"default_groups_need_a_cluster": True})
    run.run(OPERATION)
    sweep = work_of("aurora-restore-sweep")
    assert sweep(run.ports, {})["deleted"] == []
    put_group(run, "tuned")
    name = {"DBClusterIdentifier": "aurora-restored-cluster", "DBClusterParameterGroupName": "tuned"}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, name)

    assert sweep(run.ports, {})["deleted"] == [GROUP]

    assert run.events(OPERATION)[-1] == "parameter_group.removed"


@pytest.mark.parametrize("strategy", ["swap", "delete_first"])
def test_a_cluster_that_kept_its_group_is_replaced_as_one_with_the_default(
    run: PipelineRun, strategy: str
) -> None:
    run.aurora.set_habits({"default_groups_need_a_cluster": True})
    run.run(OPERATION)

    record = run.run("restore-2", delete_cluster_if_exists=True, replace_strategy=strategy)

    assert record["status"] == "SUCCEEDED"
    assert run.cluster().db_cluster_parameter_group_name == quiet_group_identifier("restore-2")
    assert run.count("CopyDBClusterParameterGroup") == 0
    run.clock.advance(24 * 3600)
    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"][-1] == GROUP


def test_a_group_of_this_name_that_is_not_ours_is_not_touched(run: PipelineRun) -> None:
    put_group(run, GROUP, max_locks_per_transaction="256")
    run.run(OPERATION, Phase.CLEAR_TARGET)

    with pytest.raises(NameTaken):
        run.run_phase(Phase.RESTORE_CLUSTER, OPERATION)

    run.fail(OPERATION, "NameTaken")
    run.clean_up(OPERATION)
    assert group(run).values() == {"max_locks_per_transaction": "256"}


def test_an_account_without_room_for_a_group_is_refused_before_anything_is_copied(run: PipelineRun) -> None:
    run.aurora.set_quotas({"cluster_parameter_groups": 0})

    with pytest.raises(QuotaExceeded, match="DBClusterParameterGroups"):
        run.check(OPERATION)

    run.check("restore-2", quiet_start=False, target_cluster_id="aurora-restored-other")


def test_a_group_that_never_takes_effect_ends_the_run(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    while "wanted_group" not in run.record(OPERATION)["acts"]:
        run.clock.advance(run.phase(Phase.APPLY_PARAMETER_GROUP, OPERATION).wait_seconds)
    run.aurora.set_durations({"parameter_status_lag": 7000})

    with pytest.raises(ParameterGroupNotApplied):
        run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)


def test_a_reboot_that_no_status_tells_of_is_given_its_time(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    run.aurora.set_durations({"parameter_status_lag": 7000})
    began = run.clock.now()

    run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)

    assert run.clock.now() - began > timedelta(minutes=5)
    assert started_with(run) == [{}]


@pytest.mark.parametrize("last", [Phase.RESTORE_CLUSTER, Phase.APPLY_PARAMETER_GROUP])
def test_in_a_rollback_the_group_is_removed_after_its_cluster(run: PipelineRun, last: Phase) -> None:
    run.aurora.set_durations({"parameter_group_pending": 90})
    run.run(OPERATION, Phase(list(Phase)[list(Phase).index(last) - 1]))
    for _ in range(4):
        run.clock.advance(run.phase(last, OPERATION).wait_seconds)
    assert group(run) is not None

    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)

    assert group(run) is None
    assert run.ports.target_rds.find_cluster("aurora-restored-cluster") is None


def test_a_group_that_cannot_be_removed_keeps_no_old_cluster_away(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(OPERATION, Phase.SETUP_DB_USERS, delete_cluster_if_exists=True)
    run.aws.before(is_operation("DeleteDBClusterParameterGroup"), FaultKind.DENIED)

    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)

    record = run.record(OPERATION)
    assert record["status"] == "FAILED"
    assert run.cluster().db_cluster_resource_id == old
    assert any(GROUP in warning and "left for the sweep" in warning for warning in record["warnings"])
    assert group(run) is not None


def test_a_cleanup_leaves_a_group_that_the_new_cluster_keeps(run: PipelineRun) -> None:
    run.aurora.set_habits({"default_groups_need_a_cluster": True})
    run.run(OPERATION)
    run.run("restore-2", Phase.SWITCH_OVER, delete_cluster_if_exists=True)

    run.clean_up("restore-2", "ABORTED")

    assert run.cluster().db_cluster_parameter_group_name == quiet_group_identifier("restore-2")
    assert run.count("DeleteDBClusterParameterGroup") == 0


def test_the_sweep_finds_a_group_that_was_left(run: PipelineRun) -> None:
    run.run(OPERATION)
    tags = {OPERATION_TAG: OPERATION}
    for name in (GROUP, quiet_group_identifier("restore-other")):
        run.ports.target_rds.create_cluster_parameter_group(name, FAMILY, "left", tags)

    swept = work_of("aurora-restore-sweep")(run.ports, {})

    assert swept["deleted"] == [GROUP]
    assert group(run, quiet_group_identifier("restore-other")) is not None


def test_the_sweep_leaves_a_group_whose_run_goes_on_or_that_a_cluster_has(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.RESTORE_CLUSTER)

    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"] == []

    run.ports.records.update(OPERATION, {"status": "SUCCEEDED", "end_time": "2026-11-22T13:00:00Z"})
    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"] == []
    assert group(run) is not None


def test_the_sweep_leaves_a_group_that_only_looks_like_ours(run: PipelineRun) -> None:
    """By its name but without the tag, or with the tag of another operation."""
    run.run(OPERATION)
    put_group(run, GROUP)
    other = quiet_group_identifier("restore-2")
    run.ports.target_rds.create_cluster_parameter_group(other, FAMILY, "left", {OPERATION_TAG: OPERATION})

    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"] == []


def test_a_group_whose_removal_is_refused_ends_no_run(run: PipelineRun) -> None:
    run.aws.before(is_operation("DeleteDBClusterParameterGroup"), FaultKind.DENIED)

    record = run.run(OPERATION)

    assert record["status"] == "SUCCEEDED"
    assert any(GROUP in warning and "left for the sweep" in warning for warning in record["warnings"])


def test_a_cluster_that_does_not_come_up_with_the_requested_group_ends_the_run(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    run.aurora.world.regions[TARGET_REGION].clusters[
        "aurora-restored-cluster"
    ].status = "incompatible-parameters"

    with pytest.raises(ClusterFailed, match="incompatible-parameters"):
        run.phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)


@pytest.mark.parametrize("status", ["available", "incompatible-network"])
def test_a_reader_of_auto_scaling_is_named_and_ends_nothing(run: PipelineRun, status: str) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    scaled = "application-autoscaling-1a2b"
    run.aurora.seed.put_instance(TARGET_REGION, "aurora-restored-cluster", scaled, "db.r5.large")
    run.aurora.world.regions[TARGET_REGION].instances[scaled].status = status

    run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)

    record = run.record(OPERATION)
    assert any(scaled in warning and "pending-reboot" in warning for warning in record["warnings"])
    assert run.count("RebootDBInstance") == 1


def test_a_group_that_rds_does_not_let_go_is_left_to_the_sweep(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.SETUP_DB_USERS)
    run.aurora.set_durations({"parameter_group_pending": 3600})

    result = run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)

    assert result.status is StepStatus.DONE
    assert any(GROUP in warning for warning in run.record(OPERATION)["warnings"])
    run.aurora.set_durations({"parameter_group_pending": 0})
    for phase in list(Phase)[list(Phase).index(Phase.VERIFY_RESTORE) :]:
        run.run_phase(phase, OPERATION)
    run.clock.advance(3600)
    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"] == [GROUP]
