"""How long to wait before looking again, and when it should be over: pure functions of what is known by now."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora_restore.domain.record import ReportedPercent, WaitState
from aurora_restore.domain.wording import duration_words

FLOOR_SECONDS = 2
CAP_SECONDS = 3600
# Without knowing when it ends: at first a share of the time spent, so that what is short is seen soon; then about a
# quarter of a minute; then a small share of the time spent. A look costs nine history events, so that a week of waiting
# stays far below the 25,000 of an execution.
FIRST_SHARE = 0.7
SHORT_SECONDS = 13.5
SHORT_SHARE = 0.012
LONG_SHARE = 0.0215
# With an estimate: a share of what is left, since estimates err; never more than a share of what is known to be spent,
# since they may be quite wrong; and where the end is near, no closer together than what is worth a look.
LEFT_SHARE = 0.2
FAR_SHARE = 0.4
NEAR_PART = 0.45
NEAR_SHARE = 0.005
# Below this, a percentage says little.
TELLING_PERCENT = 5
# A percentage that has not moved for as long as several of its points took is no longer a sign.
STUCK_POINTS = 3
STUCK_SECONDS = 60


@dataclass(frozen=True)
class Expectation:
    """How long a wait took before, and in which operation."""

    seconds: float
    operation_id: str


@dataclass(frozen=True)
class Estimate:
    """When a wait should be over, and why we think so. None and no words: it cannot be estimated yet."""

    remaining_seconds: float | None
    why: str


def estimate(elapsed_seconds: float, percent: int | None, before: Expectation | None) -> Estimate:
    """By RDS's own percentage, which is the best sign; without one, by how long it took the last time."""
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
    """The next wait: a part of what is left where that is known, a share of the time spent where it is not."""
    elapsed, remaining = elapsed_seconds, remaining_seconds
    # Where nothing shows when it ends.
    wait = min(elapsed * FIRST_SHARE, max(SHORT_SECONDS + elapsed * SHORT_SHARE, elapsed * LONG_SHARE))
    if remaining is not None:
        near = max(wait * NEAR_PART, elapsed * NEAR_SHARE)
        # Near the end, the next look is to be the last: a second after it.
        is_near = remaining < near
        wait = remaining + 1 if is_near else max(near, min(remaining * LEFT_SHARE, elapsed * FAR_SHARE))
    return max(FLOOR_SECONDS, math.floor(min(CAP_SECONDS, wait)))


def until_known_end(remaining_seconds: float) -> int:
    """The next wait where the end is known: until then, and no longer than the cap, since an operator may step in."""
    return max(FLOOR_SECONDS, math.ceil(min(CAP_SECONDS, remaining_seconds)))


def wait_state(
    before: WaitState | None,
    now: datetime,
    percent: int | None,
    expectation: Expectation | None,
) -> WaitState:
    """What the record says of a wait after one more look: since when, how often, and when it should end."""
    since = (before.since if before else None) or now
    elapsed = (now - since).total_seconds()
    reported = before.reported if before else None
    # The first percentage and the highest, each with the seconds by then; one that falls is ignored.
    if percent is not None and (not reported or percent > reported.percent):
        seconds = round(elapsed, 3)
        reported = ReportedPercent(
            first_percent=reported.first_percent if reported else percent,
            first_seconds=reported.first_seconds if reported else seconds,
            percent=percent,
            seconds=seconds,
        )
    guess = _by_its_pace(reported, elapsed) or estimate(elapsed, None, expectation)
    ends = now + timedelta(seconds=guess.remaining_seconds) if guess.remaining_seconds is not None else None
    return WaitState(
        since=since,
        seconds=round(elapsed, 3),
        looks=before.looks + 1 if before else 1,
        wait_seconds=next_wait_seconds(elapsed, guess.remaining_seconds),
        expected_end=ends,
        why=guess.why,
        reported=reported,
    )


def _by_its_pace(reported: ReportedPercent | None, elapsed: float) -> Estimate | None:
    """An estimate by how the percentage has moved since it was first seen; None where it no longer moves."""
    if not reported:
        return None
    percent, points = reported.percent, reported.percent - reported.first_percent
    if points < TELLING_PERCENT:
        return None
    # A percentage that no longer moves would promise the same end for ever.
    a_point = (reported.seconds - reported.first_seconds) / points
    unchanged_seconds = elapsed - reported.seconds
    if unchanged_seconds > STUCK_POINTS * a_point + STUCK_SECONDS:
        return None
    guess = estimate(max(a_point * percent, 1.0), percent, None)
    return guess if guess.remaining_seconds is not None else None


def ended_wait(state: WaitState, now: datetime) -> WaitState:
    """The last word on a wait: how long it took, and how much of that may have been our waiting."""
    since = state.since or now
    return WaitState(
        since=since,
        until=now,
        seconds=round((now - since).total_seconds(), 3),
        looks=state.looks,
        added_seconds_most=state.wait_seconds or 0,
    )


def current_wait(waits: Iterable[WaitState]) -> WaitState | None:
    """Of the waits that have not ended, the one that began last."""
    lasting = [wait for wait in waits if not wait.has_ended]
    return max(lasting, key=lambda wait: wait.since.timestamp() if wait.since else 0.0, default=None)
