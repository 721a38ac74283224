"""Alarms, the sweep, the rules and the schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aurora_restore.domain.checks.finding import Health
from aurora_restore.domain.checks.watching import (
    AlarmSeen,
    RuleSeen,
    RunsSeen,
    ScheduleSeen,
    check_abnormal_end,
    check_alarms,
    check_schedules,
    check_sweep,
)

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
PREFIX, SWEEP, REGION = "aurora-restore-", "aurora-restore-sweep", "us-west-2"
ENABLED, DISABLED = RuleSeen(SWEEP, True, 1), RuleSeen(SWEEP, False, 1)


def test_alarms_are_green_where_none_is_in_alarm_and_all_send_messages() -> None:
    alarms = [AlarmSeen("a", "OK", True), AlarmSeen("b", "INSUFFICIENT_DATA", True)]
    assert check_alarms(PREFIX, alarms, REGION).health is Health.GREEN


def test_an_alarm_says_what_its_description_says() -> None:
    found = check_alarms(PREFIX, [AlarmSeen("a", "ALARM", True, "A restore failed.")], REGION)
    assert found.health is Health.RED
    assert found.means == "A restore failed."
    assert "--alarm-name a " in found.repairs[0]


def test_alarms_that_send_nothing_are_red() -> None:
    found = check_alarms(PREFIX, [AlarmSeen("a", "OK", False), AlarmSeen("b", "OK", False)], REGION)
    assert found.health is Health.RED
    assert found.repairs[0].endswith("--alarm-names a b")


def test_no_alarm_at_all_is_red() -> None:
    assert check_alarms(PREFIX, [], REGION).health is Health.RED


@pytest.mark.parametrize(
    ("rule", "runs", "deployed", "health"),
    [
        (ENABLED, RunsSeen(4, 0), LONG_AGO, Health.GREEN),
        (ENABLED, RunsSeen(4, 1), LONG_AGO, Health.GREEN),
        (ENABLED, RunsSeen(4, 4), LONG_AGO, Health.RED),
        (ENABLED, RunsSeen(0, 0), LONG_AGO, Health.RED),
        (ENABLED, RunsSeen(0, 0), None, Health.RED),
        # A rule that was just made has not had its turn.
        (ENABLED, RunsSeen(0, 0), NOW - timedelta(minutes=3), Health.GREEN),
        (DISABLED, None, NOW - timedelta(minutes=3), Health.RED),
        (RuleSeen(SWEEP, True, 0), RunsSeen(4, 0), LONG_AGO, Health.RED),
        (None, None, LONG_AGO, Health.RED),
    ],
)
def test_a_sweep_is_green_where_its_rule_is_enabled_and_it_has_run(
    rule: RuleSeen | None, runs: RunsSeen | None, deployed: datetime | None, health: Health
) -> None:
    assert check_sweep(SWEEP, rule, runs, deployed, NOW, REGION).health is health


def test_a_disabled_rule_is_enabled_by_one_command() -> None:
    found = check_sweep(SWEEP, DISABLED, None, LONG_AGO, NOW, REGION)
    assert found.repairs == ("aws events enable-rule --region us-west-2 --name aurora-restore-sweep",)


@pytest.mark.parametrize(
    ("rule", "health"), [(ENABLED, Health.GREEN), (DISABLED, Health.RED), (None, Health.RED)]
)
def test_the_rule_for_abnormal_ends_has_to_be_enabled(rule: RuleSeen | None, health: Health) -> None:
    assert check_abnormal_end("aurora-restore-abnormal-end", rule, REGION).health is health


def test_a_paused_schedule_is_red_and_is_resumed_by_its_own_name() -> None:
    schedules = [
        ScheduleSeen("nightly", "DISABLED"),
        ScheduleSeen("weekly", "ENABLED"),
    ]
    found = check_schedules(schedules, REGION)
    assert found.health is Health.RED
    assert found.repairs == ("aurora-restore schedule resume nightly --region us-west-2",)
    assert check_schedules(schedules[1:], REGION).health is Health.GREEN
    assert check_schedules([], REGION).health is Health.GREEN
