"""The fence in whole runs: before every final snapshot, and lifted from whatever is put back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import PipelineRun

from aurora_restore.domain.results import Phase, StepStatus
from local_aurora.faults import Effect, FaultRule

FIRST, UNDO = "restore-20261122-120000", "undo-20261122-140000"
TARGET, PORT = "aurora-restored-cluster", 5432
DELETE_FIRST = {"delete_cluster_if_exists": True, "replace_strategy": "delete_first"}


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def go_on_until_fenced(run: PipelineRun, phase: Phase, name: str) -> None:
    for _ in range(50):
        result = run.phase(phase, FIRST)
        assert result.status is StepStatus.IN_PROGRESS
        run.clock.advance(result.wait_seconds)
        if run.cluster(name).port != PORT:
            return
    raise AssertionError("it was never fenced")


def order(run: PipelineRun) -> list[str]:
    return [event for event in run.events(FIRST) if event.startswith("replaced.")]


@pytest.mark.parametrize("fields", [{"delete_cluster_if_exists": True}, DELETE_FIRST])
def test_the_old_cluster_is_fenced_before_its_final_snapshot(
    run: PipelineRun, fields: dict[str, Any]
) -> None:
    run.put_target()

    run.run(FIRST, **fields)

    events = order(run)
    assert events.index("replaced.fence") < events.index("replaced.take_final_snapshot")
    assert events.count("replaced.fence") == 1
    assert run.cluster().port == PORT


def test_without_a_final_snapshot_there_is_nothing_to_fence_for(run: PipelineRun) -> None:
    run.put_target()

    run.run(FIRST, delete_cluster_if_exists=True, final_snapshot=False)

    assert "replaced.fence" not in order(run)


@pytest.mark.parametrize(
    ("phase", "fields"),
    [(Phase.RETIRE_REPLACED, {"delete_cluster_if_exists": True}), (Phase.CLEAR_TARGET, DELETE_FIRST)],
)
def test_an_old_cluster_that_is_put_back_has_its_port_again(
    run: PipelineRun, phase: Phase, fields: dict[str, Any]
) -> None:
    old = run.put_target()
    before = list(Phase)[list(Phase).index(phase) - 1]
    run.run(FIRST, until=before, **fields)
    places = [item for item in run.ports.target_rds.list_clusters() if item.db_cluster_resource_id == old]
    go_on_until_fenced(run, phase, places[0].db_cluster_identifier)

    run.fail(FIRST, "FinalSnapshotFailed")
    run.clean_up(FIRST)

    existing = run.cluster()
    assert (existing.db_cluster_resource_id, existing.port, existing.status) == (old, PORT, "available")
    assert all(item.port == PORT for item in run.ports.target_rds.list_cluster_instances(TARGET))


def test_an_undo_of_a_kept_cluster_that_could_not_be_retired_lifts_its_fence(run: PipelineRun) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=1)
    retired = run.record(FIRST)["retirement"]["db_cluster_identifier"]
    full = FaultRule(
        "full",
        Effect.ERROR,
        "CreateDBClusterSnapshot",
        times=0,
        code="SnapshotQuotaExceeded",
        message="no room",
    )
    run.aurora.faults.add(full)
    run.clock.advance(3700)
    run.clean_up(FIRST)
    assert run.cluster(retired).port != PORT

    run.start(UNDO, {"undo_operation_id": FIRST})
    for phase in list(Phase)[1 : list(Phase).index(Phase.SWITCH_OVER) + 1]:
        run.run_phase(phase, UNDO)

    existing = run.cluster()
    assert (existing.db_cluster_resource_id, existing.port) == (old, PORT)
