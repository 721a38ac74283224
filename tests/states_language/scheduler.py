"""Virtual time: one clock, and what is to happen at which moment, in one order."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

REQUEST_TIME = timedelta(milliseconds=1)


SOME_TIME = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class VirtualClock:
    """Shows the same time until something moves it on. Its times are whole milliseconds, as on the wire.

    `moves_with_looks`: each look takes it a millisecond further, so that no two of them see the same time.
    """

    def __init__(self, time: datetime = SOME_TIME, *, moves_with_looks: bool = False) -> None:
        self._time = time
        self._moves_with_looks = moves_with_looks

    def now(self) -> datetime:
        if self._moves_with_looks:
            self.tick()
        return self._time

    def tick(self) -> None:
        """The time that a request to AWS takes."""
        self._time += REQUEST_TIME

    def move_to(self, time: datetime) -> None:
        """Never back: what a long event overtook happens late."""
        self._time = max(self._time, time)

    def advance(self, seconds: float = 3600) -> None:
        """By an hour, where it does not matter how long: longer than anything that a local Aurora does by default."""
        self._time += milliseconds(seconds)


def seeded_random(seed: object) -> Random:
    """Random numbers that are the same for the same seed."""
    return Random(str(seed))  # noqa: S311 - they are to be repeatable


def milliseconds(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))


@dataclass(order=True)
class Entry:
    """Something that is to happen. No caller waits for what is in the background."""

    time: datetime
    number: int
    action: Callable[[], None] = field(compare=False)
    background: bool = field(compare=False, default=False)
    cancelled: bool = field(compare=False, default=False)
    done: bool = field(compare=False, default=False)


class Scheduler:
    """The heap of what is to happen, by time and then by the order of its planning."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.happened = 0
        self._heap: list[Entry] = []
        self._planned = 0
        self._foreground = 0

    def after(self, seconds: float, action: Callable[[], None], background: bool = False) -> Entry:
        self._planned += 1
        entry = Entry(self.clock.now() + milliseconds(seconds), self._planned, action, background)
        self._foreground += not background
        heapq.heappush(self._heap, entry)
        return entry

    def cancel(self, entry: Entry) -> None:
        if not entry.cancelled and not entry.done:
            entry.cancelled = True
            self._foreground -= not entry.background

    @property
    def has_foreground(self) -> bool:
        return self._foreground > 0

    def next_time(self) -> datetime | None:
        while self._heap and self._heap[0].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0].time if self._heap else None

    def step(self) -> bool:
        """Let the next thing happen; False where nothing is planned."""
        if self.next_time() is None:
            return False
        entry = heapq.heappop(self._heap)
        entry.done = True
        self._foreground -= not entry.background
        self.happened += 1
        self.clock.move_to(entry.time)
        entry.action()
        return True

    def run_until(self, time: datetime) -> None:
        """Everything that is planned until then; afterwards it is then, or later."""
        while (following := self.next_time()) is not None and following <= time:
            self.step()
        self.clock.move_to(time)
