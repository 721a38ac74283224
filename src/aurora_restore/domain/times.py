"""Times as they are written in records and events: ISO 8601, UTC, milliseconds, `Z`; they sort as text.

Sentences for people have whole minutes, and name the time zone.
"""

from __future__ import annotations

from datetime import UTC, datetime

SECONDS_A_DAY = 86_400


def format_time(time: datetime) -> str:
    """Write an aware time, e.g. `2026-11-22T10:06:22.041Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute_in_words(time: datetime) -> str:
    """An aware time in a sentence, e.g. `2026-11-22 10:06 UTC`."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def whole_milliseconds(time: datetime) -> datetime:
    """The time as it is read back after it was written."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def parse_time(text: str) -> datetime:
    """Read what `format_time` wrote. Raises ValueError where the text is not such a time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def time_if_readable(text: str | None) -> datetime | None:
    """Read what `format_time` wrote; None where there is no text, or the text is not such a time."""
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None


def minute_if_readable(text: str | None) -> str:
    """A time that a record has, for people; a record that was edited may have another text, which is shown as it is."""
    time = time_if_readable(text)
    return minute_in_words(time) if time else text or "(no time)"
