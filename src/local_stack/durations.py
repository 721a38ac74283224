"""Reads durations as a command line gives them; `local_aurora.timing` says what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from local_aurora.timing import Durations

_SHORT_NAMES = {"password": "password_change"}


def parse_durations(texts: Iterable[str]) -> dict[str, float]:
    """Read `copy=10` and the like: a name of `Durations`, an equals sign, a number of seconds.

    Raises:
        ValueError: one of them is something else, or there is no such duration.
    """
    changes: dict[str, float] = {}
    for text in texts:
        name, _, seconds = text.partition("=")
        try:
            changes[_SHORT_NAMES.get(name, name)] = float(seconds)
        except ValueError:
            raise ValueError(f"`{text}` is not a duration: write name=seconds, e.g. copy=10.") from None
    # For its checks alone: which durations they change is for the stack to say.
    Durations().changed(changes)
    return changes


def read_durations_file(path: Path) -> tuple[dict[str, float], list[str]]:
    """The durations in a file of `scripts/acceptance_on_aws.py`, and its names that the local Aurora does not know.

    Raises:
        ValueError: it cannot be read, holds no durations, or one that is out of range.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))["durations"]
        measured = {str(name): float(seconds) for name, seconds in given.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not a file of measured durations: {error!r}.") from error
    known = {entry.name for entry in fields(Durations)}
    changes = {name: seconds for name, seconds in measured.items() if name in known}
    Durations().changed(changes)
    return changes, sorted(set(measured) - known)
