"""SetupDbUsers of a cluster with many databases: several calls, each of which says how far it has come."""

from __future__ import annotations

import pytest
from tests.support.worlds import PipelineRun

from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.waiting import FLOOR_SECONDS

NAME = "restore-20261122-120000"


@pytest.fixture
def run() -> PipelineRun:
    made = PipelineRun()
    made.run(NAME, until=Phase.RESTORE_CLUSTER)
    made.databases.pieces = 4
    return made


def test_each_call_goes_on_where_the_record_says_and_begins_at_once(run: PipelineRun) -> None:
    reported = []
    for _ in range(3):
        answer = run.phase(Phase.SETUP_DB_USERS, NAME)
        reported.append((answer.status, answer.wait_seconds, answer.progress_percent))
        run.clock.advance(60)
    setup = run.record(NAME)["restore_details"]["user_setup"]
    assert reported == [(StepStatus.IN_PROGRESS, FLOOR_SECONDS, percent) for percent in (12, 25, 37)]
    assert (setup["done"], setup["total"]) == (3, 4)
    assert run.phase(Phase.SETUP_DB_USERS, NAME).status is StepStatus.DONE


def test_the_end_of_it_leaves_its_report_in_the_record_and_no_progress(run: PipelineRun) -> None:
    run.run_phase(Phase.SETUP_DB_USERS, NAME)
    restored = run.record(NAME)["restore_details"]
    assert len(run.databases.calls) == 4
    assert restored["user_setup"] is None
    assert restored["other_logins"] == ["shop_app"]
