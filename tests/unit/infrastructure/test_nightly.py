"""The one schedule that the stack's own parameters make."""

from __future__ import annotations

import json

from tests.support.template_policies import Template

from aurora_restore.domain.schedules import OF_THE_STACK, SCHEDULED_TIME, due, schedule_input

REQUEST = '{"source_snapshot_date": "yesterday", "target_cluster_id": "aurora-restored-staging"}'
NIGHTLY = {
    "NightlyScheduleExpression": "cron(30 1 * * ? *)",
    "NightlyTimezone": "Europe/Berlin",
    "NightlyRequest": REQUEST,
}


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert Template().resources("AWS::Scheduler::Schedule") == {}


def test_it_starts_the_request_at_its_time_in_its_time_zone() -> None:
    (schedule,) = Template(NIGHTLY).resources("AWS::Scheduler::Schedule").values()
    assert schedule["Name"] == OF_THE_STACK
    assert schedule["ScheduleExpression"] == NIGHTLY["NightlyScheduleExpression"]
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_its_input_is_what_the_command_line_writes_for_a_schedule() -> None:
    (schedule,) = Template(NIGHTLY).resources("AWS::Scheduler::Schedule").values()
    given = schedule["Target"]["Input"]
    assert json.loads(given) == json.loads(schedule_input(OF_THE_STACK, json.loads(REQUEST)))
    event = json.loads(given.replace(SCHEDULED_TIME, "2026-11-22T00:30:00Z"))
    assert due(event).operation_id == "nightly-20261122-003000"
