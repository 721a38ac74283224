"""Whole runs on an Aurora that is late and contradicts itself: each of its ways alone, and all of them at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from tests.simulation.checkers import check
from tests.simulation.enumeration import RecordProperty
from tests.simulation.scenarios import (
    BY_NAME,
    CANCELLED,
    OPERATION,
    PLAIN,
    SILENT_RENAME,
    Play,
    Scenario,
    begin,
)
from tests.simulation.summary import CASES
from tests.states_language.scheduler import seeded_random
from tests.support.shares import todays_share

from local_aurora.timing import Durations

QUICK = Durations()
REALISTIC = Durations(
    copy=1800, restore=900, create=300, instance=480, password_change=40, modify=30, rename=60, delete=300,
    stop=300, start=300, snapshot=300,
)  # fmt: skip
WAYS = {
    "status_lag": (0, 5, 20, 30, 400, 700, 890),
    "name_release": (0, 10, 60, 600),
    "busy_after_creation": (0, 6, 10, 300, 890),
    "describe_lag": (0, 2, 10, 25),
    "first_instance_lag": (0, 600),
    "dns_lag": (0, 60, 1200),
    "reboot": (0, 120),
}
"""How late RDS is, in seconds; public reports speak of up to five minutes for a rename."""
KINDS = [scenario.name for scenario in PLAIN]
DRAWN_RUNS = 100
DAYS = 5
"""After how many days every run was tried."""


def played(scenario: Scenario, durations: Durations, prepare: Callable[[Play], None] | None = None) -> Play:
    play = begin(replace(scenario, durations=durations))
    if prepare:
        prepare(play)
    play.go_on()
    return play


def expect_success(play: Play) -> None:
    assert check(play.sim) == []
    assert play.sim.records.items[OPERATION]["status"] == "SUCCEEDED"


@pytest.mark.parametrize("pace", [QUICK, REALISTIC], ids=["quick", "realistic"])
@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_run_succeeds_however_late_rds_is(
    way: str, pace: Durations, record_property: RecordProperty
) -> None:
    cases = list(todays_share(product(WAYS[way], KINDS), DAYS))
    for seconds, kind in cases:
        expect_success(played(BY_NAME[kind], replace(pace, **{way: seconds})))
    record_property(CASES, ("contrary Aurora, one way at a time", len(cases)))


@pytest.mark.parametrize("lag_seconds", [5, 30, 700])
def test_a_repeated_rename_that_rds_accepts_is_one_rename(lag_seconds: float) -> None:
    def accept_repeated(play: Play) -> None:
        play.sim.aurora.set_habits({"accepts_repeated_rename": True})

    for kind in ("swap", "undo"):
        durations = replace(QUICK, status_lag=lag_seconds, describe_lag=3)
        expect_success(played(BY_NAME[kind], durations, accept_repeated))


@pytest.mark.parametrize("lag_seconds", [5, 60, 890])
def test_a_rename_that_nothing_tells_of_is_waited_for(lag_seconds: float) -> None:
    def hide(play: Play) -> None:
        play.sim.aurora.set_habits({"pending_rename_shows": False})

    for kind in ("swap", "undo"):
        expect_success(played(BY_NAME[kind], replace(QUICK, status_lag=lag_seconds), hide))
    for scenario in (SILENT_RENAME, BY_NAME["stop-undo-SwitchOver"]):
        assert check(played(scenario, replace(scenario.durations, status_lag=lag_seconds), hide).sim) == []


def test_a_pending_value_that_never_goes_becomes_a_warning() -> None:
    def stay(play: Play) -> None:
        play.sim.aurora.set_habits({"iam_authentication_stays_pending": True})

    play = played(BY_NAME["swap"], QUICK, stay)
    expect_success(play)
    warnings = play.sim.records.items[OPERATION]["warnings"]
    assert any("iam_authentication" in warning for warning in warnings)


def test_the_writer_is_the_first_instance_however_slow_it_is() -> None:
    play = played(BY_NAME["swap"], replace(QUICK, instance=60, first_instance_lag=600))
    expect_success(play)
    region = play.sim.aurora.world.regions["us-west-2"]
    members = region.members(region.clusters["aurora-restored-cluster"])
    assert [member.identifier.rpartition("-")[2] for member in members if member.is_writer] == ["1"]


def drawn(random: Random) -> Durations:
    contrary = {way: random.uniform(0, max(most)) for way, most in WAYS.items()}
    return replace(random.choice((QUICK, REALISTIC)), **contrary)


def test_runs_that_end_well_or_are_stopped_hold_every_promise_on_a_contrary_rds(
    record_property: RecordProperty,
) -> None:
    random = seeded_random("contrary")
    runs = [(random.choice((*PLAIN, *CANCELLED)), drawn(random)) for _ in range(DRAWN_RUNS)]
    todays, wrong = list(todays_share(runs, DAYS)), []
    for scenario, durations in todays:
        violations = check(played(scenario, durations).sim)
        wrong += [f"{violation}\n    {scenario.name} with {durations}" for violation in violations]
    record_property(CASES, ("contrary Aurora, all ways at random", len(todays)))
    assert not wrong, "\n".join(wrong[:5])
