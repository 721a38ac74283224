"""How long to wait before looking again, and when it should be over: pure functions of what is known by now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.times import format_time, parse_time

FLOOR_SECONDS = 2
CAP_SECONDS = 3600
# What is short is looked at often, at most this far apart; then a small share of the time spent is waited. A look costs
# nine history events, so that a week of waiting stays far below the 25,000 of an execution.
SHORT_SECONDS = 480
SHORT_CAP_SECONDS = 10
SHORT_SHARE = 0.25
LONG_SHARE = 0.0215
# Below this, a percentage says little.
TELLING_PERCENT = 5


@dataclass(frozen=True)
class Expectation:
    """How long a wait took before, and in which operation."""

    seconds: float
    operation_id: str


@dataclass(frozen=True)
class Estimate:
    """When a wait should be over, and why we think so. None and no words: nothing tells yet."""

    remaining_seconds: float | None
    why: str


def estimate(elapsed_seconds: float, percent: int | None, before: Expectation | None) -> Estimate:
    """RDS's own percentage tells best; else how long it took the last time."""
    if percent is not None and TELLING_PERCENT <= percent < 100:
        remaining = elapsed_seconds * (100 - percent) / percent
        return Estimate(remaining, f"RDS reports {percent} %")
    if before is None:
        return Estimate(None, "")
    remaining = before.seconds - elapsed_seconds
    took = f"it took {duration_words(before.seconds)} in {before.operation_id}"
    if remaining < 0:
        return Estimate(None, f"longer than last time: {took}")
    return Estimate(remaining, took)


def next_wait_seconds(elapsed_seconds: float, remaining_seconds: float | None = None) -> int:
    """The next wait: a share of the time spent at most, and just past the expected end where that is near."""
    if elapsed_seconds < SHORT_SECONDS:
        most = min(SHORT_CAP_SECONDS, elapsed_seconds * SHORT_SHARE)
    else:
        most = min(CAP_SECONDS, elapsed_seconds * LONG_SHARE)
    if remaining_seconds is not None and remaining_seconds < most:
        most = remaining_seconds + 1
    return max(FLOOR_SECONDS, math.floor(most))


def wait_state(
    before: Mapping[str, Any] | None,
    now: datetime,
    percent: int | None,
    expectation: Expectation | None,
) -> dict[str, Any]:
    """What the record says of a wait after one more look: since when, how often, and when it should end."""
    since = parse_time(before["since"]) if before else now
    elapsed = (now - since).total_seconds()
    guess = estimate(elapsed, percent, expectation)
    ends = now + timedelta(seconds=guess.remaining_seconds) if guess.remaining_seconds is not None else None
    return {
        "since": format_time(since),
        "seconds": round(elapsed, 3),
        "looks": int(before["looks"]) + 1 if before else 1,
        "wait_seconds": next_wait_seconds(elapsed, guess.remaining_seconds),
        "expected_end": format_time(ends) if ends else None,
        "why": guess.why,
    }


def ended_wait(state: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The last word on a wait: how long it took, and how much of that may have been our waiting."""
    since = parse_time(state["since"])
    return {
        "since": state["since"],
        "until": format_time(now),
        "seconds": round((now - since).total_seconds(), 3),
        "looks": int(state["looks"]),
        "added_seconds_most": int(state.get("wait_seconds", 0)),
    }


def duration_words(seconds: float) -> str:
    """A duration for people: `2 h 5 min`, `38 min`, `12 s`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min" if minutes >= 10 or not left else f"{minutes} min {left} s"
    return f"{whole} s"
