"""SetupDbUsers of a cluster with many databases: several calls, each of which says how far it has come."""

from __future__ import annotations

import pytest
from tests.support.worlds import PipelineRun

from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.waiting import FLOOR_SECONDS

NAME = "restore-20261122-120000"
# The rights in four databases, and then the checks.
PERCENTS = (12, 25, 37, 50, 62, 75, 87)


@pytest.fixture
def run() -> PipelineRun:
    made = PipelineRun()
    made.run(NAME, until=Phase.RESTORE_CLUSTER)
    made.server.databases, made.server.databases_a_call = ("a", "b", "c", "d"), 1
    return made


def test_each_call_goes_on_where_the_record_says_and_begins_at_once(run: PipelineRun) -> None:
    reported = []
    for _ in range(7):
        answer = run.phase(Phase.SETUP_DB_USERS, NAME)
        reported.append((answer.status, answer.wait_seconds, answer.progress_percent))
        run.clock.advance(60)
    setup = run.record(NAME)["restore_details"]["user_setup"]
    assert reported == [(StepStatus.IN_PROGRESS, FLOOR_SECONDS, percent) for percent in PERCENTS]
    assert (setup["checking"], setup["done"], setup["total"]) == (True, 3, 4)
    assert run.phase(Phase.SETUP_DB_USERS, NAME).status is StepStatus.DONE


def test_the_end_of_it_leaves_its_report_in_the_record_and_no_progress(run: PipelineRun) -> None:
    run.run_phase(Phase.SETUP_DB_USERS, NAME)
    restored = run.record(NAME)["restore_details"]
    assert run.server.set_ups == 8
    assert restored["user_setup"] is None
    assert restored["other_logins"] == ["shop_app"]
