"""Rehearsals: a restore into a scratch cluster of its own, which is measured and deleted whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.in_process_aws import Published
from tests.support.worlds import DAY, SOURCE_REGION, TARGET_REGION, PipelineRun

from aurora_restore.domain.errors import (
    DeletionProtected,
    GlobalClusterMember,
    NotTheScratchCluster,
    PhaseTimedOut,
    RehearsalReplacesNothing,
    RestoreError,
    SnapshotNotFound,
    TargetExists,
    VerificationFailed,
)
from aurora_restore.domain.naming import OPERATION_TAG, scratch_identifier
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.steps.sweep import sweep

FIRST, SECOND = "rehearsal-20261122-120000", "rehearsal-20261122-130000"
SCRATCH = scratch_identifier("aurora-restored-", FIRST)
YEARS = 100_000
MET: dict[str, Any] = {"rto_minutes": 240, "rpo_hours": YEARS}
MISSED: dict[str, Any] = {"rto_minutes": 240, "rpo_hours": 26}


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def rehearse(run: PipelineRun, until: Phase = Phase.NOTIFY, **changes: Any) -> dict[str, Any]:
    request = {"target_cluster_id": ..., "rehearsal": MET, **changes}
    return run.run(FIRST, until=until, **request)


def last_message(run: PipelineRun) -> Published:
    return run.aws.published[-1]


def nothing_is_left(run: PipelineRun) -> bool:
    """Neither a cluster nor an instance nor a group of the pipeline's, after a sweep."""
    run.clock.advance(3600)
    sweep(run.ports)
    rds = run.ports.target_rds
    groups = [group for group in rds.list_cluster_parameter_groups() if "quiet" in group.name]
    instances = run.aurora.at_once("DescribeDBInstances", TARGET_REGION, {})["DBInstances"]
    return not (rds.list_clusters() or instances or groups) and not run.ports.locks.list_owners()


def test_one_that_passes_leaves_its_verdict_and_its_figures_and_no_cluster(run: PipelineRun) -> None:
    record = rehearse(run)
    assert record["status"] == "SUCCEEDED"
    state = record["rehearsal"]
    assert (state["verdict"], state["missed"]) == ("PASSED", [])
    began = run.clock.now().fromisoformat(record["start_time"])
    assert state["rpo_seconds"] == pytest.approx((began - DAY).total_seconds(), abs=1)
    proved = run.clock.now().fromisoformat(record["proof"]["proved_time"])
    assert state["rto_seconds"] == pytest.approx((proved - began).total_seconds(), abs=0.01)
    assert state["removed_time"]
    assert record["target_cluster_id"] == SCRATCH
    assert nothing_is_left(run)


def test_its_copy_of_the_snapshot_stays_under_the_ordinary_retention(run: PipelineRun) -> None:
    record = rehearse(run)
    copy = run.ports.target_rds.find_cluster_snapshot(record["snapshot_details"]["restored_from"])
    assert copy is not None
    assert copy.status == "available"
    assert record["snapshot_details"]["retain_until"]


def test_one_message_says_what_passed_with_the_figures(run: PipelineRun) -> None:
    rehearse(run)
    message = last_message(run)
    assert "RPO:" in message.message
    assert message.attributes["outcome"] == "REHEARSAL_PASSED"
    assert run.count("Publish") == 1


def test_a_missed_objective_is_no_failed_operation_and_its_message_says_so(run: PipelineRun) -> None:
    record = rehearse(run, rehearsal=MISSED)
    assert record["status"] == "SUCCEEDED"
    assert record["rehearsal"]["verdict"] == "OBJECTIVE_MISSED"
    assert record["rehearsal"]["missed"] == ["rpo"]
    message = last_message(run)
    assert message.attributes["outcome"] == "REHEARSAL_MISSED"
    assert "MISSED RPO" in message.subject
    assert nothing_is_left(run)


def test_the_age_of_a_copy_is_not_known_and_so_misses_the_objective(run: PipelineRun) -> None:
    copy = run.run(SECOND)["snapshot_details"]["restored_from"]
    record = rehearse(
        run,
        source_snapshot_identifier=copy,
        source_snapshot_date=...,
        source_region=TARGET_REGION,
        rehearsal=MISSED,
    )
    assert record["rehearsal"]["missed"] == ["rpo"]
    assert record["rehearsal"].get("rpo_seconds") is None


def test_the_time_that_it_took_is_an_objective_too(run: PipelineRun) -> None:
    record = rehearse(run, rehearsal={"rto_minutes": 1})
    assert record["rehearsal"]["missed"] == ["rto"]
    assert record["rehearsal"]["rto_seconds"] > 60


def test_without_objectives_it_passes_when_the_restore_does(run: PipelineRun) -> None:
    assert rehearse(run, rehearsal={})["rehearsal"]["verdict"] == "PASSED"


def test_a_restore_that_fails_is_a_rehearsal_that_failed_and_leaves_nothing(run: PipelineRun) -> None:
    rehearse(run, until=Phase.APPLY_PARAMETER_GROUP)
    run.aurora.at_once(
        "ModifyDBCluster",
        TARGET_REGION,
        {"DBClusterIdentifier": SCRATCH, "BackupRetentionPeriod": 9, "ApplyImmediately": True},
    )
    run.ports.records.update(FIRST, {"plan.cluster.backup_retention_days": 5})
    with pytest.raises(VerificationFailed):
        run.run_phase(Phase.VERIFY_RESTORE, FIRST)
    run.fail(FIRST, "VerificationFailed")
    run.clean_up(FIRST, "FAILED")
    record = run.record(FIRST)
    assert (record["status"], record["rehearsal"]["verdict"]) == ("FAILED", "FAILED")
    assert last_message(run).subject.startswith("Rehearsal FAILED")
    assert nothing_is_left(run)


def test_one_that_is_refused_has_failed_too(run: PipelineRun) -> None:
    with pytest.raises(SnapshotNotFound):
        run.check(FIRST, target_cluster_id=..., rehearsal=MET, source_snapshot_date="2023-06-01")
    run.fail(FIRST, "SnapshotNotFound")
    record = run.record(FIRST)
    assert (record["status"], record["rehearsal"]["verdict"]) == ("FAILED", "FAILED")
    assert record["target_cluster_id"] == SCRATCH


@pytest.mark.parametrize("phase", [phase for phase in list(Phase)[2:] if phase is not Phase.NOTIFY])
@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_one_that_ends_before_its_end_leaves_nothing_and_a_verdict(
    run: PipelineRun, phase: Phase, status: str
) -> None:
    rehearse(run, until=list(Phase)[list(Phase).index(phase) - 1])
    run.phase(phase, FIRST)
    run.clock.advance(30)
    run.clean_up(FIRST, status)
    record = run.record(FIRST)
    is_proved = record["phases"].get("ProveEndpoint", {}).get("status") == "DONE"
    failed = "NOT_MEASURED" if status == "ABORTED" else "FAILED"
    assert record["rehearsal"]["verdict"] == ("PASSED" if is_proved else failed)
    assert record["status"] == (
        "SUCCEEDED" if is_proved else "CANCELLED" if status == "ABORTED" else "FAILED"
    )
    assert nothing_is_left(run)


def test_it_is_held_for_as_long_as_was_asked_and_looked_at_no_more_often_than_each_hour(
    run: PipelineRun,
) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT, rehearsal={**MET, "hold_hours": 30})
    begun, looks = run.clock.now(), 0
    run.clock.advance(run.phase(Phase.END_REHEARSAL, FIRST).wait_seconds)
    while (
        run.cluster(SCRATCH).status == "available"
        and "held" in (result := run.phase(Phase.END_REHEARSAL, FIRST)).message
    ):
        looks += 1
        run.clock.advance(result.wait_seconds)
    assert timedelta(hours=30) <= run.clock.now() - begun < timedelta(hours=30, minutes=1)
    assert looks <= 31
    assert run.run_phase(Phase.END_REHEARSAL, FIRST).status is StepStatus.DONE
    run.run_phase(Phase.NOTIFY, FIRST)
    assert nothing_is_left(run)


def test_the_hours_of_the_hold_come_besides_the_limit_of_the_phase(run: PipelineRun) -> None:
    run.settings(phase_timeout_hours={Phase.END_REHEARSAL: 1})
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT, rehearsal={**MET, "hold_hours": 5})
    run.run_phase(Phase.END_REHEARSAL, FIRST)
    run.run_phase(Phase.NOTIFY, FIRST)
    assert nothing_is_left(run)


def test_a_deletion_that_does_not_end_is_given_up_after_the_limit(run: PipelineRun) -> None:
    run.settings(phase_timeout_hours={Phase.END_REHEARSAL: 1})
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.aurora.set_durations({"delete": 7200})
    with pytest.raises(PhaseTimedOut):
        run.run_phase(Phase.END_REHEARSAL, FIRST)


def test_a_cluster_that_an_operator_has_stopped_is_started_and_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.target_rds.stop_cluster(SCRATCH)
    run.clock.advance(1200)
    run.run_phase(Phase.END_REHEARSAL, FIRST)
    run.run_phase(Phase.NOTIFY, FIRST)
    assert nothing_is_left(run)


def protect(run: PipelineRun, *, is_protected: bool = True) -> None:
    change = {"DBClusterIdentifier": SCRATCH, "DeletionProtection": is_protected, "ApplyImmediately": True}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, change)
    run.clock.advance(30)


def test_one_that_an_operator_has_protected_is_kept_and_the_record_says_why(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    protect(run)
    with pytest.raises(DeletionProtected):
        run.run_phase(Phase.END_REHEARSAL, FIRST)
    run.fail(FIRST, "DeletionProtected")
    run.clean_up(FIRST, "FAILED")
    record = run.record(FIRST)
    assert run.cluster(SCRATCH).deletion_protection
    assert (record["status"], record["rehearsal"]["verdict"]) == ("SUCCEEDED", "PASSED")
    assert "deletion protection" in record["rehearsal"]["left"]
    assert last_message(run).subject.endswith("cluster left")
    # It is the operator's from now on, protected or not: it may have been put to use.
    protect(run, is_protected=False)
    run.clock.advance(3600)
    sweep(run.ports)
    assert run.executions.cleanups == []
    run.clean_up(FIRST, "FAILED")
    assert run.cluster(SCRATCH).status == "available"


def test_one_that_is_protected_when_the_restore_fails_is_kept(run: PipelineRun) -> None:
    rehearse(run, until=Phase.RESTORE_CLUSTER)
    protect(run)
    run.clean_up(FIRST, "TIMED_OUT")
    assert run.cluster(SCRATCH).status == "available"
    assert run.record(FIRST)["rehearsal"]["verdict"] == "FAILED"
    assert "deletion protection" in last_message(run).message


def refused(run: PipelineRun) -> RestoreError:
    """The refusal of EndRehearsal; what it refuses is untouched, and by the cleanup too."""
    before = run.cluster(SCRATCH)
    with pytest.raises(RestoreError) as refusal:
        run.run_phase(Phase.END_REHEARSAL, FIRST)
    run.fail(FIRST, type(refusal.value).__name__)
    run.clean_up(FIRST, "FAILED")
    assert run.cluster(SCRATCH) == before
    return refusal.value


def test_another_cluster_that_has_the_name_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.records.update(FIRST, {"restore_details.db_cluster_resource_id": "cluster-OF-THE-REHEARSAL"})
    assert isinstance(refused(run), NotTheScratchCluster)
    assert "cluster-OF-THE-REHEARSAL" in run.record(FIRST)["rehearsal"]["left"]


def test_one_without_the_tag_of_the_operation_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.target_rds.remove_tags(run.cluster(SCRATCH).db_cluster_arn, [OPERATION_TAG])
    run.clock.advance(30)
    assert isinstance(refused(run), NotTheScratchCluster)


def test_one_outside_the_prefix_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.settings(target_cluster_prefix="team-")
    assert isinstance(refused(run), NotTheScratchCluster)


def test_one_that_existed_before_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.records.update(FIRST, {"replaced": {"db_cluster_identifier": SCRATCH}})
    assert isinstance(refused(run), NotTheScratchCluster)


def test_one_that_the_record_does_not_name_as_made_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.records.update(FIRST, {"made.cluster": "aurora-restored-another"})
    assert isinstance(refused(run), NotTheScratchCluster)


def test_one_of_a_global_cluster_is_not_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.aurora.seed.put_global_cluster("worldwide", [run.cluster(SCRATCH).db_cluster_arn])
    assert isinstance(refused(run), GlobalClusterMember)
    record = run.record(FIRST)
    assert (record["status"], record["rehearsal"]["verdict"]) == ("SUCCEEDED", "PASSED")
    assert last_message(run).subject.endswith("cluster left")


def test_one_that_an_operator_has_renamed_is_left_alone(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.target_rds.rename_cluster(SCRATCH, "aurora-restored-needed")
    run.clock.advance(600)
    run.run_phase(Phase.END_REHEARSAL, FIRST)
    run.run_phase(Phase.NOTIFY, FIRST)
    assert run.cluster("aurora-restored-needed").status == "available"
    assert "renamed" in run.record(FIRST)["rehearsal"]["left"]
    run.clock.advance(3600)
    sweep(run.ports)
    assert run.executions.cleanups == []
    # The name comes back: it is still not the rehearsal's any more.
    run.ports.target_rds.rename_cluster("aurora-restored-needed", SCRATCH)
    run.clock.advance(600)
    sweep(run.ports)
    assert run.executions.cleanups == []
    run.clean_up(FIRST, "FAILED")
    assert run.cluster(SCRATCH).status == "available"


def test_one_that_was_renamed_while_it_was_held_is_not_reported_as_deleted(run: PipelineRun) -> None:
    rehearse(run, until=Phase.ARCHIVE_SNAPSHOT)
    run.ports.target_rds.rename_cluster(SCRATCH, "aurora-restored-needed")
    run.clock.advance(600)
    run.clean_up(FIRST, "ABORTED")
    record = run.record(FIRST)
    assert "renamed" in record["rehearsal"]["left"]
    assert record["rehearsal"].get("removed_time") is None
    assert last_message(run).subject.endswith("cluster left")
    assert run.cluster("aurora-restored-needed").status == "available"


def test_a_cluster_that_stands_under_a_named_target_is_never_touched(run: PipelineRun) -> None:
    resource_id = run.put_target()
    with pytest.raises(TargetExists):
        run.check(FIRST, rehearsal=MET)
    with pytest.raises(RehearsalReplacesNothing):
        run.check(SECOND, rehearsal=MET, delete_cluster_if_exists=True)
    assert run.cluster().db_cluster_resource_id == resource_id


def test_an_ordinary_restore_skips_it(run: PipelineRun) -> None:
    record = run.run("restore-20261122-120000")
    assert record["phases"]["EndRehearsal"]["status"] == "SKIPPED"
    assert "rehearsal" not in record
    assert run.cluster().status == "available"


def test_a_dry_run_of_one_plans_it_and_has_no_verdict(run: PipelineRun) -> None:
    run.check(FIRST, target_cluster_id=..., rehearsal=MET, dry_run=True)
    run.run_phase(Phase.NOTIFY, FIRST)
    record = run.record(FIRST)
    assert record["plan"]["target_cluster_id"] == SCRATCH
    assert "rehearsal" not in record
    assert last_message(run).attributes["outcome"] == "PLANNED"


def test_a_random_snapshot_of_the_window_is_the_same_in_every_call(run: PipelineRun) -> None:
    for days in range(1, 9):
        created = run.clock.now() - timedelta(days=days, hours=9)
        run.aurora.seed.put_snapshot(SOURCE_REGION, "production", created)

    def drawn(operation_id: str) -> str:
        changes = {"rehearsal": {"window_days": 7}, "source_snapshot_date": "random", "dry_run": True}
        run.check(operation_id, target_cluster_id=..., **changes)
        source = run.record(operation_id)["plan"]["source"]
        return str(source["cluster_snapshot_identifier"])

    first = drawn(FIRST)
    run.ports.records.update(FIRST, {"plan": None})
    run.clock.advance(3600)
    assert drawn(FIRST) == first
    others = {drawn(f"{SECOND}-{number}") for number in range(20)}
    assert 1 < len(others) <= 6
    # The snapshot of 2023 lies outside the window.
    assert "rds:production-2023-06-15-03-10" not in others
