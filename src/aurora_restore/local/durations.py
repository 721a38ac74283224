"""Reads durations as a command line gives them; what they mean stands in `local.aurora.timing`."""

from __future__ import annotations

from collections.abc import Iterable

from aurora_restore.local.aurora.timing import Durations

_SHORT_NAMES = {"password": "password_change"}


def parse_durations(texts: Iterable[str]) -> dict[str, float]:
    """Read `copy=10` and the like: a name of `Durations`, an equals sign, a number of seconds.

    Raises:
        ValueError: one of them is something else, or there is no such duration.
    """
    changes = dict(_parse(text) for text in texts)
    Durations().changed(changes)
    return changes


def _parse(text: str) -> tuple[str, float]:
    name, equals, seconds = text.partition("=")
    try:
        return (_SHORT_NAMES.get(name, name) if equals else ""), float(seconds)
    except ValueError:
        raise ValueError(f"`{text}` is not a duration: write name=seconds, e.g. copy=10.") from None
