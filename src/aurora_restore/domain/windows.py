"""The weekly maintenance windows of RDS, as `sun:05:00-sun:05:30` in UTC."""

from __future__ import annotations

from datetime import datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_DAY, MINUTES_OF_WEEK = 24 * 60, 7 * 24 * 60


def is_open(window: str, now: datetime) -> bool:
    """Whether a window contains the present; RDS refuses to set one that does and has no half hour left.

    Source: Aurora user guide, "Modifying an Amazon Aurora DB cluster", maintenance window.

    Raises:
        ValueError: the text is not a weekly window.
    """
    start, _, end = window.partition("-")
    begins, ends = _minute(start), _minute(end)
    present = now.weekday() * MINUTES_OF_DAY + now.hour * 60 + now.minute
    return (present - begins) % MINUTES_OF_WEEK < (ends - begins) % MINUTES_OF_WEEK


def _minute(text: str) -> int:
    """The minute of a week that begins on Monday."""
    day, hour, minute = text.lower().split(":")
    return DAYS.index(day) * MINUTES_OF_DAY + int(hour) * 60 + int(minute)
