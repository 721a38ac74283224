"""Durations and values as people read them: the same in a message, on the screen and in what was compared."""

from __future__ import annotations

from collections.abc import Mapping

# In parentheses, so that no value of RDS reads like it: a field may well be set to `none`.
NO_VALUE = "(none)"
EMPTY_TEXT = "(empty)"


def duration_words(seconds: float | None) -> str:
    """How long something took: `0.8 s`, `42 s`, `3 min 5 s`, `2 h 7 min`, `45 min`; empty for None."""
    if seconds is None:
        return ""
    # Not 10: what rounds to 10.0 is shown without a fraction.
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def rough_duration_words(seconds: float) -> str:
    """How long something should take, or is about ago: `less than a minute`, `43 min`, `2 h 10 min`, `3 days`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return duration_words(60 * minutes) if minutes < 72 * 60 else f"{round(minutes / 1440)} days"


def value_words(value: object) -> str:
    """A value: `yes`, `a, b`, `key=value`; what is not there, or empty, in words that no value has."""
    match value:
        # Before the numbers, since Python takes a bool for an int.
        case bool():
            return "yes" if value else "no"
        case str():
            return value or EMPTY_TEXT
        case Mapping():
            return ", ".join(f"{key}={value_words(item)}" for key, item in sorted(value.items())) or NO_VALUE
        case list() | tuple():
            return ", ".join(value_words(item) for item in value) or NO_VALUE
        # A capacity is 8 in one place and 8.0 in another.
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return NO_VALUE if value is None else str(value)
