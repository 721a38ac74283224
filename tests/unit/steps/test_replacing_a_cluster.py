"""Whole replacements of the real steps, in one process: forward, back, kept, undone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.errors import (
    DeletionProtected,
    DifferenceNotAccepted,
    GlobalClusterMember,
    KeepNeedsSwap,
    NothingKept,
    RestoreError,
    TargetIsSource,
    TargetLocked,
    TargetNotAvailable,
)
from aurora_restore.domain.results import Phase
from aurora_restore.steps.functions import work_of

FIRST, SECOND, UNDO = "restore-20261122-120000", "restore-20261122-130000", "undo-20261122-140000"
TARGET = "aurora-restored-cluster"


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def resource_id(run: PipelineRun, name: str = TARGET) -> str | None:
    cluster = run.ports.target_rds.find_cluster(name)
    return cluster.db_cluster_resource_id if cluster else None


def names(run: PipelineRun) -> set[str]:
    return {item.db_cluster_identifier for item in run.ports.target_rds.list_clusters()}


def undo(run: PipelineRun, until: Phase = Phase.NOTIFY, **fields: Any) -> None:
    run.start(UNDO, {"undo_operation_id": FIRST, **fields})
    for phase in list(Phase)[1 : list(Phase).index(until) + 1]:
        run.run_phase(phase, UNDO)


def test_a_swap_puts_the_new_cluster_in_the_old_ones_place_and_keeps_its_final_snapshot(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    record = run.run(FIRST, delete_cluster_if_exists=True)
    assert record["status"] == "SUCCEEDED"
    assert resource_id(run) not in (old, None)
    assert names(run) == {TARGET}
    final = run.ports.target_rds.find_cluster_snapshot(record["retirement"]["final_snapshot_identifier"])
    assert final is not None
    assert (final.status, final.db_cluster_resource_id) == ("available", old)
    assert record["switch_over"]["seconds_without_name"] < 10
    assert record["restore_details"]["db_cluster_identifier"] == TARGET


def test_the_old_cluster_stays_untouched_until_the_new_one_is_verified(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.VERIFY_RESTORE, delete_cluster_if_exists=True)
    assert resource_id(run) == old
    touched = {
        call.operation for call in run.aws.calls if call.service == "rds" and TARGET.encode() in call.body
    }
    assert not touched & {"DeleteDBCluster", "DeleteDBInstance", "StopDBCluster"}


def test_delete_first_makes_room_only_after_the_final_snapshot(run: PipelineRun) -> None:
    old = run.put_target()
    record = run.run(FIRST, delete_cluster_if_exists=True, replace_strategy="delete_first")
    order = [call.operation for call in run.aws.calls]
    assert (
        order.index("CreateDBClusterSnapshot")
        < order.index("DeleteDBInstance")
        < order.index("DeleteDBCluster")
    )
    assert order.index("DeleteDBCluster") < order.index("RestoreDBClusterFromSnapshot")
    final = run.ports.target_rds.find_cluster_snapshot(record["retirement"]["final_snapshot_identifier"])
    assert final is not None
    assert final.db_cluster_resource_id == old
    assert resource_id(run) not in (old, None)


@pytest.mark.parametrize("phase", list(Phase)[1:7])
def test_a_run_that_fails_after_any_phase_leaves_the_old_cluster_in_its_place(
    run: PipelineRun, phase: Phase
) -> None:
    old = run.put_target()
    run.run(FIRST, until=phase, delete_cluster_if_exists=True)
    run.fail(FIRST, "VerificationFailed")
    run.clean_up(FIRST)
    assert resource_id(run) == old
    assert names(run) == {TARGET}
    assert run.record(FIRST)["status"] == "FAILED"
    assert run.ports.locks.owner(TARGET) is None
    assert len(run.aws.published) == 1


@pytest.mark.parametrize("phase", list(Phase)[2:7])
def test_delete_first_comes_back_from_its_final_snapshot_as_it_was(run: PipelineRun, phase: Phase) -> None:
    run.put_target({f"{TARGET}-a": "db.r5.large", f"{TARGET}-b": "db.r5.large"})
    run.run(FIRST, until=phase, delete_cluster_if_exists=True, replace_strategy="delete_first")
    run.fail(FIRST, "ClusterFailed")
    run.clean_up(FIRST)
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    assert cluster.status == "available"
    assert set(cluster.member_identifiers) == {f"{TARGET}-a", f"{TARGET}-b"}
    place = (cluster.endpoint or "", cluster.port or 0)
    assert run.aurora.log_in(*place, "postgres", "the-password-of-staging").outcome == "ACCEPTED"
    assert "restored from its final snapshot" in run.aws.published[0].message


def test_a_cancel_before_the_switch_puts_everything_back(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.VERIFY_RESTORE, delete_cluster_if_exists=True)
    run.clean_up(
        FIRST, "ABORTED", error="ManualCancellation", cause="Ada wants the window for something else"
    )
    record = run.record(FIRST)
    assert (record["status"], record["error"]["code"]) == ("CANCELLED", "CANCELLED")
    assert "Ada wants the window" in record["error"]["message"]
    assert resource_id(run) == old
    assert names(run) == {TARGET}


def test_a_cancel_after_the_switch_undoes_nothing_and_keeps_the_old_cluster_for_a_day(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.SWITCH_OVER, delete_cluster_if_exists=True)
    run.clean_up(FIRST, "ABORTED")
    record = run.record(FIRST)
    assert record["status"] == "SUCCEEDED"
    assert resource_id(run) != old
    kept = run.ports.target_rds.find_cluster(record["retirement"]["db_cluster_identifier"])
    assert kept is not None
    assert (kept.db_cluster_resource_id, kept.status) == (old, "stopped")
    ended, unproved = record["warnings"][-2:]
    assert "had succeeded" in ended
    assert "was not proved" in unproved
    undo(run)
    assert resource_id(run) == old


def test_a_kept_cluster_comes_back_with_an_undo_and_the_other_one_is_snapshotted(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    restored = resource_id(run)
    undo(run)
    assert resource_id(run) == old
    assert names(run) == {TARGET}
    record = run.record(UNDO)
    final = run.ports.target_rds.find_cluster_snapshot(record["retirement"]["final_snapshot_identifier"])
    assert final is not None
    assert final.db_cluster_resource_id == restored
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    assert not any(key.startswith("aurora-restore:") for key in cluster.tags)
    assert run.record(FIRST)["retirement"]["state"] == "UNDONE"


@pytest.mark.parametrize("phase", [Phase.RESTORE_CLUSTER, Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT])
def test_an_undo_that_fails_leaves_the_restored_cluster_in_place_and_the_kept_one_kept(
    run: PipelineRun, phase: Phase
) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    restored, retired = resource_id(run), run.record(FIRST)["retirement"]["db_cluster_identifier"]
    undo(run, until=phase)
    run.fail(UNDO, "SwitchOverFailed")
    run.clean_up(UNDO)
    assert (resource_id(run), resource_id(run, retired)) == (restored, old)
    kept = run.ports.target_rds.find_cluster(retired)
    assert kept is not None
    assert kept.status == "stopped"
    assert run.record(FIRST)["retirement"]["state"] == "KEPT"


def test_an_undo_needs_something_kept(run: PipelineRun) -> None:
    run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True)
    with pytest.raises(NothingKept, match="was retired"):
        undo(run)


def test_an_undo_does_not_wait_for_an_operation_on_the_target(run: PipelineRun) -> None:
    run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    run.check(SECOND, delete_cluster_if_exists=True)
    with pytest.raises(TargetLocked):
        undo(run)


def test_an_undo_refuses_when_the_target_was_replaced_since(run: PipelineRun) -> None:
    run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    run.run(SECOND, delete_cluster_if_exists=True)
    with pytest.raises(NothingKept, match="replaced since"):
        undo(run)


def protect(run: PipelineRun) -> None:
    run.aurora.at_once(
        "ModifyDBCluster", TARGET_REGION, {"DBClusterIdentifier": TARGET, "DeletionProtection": True}
    )


def stop(run: PipelineRun) -> None:
    run.aurora.at_once("StopDBCluster", TARGET_REGION, {"DBClusterIdentifier": TARGET})


def join_global(run: PipelineRun) -> None:
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    run.aurora.seed.put_global_cluster("worldwide", [cluster.db_cluster_arn])


@pytest.mark.parametrize(
    ("spoil", "error"),
    [(protect, DeletionProtected), (stop, TargetNotAvailable), (join_global, GlobalClusterMember)],
)
def test_a_cluster_that_may_not_go_is_refused_before_anything_is_touched(
    run: PipelineRun, spoil: Any, error: type[RestoreError]
) -> None:
    run.put_target()
    spoil(run)
    run.aws.calls.clear()
    with pytest.raises(error):
        run.check(FIRST, delete_cluster_if_exists=True)
    changing = {call.operation for call in run.aws.calls if call.service == "rds"}
    assert all(operation.startswith("Describe") for operation in changing)


@pytest.mark.parametrize(
    ("spoil", "error"), [(protect, DeletionProtected), (join_global, GlobalClusterMember)]
)
def test_a_protection_that_came_since_the_plan_stops_the_first_deletion(
    run: PipelineRun, spoil: Any, error: type[RestoreError]
) -> None:
    run.put_target()
    run.run(FIRST, until=Phase.COPY_SNAPSHOT, delete_cluster_if_exists=True, replace_strategy="delete_first")
    spoil(run)
    with pytest.raises(error):
        run.run_phase(Phase.CLEAR_TARGET, FIRST)
    assert run.count("DeleteDBInstance") == run.count("DeleteDBCluster") == 0


def test_a_cluster_is_not_replaced_by_its_own_snapshot(run: PipelineRun) -> None:
    run.put_target()
    run.aurora.at_once(
        "CreateDBClusterSnapshot",
        TARGET_REGION,
        {"DBClusterIdentifier": TARGET, "DBClusterSnapshotIdentifier": "of-the-target"},
    )
    with pytest.raises(TargetIsSource):
        run.check(
            FIRST,
            delete_cluster_if_exists=True,
            source_region=TARGET_REGION,
            source_snapshot_date=...,
            source_snapshot_identifier="of-the-target",
        )


def test_keeping_and_deleting_first_exclude_each_other(run: PipelineRun) -> None:
    run.put_target()
    with pytest.raises(KeepNeedsSwap):
        run.check(
            FIRST, delete_cluster_if_exists=True, replace_strategy="delete_first", keep_replaced_hours=1
        )


def test_a_difference_that_shows_only_on_the_new_cluster_stops_the_run_before_the_switch(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.APPLY_PARAMETER_GROUP, delete_cluster_if_exists=True)
    new = run.record(FIRST)["plan"]["cluster"]["db_cluster_identifier"]
    by_hand = {"DBClusterIdentifier": new, "CopyTagsToSnapshot": True}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, by_hand)
    with pytest.raises(DifferenceNotAccepted, match="copy_tags_to_snapshot"):
        run.run_phase(Phase.VERIFY_RESTORE, FIRST)
    assert resource_id(run) == old
    assert run.record(FIRST)["restore_details"]["differences"][0]["field"] == "copy_tags_to_snapshot"


def test_the_sweep_retires_a_kept_cluster_when_its_time_is_over(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    assert work_of("aurora-restore-sweep")(run.ports, {})["started"] == []
    run.clock.advance(2 * 3600)
    (line,) = work_of("aurora-restore-sweep")(run.ports, {})["started"]
    assert line.startswith(FIRST)
    run.clean_up(FIRST, "SUCCEEDED")
    record = run.record(FIRST)
    assert record["retirement"]["state"] == "RETIRED"
    final = run.ports.target_rds.find_cluster_snapshot(record["retirement"]["final_snapshot_identifier"])
    assert final is not None
    assert final.db_cluster_resource_id == old
    assert names(run) == {TARGET}
    assert run.ports.locks.owner(TARGET) is None


def test_a_kept_cluster_that_is_protected_stays_and_blocks_no_operation(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    retired = run.record(FIRST)["retirement"]["db_cluster_identifier"]
    run.aurora.at_once("StartDBCluster", TARGET_REGION, {"DBClusterIdentifier": retired})
    run.aurora.at_once(
        "ModifyDBCluster", TARGET_REGION, {"DBClusterIdentifier": retired, "DeletionProtection": True}
    )
    for _ in range(2):
        run.clock.advance(3 * 3600)
        run.clean_up(FIRST, "SUCCEEDED")
    assert resource_id(run, retired) == old
    assert run.record(FIRST)["retirement"]["state"] == "KEPT"
    assert "could not be retired" in run.record(FIRST)["warnings"][-1]
    assert [message.attributes["outcome"] for message in run.aws.published] == [
        "SUCCEEDED",
        "RETIREMENT_PUT_OFF",
    ]
    run.check(SECOND, delete_cluster_if_exists=True)


def test_the_sweep_removes_copies_whose_retention_is_over_and_nothing_else(run: PipelineRun) -> None:
    run.run(FIRST)
    (copy,) = run.ports.target_rds.list_cluster_snapshots()
    run.aurora.at_once(
        "CreateDBClusterSnapshot",
        TARGET_REGION,
        {"DBClusterIdentifier": TARGET, "DBClusterSnapshotIdentifier": "aurora-restore-of-another"},
    )
    run.clock.advance(8 * 86_400)
    assert work_of("aurora-restore-sweep")(run.ports, {})["deleted"] == [copy.db_cluster_snapshot_identifier]
    left = [item.db_cluster_snapshot_identifier for item in run.ports.target_rds.list_cluster_snapshots()]
    assert left == ["aurora-restore-of-another"]


def test_the_sweep_starts_the_cleanup_of_what_no_event_announced(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    run.clock.advance(600)
    assert work_of("aurora-restore-sweep")(run.ports, {})["started"] == []
    run.executions.end(run.arn(FIRST), "ABORTED")
    (line,) = work_of("aurora-restore-sweep")(run.ports, {})["started"]
    assert "ABORTED" in line
    assert run.executions.cleanups == [FIRST]


def test_a_record_marked_by_hand_is_swept_and_its_execution_stopped(run: PipelineRun) -> None:
    run.run(FIRST, until=Phase.COPY_SNAPSHOT)
    run.ports.records.update(
        FIRST, {"status": "FAILED", "error": {"code": "MANUAL_INTERVENTION", "message": "x"}}
    )
    run.clock.advance(600)
    (line,) = work_of("aurora-restore-sweep")(run.ports, {})["started"]
    assert "marked by hand" in line
    payload = {"operation_id": FIRST, "execution_arn": run.arn(FIRST)}
    work_of("aurora-restore-cleanup")(run.ports, payload)
    assert run.executions.ended[run.arn(FIRST)] == "ABORTED"
