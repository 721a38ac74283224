"""`schedule`: from options to a schedule, and what people read of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.support.screen_text import text_of
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli.app import run
from aurora_restore.cli.commands import schedule as command
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.views.schedules import render_schedules, schedule_item
from aurora_restore.domain.schedules import Schedule

TARGET = ["--target-cluster", "aurora-restored-staging", "--region", "us-west-2"]


@dataclass
class FakeSchedules:
    made: dict[str, Schedule] = field(default_factory=dict)

    def create(self, schedule: Schedule) -> None:
        self.made[schedule.name] = schedule

    def list(self) -> Sequence[Schedule]:
        return list(self.made.values())

    def set_enabled(self, name: str, *, is_enabled: bool) -> bool:
        if name not in self.made:
            return False
        self.made[name] = replace(self.made[name], is_enabled=is_enabled)
        return True

    def delete(self, name: str) -> bool:
        return self.made.pop(name, None) is not None


@pytest.fixture
def schedules(monkeypatch: pytest.MonkeyPatch) -> FakeSchedules:
    made = FakeSchedules()
    monkeypatch.setattr(command, "connect_schedules", lambda _region: made)
    return made


def test_a_daily_time_becomes_an_expression_in_its_time_zone(schedules: FakeSchedules) -> None:
    arguments = ["schedule", "create", "refresh", "--daily", "01:30", "--timezone", "Europe/Berlin", *TARGET]
    assert run([*arguments, "--source-date", "yesterday", "--replace"]) == ExitCode.OK
    assert schedules.made["refresh"] == Schedule(
        "refresh",
        "cron(30 1 * * ? *)",
        "Europe/Berlin",
        is_enabled=True,
        request={
            "source_snapshot_date": "yesterday",
            "target_cluster_id": "aurora-restored-staging",
            "delete_cluster_if_exists": True,
        },
    )


def test_an_objective_makes_it_a_rehearsal_which_needs_no_target(schedules: FakeSchedules) -> None:
    arguments = ["schedule", "create", "drill", "--expression", "cron(0 3 1 * ? *)", "--rto-minutes", "240"]
    assert run([*arguments, "--region", "us-west-2"]) == ExitCode.OK
    assert schedules.made["drill"].request == {
        "source_snapshot_date": "latest",
        "rehearsal": {"rto_minutes": 240},
    }


def test_it_is_paused_resumed_listed_and_deleted(
    schedules: FakeSchedules, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["schedule", "create", "refresh", "--daily", "1:30", "--paused", *TARGET])
    assert not schedules.made["refresh"].is_enabled
    assert run(["schedule", "resume", "refresh", "--region", "us-west-2"]) == ExitCode.OK
    assert schedules.made["refresh"].is_enabled
    assert run(["schedule", "pause", "refresh", "--region", "us-west-2"]) == ExitCode.OK
    capsys.readouterr()
    assert run(["schedule", "list", "--region", "us-west-2", "--json"]) == ExitCode.OK
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["state"]) == ("refresh", "paused")
    assert run(["schedule", "delete", "refresh", "--region", "us-west-2"]) == ExitCode.OK
    assert schedules.made == {}


@pytest.mark.parametrize("what", ["pause", "resume", "delete"])
def test_one_that_is_not_there_is_not_found(
    schedules: FakeSchedules, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schedules.made == {}
    assert run(["schedule", what, "refresh", "--region", "us-west-2"]) == ExitCode.NOT_FOUND
    assert "SCHEDULE_NOT_FOUND" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "a/b", "--daily", "01:30", *TARGET],
        ["create", "refresh", "--daily", "25:00", *TARGET],
        ["create", "refresh", *TARGET],
        ["create", "refresh", "--daily", "01:30", "--expression", "rate(1 day)", *TARGET],
        ["create", "refresh", "--daily", "01:30"],
        ["create", "nightly", "--daily", "01:30", *TARGET],
        ["delete", "nightly"],
    ],
)
def test_what_cannot_be_read_is_a_usage_error(schedules: FakeSchedules, arguments: list[str]) -> None:
    assert run(["schedule", *arguments]) == ExitCode.USAGE
    assert schedules.made == {}


@pytest.mark.parametrize(
    "request_of_it",
    [None, {"target_cluster_id": "x"}, {"rehearsal": {}, "source_snapshot_date": "random"}],
)
def test_the_list_fits_a_narrow_terminal_whatever_is_in_it(request_of_it: dict[str, Any] | None) -> None:
    found = Schedule("refresh-of-staging", "cron(30 1 ? * MON-FRI *)", "Europe/Berlin", request=request_of_it)
    assert all(len(line) <= 80 for line in text_of(render_schedules([found], NOW), 80).splitlines())


@pytest.mark.parametrize(
    ("expression", "timezone", "words"),
    [
        # It is 11:42 UTC of Sunday, 2026-11-22.
        ("cron(30 12 * * ? *)", "UTC", "next  12:30 UTC (in 48 min)"),
        ("cron(30 1 * * ? *)", "Europe/Berlin", "next  2026-11-23 00:30 UTC (in 12 h 48 min)"),
        ("cron(0 3 1 * ? *)", "UTC", "next  2026-12-01 03:00 UTC (in 9 days)"),
        ("at(2026-12-24T01:30:00)", "UTC", "next  2026-12-24 01:30 UTC (in 32 days)"),
    ],
)
def test_the_list_says_when_each_begins_next(expression: str, timezone: str, words: str) -> None:
    found = Schedule("refresh", expression, timezone, request={"target_cluster_id": "x"})
    assert f"  {words}" in [
        line.rstrip() for line in text_of(render_schedules([found], NOW), 80).splitlines()
    ]


def test_a_next_time_that_is_not_known_is_not_shown() -> None:
    daily = Schedule("refresh", "cron(30 12 * * ? *)")
    assert schedule_item(daily, NOW)["next_time"] == "2026-11-22T12:30:00.000Z"
    for other in (
        replace(daily, is_enabled=False),
        replace(daily, expression="rate(1 day)"),
        replace(daily, expression="at(2026-11-21T01:30:00)"),
        replace(daily, expression="not an expression"),
        replace(daily, timezone="Nowhere/Land"),
    ):
        assert schedule_item(other, NOW)["next_time"] is None
        assert "next" not in text_of(render_schedules([other], NOW))
