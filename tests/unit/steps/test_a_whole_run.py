"""Whole runs of the real steps, in one process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import is_operation
from tests.support.worlds import (
    ADMIN_PASSWORD,
    DAY,
    LOOKS_AT_MOST,
    MASTER_PASSWORD,
    SOURCE_REGION,
    TARGET_REGION,
    PipelineRun,
)

from aurora_restore.domain.errors import (
    AwsUnavailable,
    ClusterFailed,
    DatabaseUnreachable,
    InstanceFailed,
    MasterLoginRefused,
    OperationNotRunning,
    PhaseTimedOut,
    PreflightFailed,
    RestoreError,
    SnapshotNotFound,
    TargetExists,
    TargetLocked,
    VerificationFailed,
)
from aurora_restore.domain.observed import LoginAttempt, LoginOutcome
from aurora_restore.domain.results import Phase, StepStatus

FIRST, SECOND = "restore-20261122-120000", "restore-20261122-130000"


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


@pytest.fixture
def run_on_dynamodb() -> PipelineRun:
    return PipelineRun(on_dynamodb=True)


def test_a_new_target_exists_at_the_end_with_the_data_of_the_day(run: PipelineRun) -> None:
    record = run.run(FIRST, instance_count=2)
    cluster = run.ports.target_rds.find_cluster("aurora-restored-cluster")
    assert cluster is not None
    assert cluster.status == "available"
    assert len(run.ports.target_rds.list_cluster_instances("aurora-restored-cluster")) == 2
    assert record["status"] == "SUCCEEDED"
    assert record["restore_details"]["endpoint"] == cluster.endpoint
    assert record["snapshot_details"]["restored_from"] == "aurora-restore-20261122-120000"
    assert all(check["matches"] for check in record["restore_details"]["verification"])


def test_the_record_has_the_fields_that_operators_know(run_on_dynamodb: PipelineRun) -> None:
    run = run_on_dynamodb
    record = run.run(FIRST)
    known = {"operation_id", "status", "start_time", "last_updated_time", "parameters", "snapshot_details"}
    assert known | {"restore_details", "plan", "phases", "end_time", "expires_at"} <= set(record)
    assert set(record["phases"]) == {phase.value for phase in Phase}
    assert record["parameters"] == run.request()


def test_the_password_of_production_does_not_open_the_restored_cluster(run: PipelineRun) -> None:
    details = run.run(FIRST)["restore_details"]
    place = (details["endpoint"], details["port"])
    assert run.aurora.log_in(*place, "postgres", MASTER_PASSWORD).outcome == "REFUSED"
    assert run.aurora.log_in(*place, "postgres", ADMIN_PASSWORD).outcome == "ACCEPTED"


def test_the_source_is_only_read(run: PipelineRun) -> None:
    run.run(FIRST)
    at_the_source = {call.operation for call in run.aws.calls if call.region == SOURCE_REGION}
    assert at_the_source == {"DescribeDBClusterSnapshots"}


def test_the_audit_trail_tells_the_run_in_its_order(run: PipelineRun) -> None:
    run.run(FIRST)
    events = run.events(FIRST)
    expected = ["operation.started", "plan.made", "copy.started", "copy.used", "cluster.restore_started",
              "instance.create_started", "master_password.change_started", "master_password.confirmed",
              "copy.kept", "operation.succeeded"]  # fmt: skip
    assert [event for event in events if event in expected] == expected


def test_one_message_tells_people_and_programs(run: PipelineRun) -> None:
    run.run(FIRST)
    (message,) = run.aws.published
    assert message.subject == "Restored: aurora-restored-cluster from 2023-06-15"
    for word in ("aurora-restored-cluster", "Endpoint:", "What to do next", '"outcome": "SUCCEEDED"', FIRST):
        assert word in message.message
    assert message.attributes["outcome"] == "SUCCEEDED"


def test_no_secret_is_in_any_record_event_or_message(run_on_dynamodb: PipelineRun) -> None:
    run = run_on_dynamodb
    run.aws.create_secret(
        "aurora-restore/users/report", {"username": "report", "password": "marked-secret-1"}
    )
    record = run.run(FIRST, db_users=[{"username": "report", "secret_id": "aurora-restore/users/report"}])
    everything = str(record) + str(run.ports.audit.trail(FIRST)) + str(run.aws.published)
    for secret in (ADMIN_PASSWORD, MASTER_PASSWORD, "marked-secret-1"):
        assert secret not in everything


def test_every_phase_called_twice_makes_one_copy_and_one_cluster(run_on_dynamodb: PipelineRun) -> None:
    run = run_on_dynamodb
    for _ in range(2):
        assert run.check(FIRST).status is StepStatus.DONE
    for phase in list(Phase)[1:]:
        for _ in range(2):
            run.run_phase(phase, FIRST)
    assert (run.count("CopyDBClusterSnapshot"), run.count("RestoreDBClusterFromSnapshot")) == (1, 1)
    assert run.count("CreateDBInstance") == 1
    assert len(run.aws.published) == 1
    assert run.record(FIRST)["status"] == "SUCCEEDED"


def test_the_lock_is_free_after_a_run(run: PipelineRun) -> None:
    run.run(FIRST)
    assert run.ports.locks.owner("aurora-restored-cluster") is None


def test_a_dry_run_makes_the_plan_and_touches_nothing(run: PipelineRun) -> None:
    run.check(FIRST, dry_run=True)
    run.run_phase(Phase.NOTIFY, FIRST)
    record = run.record(FIRST)
    assert record["status"] == "SUCCEEDED"
    assert record["plan"]["cluster"]["db_cluster_identifier"] == "aurora-restored-cluster"
    assert run.ports.locks.owner("aurora-restored-cluster") is None
    writes = {call.operation for call in run.aws.calls if call.service == "rds"}
    assert all(operation.startswith(("Describe", "List")) for operation in writes)
    assert run.aws.published[0].attributes["outcome"] == "PLANNED"


def test_without_a_copy_the_snapshot_itself_is_restored(run: PipelineRun) -> None:
    run.run(FIRST)
    record = run.run(
        SECOND,
        source_region=TARGET_REGION,
        source_snapshot_date=...,
        source_snapshot_identifier="aurora-restore-20261122-120000",
        target_cluster_id="aurora-restored-again",
    )
    assert record["phases"]["CopySnapshot"]["status"] == "SKIPPED"
    assert record["phases"]["ArchiveSnapshot"]["status"] == "SKIPPED"
    assert run.count("CopyDBClusterSnapshot") == 1


def test_a_second_restore_of_the_same_day_uses_the_finished_copy(run: PipelineRun) -> None:
    run.run(FIRST)
    record = run.run(SECOND, target_cluster_id="aurora-restored-again")
    assert record["snapshot_details"]["restored_from"] == "aurora-restore-20261122-120000"
    assert run.count("CopyDBClusterSnapshot") == 1


def test_a_second_operation_on_the_target_is_refused_while_the_first_runs(
    run_on_dynamodb: PipelineRun,
) -> None:
    run = run_on_dynamodb
    run.check(FIRST)
    with pytest.raises(TargetLocked, match=FIRST):
        run.check(SECOND)
    run.fail(SECOND, "TargetLocked")
    assert run.ports.locks.owner("aurora-restored-cluster") == FIRST
    run.run_phase(Phase.COPY_SNAPSHOT, FIRST)


def mark_by_hand(run: PipelineRun) -> None:
    error = {"code": "MANUAL_INTERVENTION", "message": "marked by Ada"}
    run.ports.records.update(FIRST, {"status": "FAILED", "error": error})


def test_a_new_start_waits_for_the_cleanup_of_a_record_that_was_marked_by_hand(run: PipelineRun) -> None:
    run.check(FIRST)
    run.phase(Phase.COPY_SNAPSHOT, FIRST)
    mark_by_hand(run)
    waiting = run.check(SECOND)
    assert (waiting.status, "being cleaned up" in waiting.message) == (StepStatus.IN_PROGRESS, True)
    run.clean_up(FIRST, "ABORTED")
    assert run.check(SECOND).status is StepStatus.DONE
    assert run.ports.locks.owner("aurora-restored-cluster") == SECOND


def test_a_running_step_notices_that_its_record_was_marked_by_hand(run: PipelineRun) -> None:
    run.check(FIRST)
    run.phase(Phase.COPY_SNAPSHOT, FIRST)
    mark_by_hand(run)
    with pytest.raises(OperationNotRunning):
        run.phase(Phase.COPY_SNAPSHOT, FIRST)
    run.fail(FIRST, "OperationNotRunning")
    run.clean_up(FIRST)
    assert run.record(FIRST)["error"]["code"] == "MANUAL_INTERVENTION"
    assert "marked by Ada" in run.aws.published[0].message


def test_an_existing_target_is_refused_before_anything_is_made(run: PipelineRun) -> None:
    run.run(FIRST)
    run.aws.calls.clear()
    with pytest.raises(TargetExists):
        run.check(SECOND)
    assert {call.operation for call in run.aws.calls if call.service == "rds"} <= {
        "DescribeDBClusterSnapshots", "DescribeDBClusters", "DescribeDBSubnetGroups", "DescribeDBEngineVersions",
        "DescribeOrderableDBInstanceOptions", "DescribeAccountAttributes"}  # fmt: skip


def test_an_operation_id_of_another_execution_is_refused(run: PipelineRun) -> None:
    run.check(FIRST)
    run.ports.records.update(FIRST, {"execution_arn": "arn:another"})
    with pytest.raises(OperationNotRunning, match="belongs to"):
        run.check(FIRST)


def test_two_hundred_and_fifty_snapshots_do_not_hide_the_right_one(run: PipelineRun) -> None:
    for number in range(250):
        run.aurora.seed.put_snapshot(SOURCE_REGION, "production", DAY + timedelta(days=number + 1))
    run.check(FIRST)
    assert run.record(FIRST)["plan"]["source"]["snapshot_create_time"].startswith("2023-06-15T03:10")
    assert run.count("DescribeDBClusterSnapshots") > 2


def test_a_full_set_of_copies_in_flight_is_waited_out(run: PipelineRun) -> None:
    source = run.ports.rds(SOURCE_REGION).list_cluster_snapshots("production")[0]
    for number in range(5):
        run.ports.target_rds.copy_cluster_snapshot(source, SOURCE_REGION, f"of-another-{number}", None, {})
    run.check(FIRST)
    first = run.phase(Phase.COPY_SNAPSHOT, FIRST)
    assert "free slot" in first.message
    run.clock.advance(3_600)
    run.run_phase(Phase.COPY_SNAPSHOT, FIRST)
    assert run.record(FIRST)["snapshot_details"]["restored_from"] == "aurora-restore-20261122-120000"


def test_a_message_that_cannot_be_sent_keeps_no_restore_from_its_success(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.ARCHIVE_SNAPSHOT)
    run.aws.before(is_operation("Publish"), Refusal("NotFound", "Topic does not exist", 404))
    run.run_phase(Phase.NOTIFY, FIRST)
    record = run.record(FIRST)
    assert record["status"] == "SUCCEEDED"
    assert "Topic does not exist" in record["notification"]["error"]
    assert "notification.failed" in run.events(FIRST)
    assert run.ports.locks.owner("aurora-restored-cluster") is None


def test_a_failure_is_recorded_reported_once_and_gives_the_lock_back(run_on_dynamodb: PipelineRun) -> None:
    run = run_on_dynamodb
    run.check(FIRST)
    run.fail(FIRST, "Sandbox.Timedout", '{"errorMessage": "Task timed out after 60.00 seconds"}')
    run.fail(FIRST, "Sandbox.Timedout", '{"errorMessage": "Task timed out after 60.00 seconds"}')
    record = run.record(FIRST)
    assert (record["status"], record["error"]["code"]) == ("FAILED", "INTERNAL_ERROR")
    assert "timed out after 60.00 seconds" in record["error"]["message"]
    assert run.ports.locks.owner("aurora-restored-cluster") is None
    assert len(run.aws.published) == 1
    assert run.events(FIRST).count("operation.failed") == 1


def test_a_phase_that_takes_longer_than_it_may_is_given_up_with_what_it_waited_for(run: PipelineRun) -> None:
    run.settings(phase_timeout_hours={Phase.COPY_SNAPSHOT: 1})
    run.aurora.set_durations({"copy": 7200})
    run.check(FIRST)
    with pytest.raises(PhaseTimedOut, match="`copying`"):
        run.run_phase(Phase.COPY_SNAPSHOT, FIRST)
    run.fail(FIRST, "PhaseTimedOut")
    assert run.record(FIRST)["error"]["code"] == "PHASE_TIMED_OUT"


def test_a_database_that_does_not_answer_is_given_up_after_a_while(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    run.databases.every_login = LoginAttempt(LoginOutcome.UNREACHABLE, "the connection timed out")
    with pytest.raises(DatabaseUnreachable, match="15 minutes"):
        run.run_phase(Phase.RESTORE_CLUSTER, FIRST)


def test_a_verification_that_does_not_hold_says_each_field_and_keeps_them_in_the_record(
    run_on_dynamodb: PipelineRun,
) -> None:
    run = run_on_dynamodb
    run.run(FIRST, until=Phase.APPLY_PARAMETER_GROUP)
    by_hand = {"DBClusterIdentifier": "aurora-restored-cluster", "DeletionProtection": True}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, by_hand)
    with pytest.raises(VerificationFailed, match="deletion_protection: expected no, found yes"):
        run.run_phase(Phase.VERIFY_RESTORE, FIRST)
    run.fail(FIRST, "VerificationFailed")
    record = run.record(FIRST)
    differing = [
        check["field"] for check in record["restore_details"]["verification"] if not check["matches"]
    ]
    assert differing == ["deletion_protection"]
    assert record["error"]["step"] == "VerifyRestore"


@pytest.mark.parametrize(
    ("status", "error"), [("migration-failed", ClusterFailed), ("incompatible-network", InstanceFailed)]
)
def test_what_ends_in_a_terminal_status_ends_the_run(
    run: PipelineRun, status: str, error: type[RestoreError]
) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    started = "the restore of the cluster" if status == "migration-failed" else "the instance"
    for _ in range(LOOKS_AT_MOST):
        result = run.phase(Phase.RESTORE_CLUSTER, FIRST)
        run.clock.advance(result.wait_seconds)
        if started in result.message:
            break
    kind = "cluster" if status == "migration-failed" else "db"
    plan = run.record(FIRST)["plan"]
    name = (
        plan["cluster"]["db_cluster_identifier"]
        if kind == "cluster"
        else plan["instances"][0]["db_instance_identifier"]
    )
    run.aurora.seed.set_status(TARGET_REGION, kind, name, status)
    with pytest.raises(error, match=f"`{status}`"):
        run.run_phase(Phase.RESTORE_CLUSTER, FIRST)
    assert run.record(FIRST)["error"]["code"] == error.code


def test_an_admin_secret_with_productions_own_password_is_warned_about(run: PipelineRun) -> None:
    run.put_admin_secret("postgres", MASTER_PASSWORD)
    record = run.run(FIRST)
    sent = [asked for _, operation, asked in run.aws.parameters if operation == "ModifyDBCluster"]
    assert not any("MasterUserPassword" in asked for asked in sent)
    assert "the very password that the master user had in production" in record["warnings"][0]
    assert "Warning: The admin secret holds the very password" in run.aws.published[0].message


def test_a_master_that_stays_refused_is_given_up_after_a_few_changes_with_the_servers_reason(
    run: PipelineRun,
) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    run.databases.every_login = LoginAttempt(LoginOutcome.REFUSED, "the role may not log in")
    with pytest.raises(MasterLoginRefused, match="the role may not log in"):
        run.run_phase(Phase.RESTORE_CLUSTER, FIRST)
    assert run.count("ModifyDBCluster") <= 6


def test_a_serverless_cluster_passes_its_verification(run: PipelineRun) -> None:
    scaling = {"min_capacity": 0.5, "max_capacity": 4}
    record = run.run(FIRST, db_instance_class="db.serverless", serverless_v2=scaling)
    assert record["status"] == "SUCCEEDED"
    assert "serverless_v2" in {check["field"] for check in record["restore_details"]["verification"]}


def test_a_failure_leaves_nothing_but_the_finished_copy_and_says_so(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.SETUP_DB_USERS)
    run.fail(FIRST, "DbUserSetupFailed")
    assert run.record(FIRST)["status"] == "CLEANING_UP"
    assert run.ports.locks.owner("aurora-restored-cluster") == FIRST
    run.clean_up(FIRST)
    assert run.ports.target_rds.find_cluster("aurora-restored-cluster") is None
    (copy,) = run.ports.target_rds.list_cluster_snapshots()
    (message,) = run.aws.published
    assert message.attributes["outcome"] == "FAILED"
    assert f"kept: the finished copy {copy.db_cluster_snapshot_identifier}" in message.message
    assert "no cluster has the name aurora-restored-cluster" in message.message


def test_an_unfinished_copy_of_a_run_that_failed_is_ended(run: PipelineRun) -> None:
    run.check(FIRST)
    run.phase(Phase.COPY_SNAPSHOT, FIRST)
    run.fail(FIRST, "PhaseTimedOut")
    run.clean_up(FIRST)
    assert run.ports.target_rds.list_cluster_snapshots() == []
    assert run.record(FIRST)["status"] == "FAILED"


def test_a_copy_that_was_finished_after_the_limit_is_not_thrown_away(run: PipelineRun) -> None:
    run.settings(phase_timeout_hours={Phase.COPY_SNAPSHOT: 0.5})
    run.check(FIRST)
    run.phase(Phase.COPY_SNAPSHOT, FIRST)
    run.clock.advance(3600)
    assert run.phase(Phase.COPY_SNAPSHOT, FIRST).status is StepStatus.DONE


def test_a_retention_that_cannot_be_extended_is_a_warning_about_a_finished_restore(
    run: PipelineRun,
) -> None:
    run.run(FIRST, until=Phase.VERIFY_RESTORE)
    run.aws.before(is_operation("AddTagsToResource"), FaultKind.DENIED)
    run.run_phase(Phase.ARCHIVE_SNAPSHOT, FIRST)
    run.run_phase(Phase.NOTIFY, FIRST)
    assert run.record(FIRST)["status"] == "SUCCEEDED"
    assert "could not be extended" in run.record(FIRST)["warnings"][0]


def test_a_silent_sns_is_waited_for_and_then_given_up_without_failing_the_restore(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.ARCHIVE_SNAPSHOT)
    run.aws.before(is_operation("Publish"), FaultKind.UNAVAILABLE, times=1000)
    assert run.phase(Phase.NOTIFY, FIRST).status is StepStatus.IN_PROGRESS
    run.clock.advance(3600)
    run.run_phase(Phase.NOTIFY, FIRST)
    assert run.record(FIRST)["status"] == "SUCCEEDED"


def test_a_failed_run_is_closed_and_its_lock_free_although_sns_is_silent(run: PipelineRun) -> None:
    run.check(FIRST)
    run.aws.before(is_operation("Publish"), FaultKind.UNAVAILABLE)
    with pytest.raises(AwsUnavailable):
        run.fail(FIRST, "ClusterFailed")
    assert run.record(FIRST)["status"] == "FAILED"
    assert run.ports.locks.owner("aurora-restored-cluster") is None
    run.fail(FIRST, "ClusterFailed")
    run.fail(FIRST, "ClusterFailed")
    assert len(run.aws.published) == 1
    assert run.record(FIRST)["notification"]["message_id"]


def test_an_id_that_was_used_before_is_refused_and_its_record_left_as_it_is(
    run_on_dynamodb: PipelineRun,
) -> None:
    run = run_on_dynamodb
    before = run.run(FIRST)
    with pytest.raises(OperationNotRunning, match="was used before"):
        run.check(FIRST)
    run.fail(FIRST, "OperationNotRunning")
    assert run.record(FIRST) == before
    assert len(run.aws.published) == 1


def test_a_record_that_was_marked_by_hand_with_a_plain_sentence_is_closed_all_the_same(
    run: PipelineRun,
) -> None:
    run.check(FIRST)
    run.ports.records.update(FIRST, {"status": "FAILED", "error": "stopped by Ada"})
    run.fail(FIRST, "OperationNotRunning")
    assert run.ports.locks.owner("aurora-restored-cluster") is None
    assert "stopped by Ada" in run.aws.published[0].message


def test_a_missing_snapshot_is_reported_together_with_everything_else(run: PipelineRun) -> None:
    with pytest.raises(PreflightFailed) as refusal:
        run.check(FIRST, source_snapshot_date="2023-06-14", db_subnet_group_name="nowhere")
    assert {problem.code for problem in refusal.value.problems} == {
        "SNAPSHOT_NOT_FOUND",
        "SUBNET_GROUP_NOT_FOUND",
    }


def test_a_cluster_that_is_busy_is_waited_for(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    run.aws.before(
        is_operation("CreateDBInstance"), Refusal("InvalidDBClusterStateFault", "is not available")
    )
    run.run_phase(Phase.RESTORE_CLUSTER, FIRST)
    assert run.count("CreateDBInstance") == 2


def test_a_dry_run_that_is_refused_is_reported_as_such(run: PipelineRun) -> None:
    with pytest.raises(SnapshotNotFound):
        run.check(FIRST, dry_run=True, source_snapshot_date="2023-06-14")
    run.fail(FIRST, "SnapshotNotFound")
    (message,) = run.aws.published
    assert message.subject.startswith("Plan refused: ")
    assert message.attributes["outcome"] == "PLAN_REFUSED"
    assert "nothing was created" in message.message


def test_the_phase_that_failed_is_not_shown_as_under_way(run: PipelineRun) -> None:
    run.check(FIRST)
    run.phase(Phase.COPY_SNAPSHOT, FIRST)
    run.fail(FIRST, "SnapshotCopyFailed")
    run.clean_up(FIRST)
    phase = run.record(FIRST)["phases"]["CopySnapshot"]
    assert (phase["status"], "end_time" in phase) == ("FAILED", True)
