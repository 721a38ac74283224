"""What waiting costs on drawn restores: the time that it adds to RDS's own, and the state transitions of its looks.

A copy and a restore report a percentage, which errs by three points; the rest has one earlier duration of the same
wait, or none, and that may be half or thrice what it takes now. A look is three transitions: Task, Choice, Wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.bench.report import Group, Row

from aurora_restore.domain.waiting import Expectation, estimate, next_wait_seconds

RESTORES = 2_000
TAKES = {
    "copy": 3600, "cluster": 1500, "instance": 480, "password": 60, "rename": 90, "rename back": 90, "delete": 720,
}  # fmt: skip
TELLS_PERCENT = ("copy", "cluster")
ERRS_BY_POINTS = 3
TRANSITIONS_A_LOOK = 3
ADDED_SECONDS_MOST, TRANSITIONS_MOST = 75, 550
FIXED_SECONDS = 30


@dataclass(frozen=True)
class Cost:
    """Of a restore, on average."""

    added_seconds: float
    transitions: float


def draw_costs(*, experienced: bool, fixed_seconds: int | None = None) -> Cost:
    """`experienced`: every wait has taken place before. `fixed_seconds`: look that often instead of by our rule."""
    durations, other = Random(7), Random(8)  # noqa: S311 - the same draws every time
    added, looks = 0.0, 0
    for _ in range(RESTORES):
        for name, seconds in {n: s * durations.uniform(0.5, 1.5) for n, s in TAKES.items()}.items():
            before = Expectation(TAKES[name] * other.uniform(0.5, 1.5), "earlier") if experienced else None
            elapsed = 0.0
            while elapsed < seconds:
                reported = 100 * elapsed / seconds + other.gauss(0, ERRS_BY_POINTS)
                percent = round(max(0, min(99, reported))) if name in TELLS_PERCENT else None
                remaining = estimate(elapsed, percent, before).remaining_seconds
                elapsed += fixed_seconds or next_wait_seconds(elapsed, remaining)
                looks += 1
            added += elapsed - seconds
    return Cost(added / RESTORES, TRANSITIONS_A_LOOK * looks / RESTORES)


def measure_waiting() -> Group:
    """Our rule beside a look every half minute."""
    fixed = draw_costs(experienced=False, fixed_seconds=FIXED_SECONDS)
    rows = []
    for words, experienced in (("no earlier run", False), ("an earlier run", True)):
        cost = draw_costs(experienced=experienced)
        rows += [
            Row(f"added, {words}", cost.added_seconds, "s", fixed.added_seconds, limit=ADDED_SECONDS_MOST),
            Row(f"transitions, {words}", cost.transitions, "", fixed.transitions, limit=TRANSITIONS_MOST),
        ]
    return Group(
        f"What waiting adds to a restore of about 109 min ({RESTORES:,} drawn ones, on average)",
        f"a look every {FIXED_SECONDS} s.",
        tuple(rows),
    )
