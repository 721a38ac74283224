"""The local Scheduler: when a schedule is due, and how it is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_stack.schedule_clock import Key, ScheduleClock
from local_stack.schedule_expressions import delay_seconds, parse_expression

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
KEY = ("123456789012", "us-west-2", "aurora-restore/nightly")
ARN = "arn:aws:scheduler:us-west-2:123456789012:schedule/aurora-restore/nightly"


def due(expression: str, timezone: str = "UTC", days: int = 31, begin: datetime = BEGIN) -> list[str]:
    parsed = parse_expression(expression, timezone)
    until = begin + timedelta(days=days)
    return [f"{time:%m-%d %H:%M}" for time in parsed.due(begin - timedelta(seconds=1), until, begin)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(30 1 1 * ? *)", ["03-01 01:30"]),
        ("cron(0/30 1 2 3 ? 2026)", ["03-02 01:00", "03-02 01:30"]),
        ("cron(0 12 ? * SUN *)", ["03-01 12:00", "03-08 12:00", "03-15 12:00", "03-22 12:00", "03-29 12:00"]),
        ("cron(0 12 ? MAR 2-3 *)", [f"03-{day:02d} 12:00" for day in (2, 3, 9, 10, 16, 17, 23, 24, 30, 31)]),
        ("cron(0 12 L * ? *)", ["03-31 12:00"]),
        ("cron(0 12 ? * 6L *)", ["03-27 12:00"]),
        ("cron(0 12 ? * 3#2 *)", ["03-10 12:00"]),
        ("cron(0 12 14W * ? *)", ["03-13 12:00"]),
        ("cron(0 12 1W * ? *)", ["03-02 12:00"]),
        ("at(2026-03-05T07:08:09)", ["03-05 07:08"]),
        ("at(2025-03-05T07:08:09)", []),
        ("rate(10 days)", ["03-01 00:00", "03-11 00:00", "03-21 00:00", "03-31 00:00"]),
    ],
)
def test_an_expression_is_due_when_the_guide_says(expression: str, expected: list[str]) -> None:
    found = due(expression)
    assert [time for time in found if time < "04-01 12:00"] == expected


def test_a_time_zone_moves_the_time_with_daylight_saving() -> None:
    found = due("cron(30 1 * * ? *)", "Europe/Berlin")
    assert found[0] == "03-01 00:30"
    assert found[-1] == "03-31 23:30"


def test_a_time_that_daylight_saving_leaves_out_is_skipped() -> None:
    # On 29 March 2026 there is no half past two in Berlin.
    found = due("cron(30 2 * * ? *)", "Europe/Berlin", begin=datetime(2026, 3, 28, tzinfo=UTC), days=3)
    assert found == ["03-28 01:30", "03-30 00:30"]


def test_a_time_that_comes_twice_counts_once() -> None:
    # On 25 October 2026 there are two of them.
    found = due("cron(30 2 * * ? *)", "Europe/Berlin", begin=datetime(2026, 10, 25, tzinfo=UTC), days=1)
    assert found == ["10-25 00:30"]


@pytest.mark.parametrize(
    ("expression", "timezone"),
    [
        ("cron(30 1 * * * *)", "UTC"),
        ("cron(30 1 ? * ? *)", "UTC"),
        ("cron(30 1 * * ?)", "UTC"),
        ("cron(60 1 * * ? *)", "UTC"),
        ("cron(0/0 1 * * ? *)", "UTC"),
        ("rate(0 days)", "UTC"),
        ("rate(1 week)", "UTC"),
        ("at(2026-03-05 07:08)", "UTC"),
        ("30 1 * * *", "UTC"),
        ("rate(1 day)", "Europe/Nowhere"),
    ],
)
def test_what_aws_does_not_take_is_refused(expression: str, timezone: str) -> None:
    with pytest.raises(ValueError, match="Invalid"):
        parse_expression(expression, timezone)


class Target:
    """Notes what it is called with; refuses the first calls where it is told to."""

    def __init__(self, refuses: int = 0) -> None:
        self.given: list[str] = []
        self.refused = 0
        self.refuses = refuses

    def __call__(self, key: Key, schedule: Mapping[str, Any], given: str) -> None:
        assert key == KEY
        assert schedule["Arn"] == ARN
        if self.refused < self.refuses:
            self.refused += 1
            raise LookupError("there is no function")
        self.given.append(given)


def schedule(**changes: Any) -> dict[str, Any]:
    target = {
        "Arn": "arn:aws:lambda:…",
        "Input": '"<aws.scheduler.scheduled-time> <aws.scheduler.attempt-number>"',
    }
    return {
        "Arn": ARN,
        "ScheduleExpression": "cron(30 1 * * ? *)",
        "State": "ENABLED",
        "CreationDate": BEGIN.timestamp(),
        "Target": {**target, **changes.pop("Target", {})},
        **changes,
    }


def run(target: Target, hours: float, **changes: Any) -> list[str]:
    clock, found = ScheduleClock(target, BEGIN - timedelta(seconds=1)), schedule(**changes)
    for second in range(0, int(hours * 3600), 5):
        clock.tick([(KEY, found)], BEGIN + timedelta(seconds=second))
    return target.given


def test_what_is_due_is_delivered_within_its_minute_and_more_than_once() -> None:
    planned = BEGIN + timedelta(hours=1.5)
    assert 0 <= delay_seconds(ARN, planned) < 60
    assert run(Target(), 1.49) == []
    assert run(Target(), 1.6) == ['"2026-03-01T01:30:00Z 1"', '"2026-03-01T01:30:00Z 1"']


def test_a_delivery_that_fails_is_made_again_with_the_same_planned_time() -> None:
    given = run(Target(refuses=3), 2)
    assert len(given) == 2
    assert {text[1:21] for text in given} == {"2026-03-01T01:30:00Z"}
    assert any(not text.endswith(' 1"') for text in given)


@pytest.mark.parametrize("policy", [{"MaximumRetryAttempts": 0}, {"MaximumEventAgeInSeconds": 60}])
def test_it_is_given_up_where_its_policy_says(policy: dict[str, int]) -> None:
    assert run(Target(refuses=100), 3, Target={"RetryPolicy": policy}) == []


def test_a_paused_schedule_is_not_delivered_and_does_not_make_up_for_it() -> None:
    target = Target()
    clock = ScheduleClock(target, BEGIN)
    for hours in (0.0, 1.0, 2.0):
        clock.tick([(KEY, schedule(State="DISABLED"))], BEGIN + timedelta(hours=hours))
    for hours in (2.1, 3.0):
        clock.tick([(KEY, schedule())], BEGIN + timedelta(hours=hours))
    assert target.given == []


def test_a_rate_begins_at_once() -> None:
    given = run(Target(), 0.1, ScheduleExpression="rate(1 day)")
    assert len(given) == 2
