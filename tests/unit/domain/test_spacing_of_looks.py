"""Estimates space the looks; whatever they say, they hurt little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.waiting import ADDED_SECONDS_MOST, TRANSITIONS_MOST, draw_costs

from aurora_restore.domain.record import ReportedPercent, WaitState
from aurora_restore.domain.waiting import (
    CAP_SECONDS,
    FAR_SHARE,
    FLOOR_SECONDS,
    Expectation,
    next_wait_seconds,
    wait_state,
)

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WEEK = 7 * 86_400.0
Percent = Callable[[float], int | None]


def looks(seconds: float, percent: Percent, before: Expectation | None = None) -> list[float]:
    """When it is looked, from the first time on to the one that finds the end."""
    elapsed, state, times = 0.0, None, []
    while elapsed < seconds:
        state = wait_state(state, START + timedelta(seconds=elapsed), percent(elapsed), before)
        elapsed += state.wait_seconds or 0
        times.append(elapsed)
    return times


@pytest.mark.parametrize("experienced", [False, True])
def test_drawn_restores_get_little_added_with_few_transitions(experienced: bool) -> None:
    cost = draw_costs(experienced=experienced)
    assert cost.added_seconds <= ADDED_SECONDS_MOST
    assert cost.transitions <= TRANSITIONS_MOST


@given(st.floats(0, WEEK), st.floats(0, 10 * WEEK))
def test_no_estimate_puts_a_look_off_for_long(elapsed: float, remaining: float) -> None:
    wait = next_wait_seconds(elapsed, remaining)
    blind = next_wait_seconds(elapsed)
    assert FLOOR_SECONDS <= wait <= max(blind, min(CAP_SECONDS, FAR_SHARE * elapsed))


@given(st.floats(60, 20_000), st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_a_percentage_that_says_anything_adds_a_share_at_most(
    seconds: float, reported: Sequence[int]
) -> None:
    times = looks(seconds, lambda elapsed: reported[int(elapsed) % len(reported)])
    assert times[-1] - seconds <= max(22, FAR_SHARE * seconds)


@given(st.floats(600, 20_000), st.integers(5, 90))
def test_one_that_stops_is_soon_no_longer_believed(seconds: float, percent: int) -> None:
    reported = ReportedPercent(first_percent=0, first_seconds=0.0, percent=percent, seconds=seconds)
    state = WaitState(since=START, looks=3, reported=reported)
    later = seconds + 3 * seconds / percent + 61
    wait = wait_state(state, START + timedelta(seconds=later), percent, None).wait_seconds
    assert wait == next_wait_seconds(later)


@given(st.floats(600, 20_000), st.integers(10, 90))
def test_one_that_jumps_back_is_not_a_reason_to_wait_longer(seconds: float, back: int) -> None:
    def percent(elapsed: float) -> int:
        true = int(100 * elapsed / seconds)
        return max(0, true - back) if int(elapsed) % 3 == 0 else true

    assert looks(seconds, percent)[-1] - seconds <= max(22, 0.1 * seconds)


@given(st.floats(600, 20_000), st.floats(0.1, 0.9))
def test_one_that_comes_late_adds_little(seconds: float, late: float) -> None:
    def percent(elapsed: float) -> int | None:
        begins = late * seconds
        return int(100 * (elapsed - begins) / (seconds - begins)) if elapsed > begins else None

    assert looks(seconds, percent)[-1] - seconds <= max(22, 0.1 * seconds)


def test_a_record_from_before_is_still_read() -> None:
    before = {"since": "2026-11-22T12:00:00.000Z", "looks": 3, "wait_seconds": 10}
    assert wait_state(WaitState.read(before), START + timedelta(seconds=600), 50, None).looks == 4
