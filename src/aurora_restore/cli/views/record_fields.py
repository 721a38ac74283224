"""Single fields of a record, read so that nothing that a hand can write there stops the display."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aurora_restore.domain.times import parse_time


def map_of(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A map, empty where there is none."""
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def maps_of(item: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of maps, without anything else that it holds."""
    value = item.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def sentences_of(item: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts; a text alone is a list of one."""
    value = item.get(name) or ()
    return [str(each) for each in (value if isinstance(value, list | tuple) else (value,))]


def text_of(item: Mapping[str, Any], name: str) -> str:
    """A text, empty where there is none."""
    value = item.get(name)
    return "" if value is None else str(value)


def number_of(item: Mapping[str, Any], name: str) -> float | None:
    """A number; None where it is absent or none."""
    value = item.get(name)
    is_number = hasattr(value, "as_integer_ratio") and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None


def time_of(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time; None where it is absent or no time."""
    text = item.get(name)
    if not isinstance(text, str):
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None
