"""Records that came out of a backup: nothing that exists now is judged by them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.worlds import PipelineRun

from aurora_restore.domain.results import Phase
from aurora_restore.steps.cleanup import cleanup
from aurora_restore.steps.sweep import sweep

RAN = "restore-20261122-120000"
ELSEWHERE = f"arn:aws:states:eu-west-1:123456789012:execution:aurora-restore-state-machine:{RAN}"


@pytest.fixture
def run() -> PipelineRun:
    """A restore whose cluster exists, with tags that name it."""
    run = PipelineRun()
    run.run(RAN, until=Phase.RESTORE_CLUSTER)
    run.executions.end(run.arn(RAN), "FAILED")
    run.clock.advance(timedelta(hours=2).total_seconds())
    return run


ORIGINS: dict[str, dict[str, object]] = {
    "another Region": {"execution_arn": ELSEWHERE},
    "a backup in which it ran": {"left_behind_time": "2026-11-22T13:00:00.000Z"},
}


@pytest.fixture(params=list(ORIGINS))
def origin(request: pytest.FixtureRequest) -> dict[str, object]:
    return ORIGINS[request.param]


def came_out_of_a_backup(run: PipelineRun, origin: dict[str, object], **fields: object) -> None:
    assert run.ports.records.update(RAN, {**origin, **fields})


def clusters(run: PipelineRun) -> set[str]:
    return {each.db_cluster_identifier for each in run.ports.target_rds.list_clusters()}


def test_an_operation_of_this_region_that_stands_still_is_cleaned_up(run: PipelineRun) -> None:
    assert [each.split(":")[0] for each in sweep(run.ports)["started"]] == [RAN]


@pytest.mark.parametrize("status", ["RUNNING", "CLEANING_UP", "FAILED"])
def test_one_out_of_a_backup_is_not_whatever_its_record_says(
    run: PipelineRun, origin: dict[str, object], status: str
) -> None:
    came_out_of_a_backup(run, origin, status=status)
    assert sweep(run.ports)["started"] == []


def test_a_cluster_with_its_tags_is_no_leftover_of_it(run: PipelineRun, origin: dict[str, object]) -> None:
    ended = "2026-11-22T13:00:00.000Z"
    came_out_of_a_backup(run, origin, status="FAILED", end_time=ended, settled_time=ended)
    before = clusters(run)
    assert before
    assert sweep(run.ports)["started"] == []
    assert clusters(run) == before


@pytest.mark.parametrize("ran_here", [True, False])
def test_a_copy_with_its_tags_is_kept_after_its_retention(origin: dict[str, object], ran_here: bool) -> None:
    run = PipelineRun()
    copy = run.run(RAN)["snapshot_details"]["restored_from"]
    if not ran_here:
        came_out_of_a_backup(run, origin)
    run.clock.advance(timedelta(days=400).total_seconds())
    assert (copy in sweep(run.ports)["deleted"]) == ran_here
    assert (run.ports.target_rds.find_cluster_snapshot(copy) is None) == ran_here


def test_its_cleanup_touches_nothing_when_it_is_started_by_hand(
    run: PipelineRun, origin: dict[str, object]
) -> None:
    came_out_of_a_backup(run, origin)
    before, calls = clusters(run), run.count("DeleteDBCluster")
    assert cleanup(run.ports, RAN, run.record(RAN)["execution_arn"]).status == "DONE"
    assert (clusters(run), run.count("DeleteDBCluster")) == (before, calls)
    assert run.record(RAN)["status"] == "RUNNING"
