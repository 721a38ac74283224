"""The clock of tests in which time passes only when they say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Shows the same time until a test advances it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float = 3600) -> None:
        """By an hour, where it does not matter how long: longer than anything that a local Aurora does."""
        self._now += timedelta(seconds=seconds)
