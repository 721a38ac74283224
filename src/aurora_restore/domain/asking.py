"""What was asked of AWS, and since when: requests are bounded in time, never in tries.

RDS accepts a change and still says `available` for a while, it answers that a cluster is busy, and it does not free a
name at once. None of that is a failure before its time is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora_restore.domain.record import ActState

# What was answered and does not show is asked for again after this: RDS may have dropped it.
ASK_AGAIN = timedelta(seconds=30)
# RDS was never observed to take longer from a request to its showing; public reports say minutes.
STILL_ARRIVES = timedelta(minutes=30)


@dataclass(frozen=True)
class Asked:
    """One kind of request, e.g. `rename_new_in`.

    Attributes:
        first, last: when it was asked for the first and the last time.
        answered: whether AWS accepted the last one, as far as is known.
        refused: whether AWS answered that it does not do it; what was refused cannot arrive.
        given_up: whether it is not asked for any more, because the run can do without it.
    """

    kind: str
    first: datetime
    last: datetime
    answered: bool
    refused: bool
    given_up: bool = False

    @staticmethod
    def read(kind: str, state: ActState | None) -> Asked | None:
        """None where the record has no time of it."""
        if state is None or state.last_time is None:
            return None
        first = state.first_time or state.last_time
        return Asked(kind, first, state.last_time, state.answered, state.refused, state.given_up)

    def is_under_way(self, now: datetime) -> bool:
        """Whether it was accepted so short a time ago that it need not show yet."""
        return self.answered and now - self.last < ASK_AGAIN

    def is_overdue(self, now: datetime, limit: timedelta) -> bool:
        """Whether it has been asked for longer than it may take."""
        return now - self.first > limit

    def may_arrive(self, now: datetime) -> bool:
        """Whether it can still take effect, although nothing shows it."""
        return not self.refused and now - self.last < STILL_ARRIVES


@dataclass(frozen=True)
class Asking:
    """What was asked for so far, by kind, and the present: what a bound in time needs."""

    now: datetime
    asked: Mapping[str, Asked] = field(default_factory=dict)


def asked_now(before: ActState | None, name: str, now: datetime) -> ActState:
    """What the record says of a request that is about to be made; `before`: what it said of it until now."""
    # The first time stays, however often it is asked for again: the limit counts from there.
    first = (before.first_time or before.last_time) if before else None
    return ActState(
        name=name, tries=before.tries + 1 if before else 1, first_time=first or now, last_time=now
    )


def read_asked(acts: Mapping[str, ActState]) -> dict[str, Asked]:
    """What was asked for, by kind, with its times."""
    found = {kind: Asked.read(kind, state) for kind, state in acts.items()}
    return {kind: asked for kind, asked in found.items() if asked is not None}
