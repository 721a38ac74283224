"""A schedule that is due starts one operation, however often it is delivered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.in_process_aws import shared_aws
from tests.support.worlds import PipelineRun

from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions
from aurora_restore.cli.operation_ids import read_operation_id
from aurora_restore.domain.errors import ScheduledNameTaken, ScheduleMalformed, TargetLocked
from aurora_restore.domain.schedules import SCHEDULED_TIME, due, schedule_input, schedule_name_problem
from aurora_restore.steps.functions import work_of

REQUEST = {"source_snapshot_date": "yesterday", "target_cluster_id": "aurora-restored-staging"}
WAITING = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}}}


def delivered(name: str = "nightly", time: str = "2026-11-22T01:30:00Z") -> dict[str, Any]:
    """What Scheduler hands over: it puts the time in."""
    event = json.loads(schedule_input(name, REQUEST).replace(SCHEDULED_TIME, time))
    assert isinstance(event, dict)
    return event


def start(run: PipelineRun, event: dict[str, Any]) -> str:
    return str(work_of("aurora-restore-start-scheduled")(run.ports, event)["operation_id"])


def test_the_operation_is_named_by_the_schedule_and_the_time_for_which_it_was_planned() -> None:
    run = PipelineRun()
    assert start(run, delivered()) == "nightly-20261122-013000"
    assert run.executions.started == {"nightly-20261122-013000": REQUEST}


def test_a_second_delivery_starts_nothing() -> None:
    run = PipelineRun()
    assert start(run, delivered()) == start(run, delivered())
    assert len(run.executions.started) == 1


def test_a_name_under_which_something_else_was_started_is_an_error_and_not_a_second_delivery() -> None:
    run = PipelineRun()
    other = {**REQUEST, "target_cluster_id": "aurora-restored-other"}
    run.executions.start_restore("nightly-20261122-013000", other)
    with pytest.raises(ScheduledNameTaken):
        start(run, delivered())


def test_one_that_meets_another_operation_on_its_target_is_refused_and_told() -> None:
    run = PipelineRun()
    run.check("restore-by-hand")
    with pytest.raises(TargetLocked):
        run.check(start(run, delivered()))
    run.fail("nightly-20261122-013000", "TargetLocked")
    record = run.record("nightly-20261122-013000")
    assert (record["status"], record["error"]["code"]) == ("FAILED", "TARGET_LOCKED")
    (message,) = run.aws.published
    assert "TARGET_LOCKED" in message.subject
    assert run.record("restore-by-hand")["status"] == "RUNNING"


def test_another_time_and_another_schedule_are_other_operations() -> None:
    names = {
        due(delivered(name, time)).operation_id
        for name in ("nightly", "weekly")
        for time in ("2026-11-22T01:30:00Z", "2026-11-23T01:30:00Z")
    }
    assert len(names) == 4


def test_the_longest_name_of_a_schedule_makes_a_name_that_step_functions_takes() -> None:
    name = "n" * 64
    assert schedule_name_problem(name) is None
    assert schedule_name_problem(name + "n") is not None
    assert read_operation_id(due(delivered(name)).operation_id)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {**delivered(), "schedule": "a/b"},
        {**delivered(), "scheduled_time": SCHEDULED_TIME},
        {**delivered(), "request": "all of it"},
    ],
)
def test_what_the_pipeline_did_not_write_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ScheduleMalformed):
        due(event)


def test_step_functions_is_asked_with_the_same_bytes_and_a_taken_name_is_no_error() -> None:
    aws = shared_aws()
    machine = aws.create_state_machine("aurora-restore-state-machine", WAITING)
    executions = AwsPipelineExecutions(aws.clients(), None, machine)
    assert executions.start_restore("nightly-20261122-013000", REQUEST) is None
    # AWS answers like the first time while it runs, ministack with a refusal; neither is an error.
    executions.start_restore("nightly-20261122-013000", dict(reversed(REQUEST.items())))
    states = aws.clients().stepfunctions()
    found = states.list_executions(stateMachineArn=machine)["executions"]
    assert [item["name"] for item in found] == ["nightly-20261122-013000"]
    states.stop_execution(executionArn=found[0]["executionArn"])
    another = {**REQUEST, "target_cluster_id": "aurora-restored-other"}
    for request in (REQUEST, another):
        assert executions.start_restore("nightly-20261122-013000", request) == REQUEST
