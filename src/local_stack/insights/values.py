"""The values of a query: fields of log events, what compares with what, and how a value is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

MAX_DISCOVERED_FIELDS = 200
"""Of a JSON event (CWL_AnalyzeLogData-discoverable-fields)."""
DECIMALS = 4
"""AWS does not document how many it shows of an average; its examples have at most four."""

_CHUNKS = re.compile(r"(\d+)")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")

Value = str | float | int | bool | None


def discovered_fields(message: str) -> dict[str, Value]:
    """The fields of an event that is JSON, by dotted names; entries of lists by their number."""
    if not message.lstrip().startswith("{"):
        return {}
    try:
        parsed = json.loads(message)
    except ValueError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    found: dict[str, Value] = {}
    for name, value in _flattened("", parsed):
        if len(found) == MAX_DISCOVERED_FIELDS:
            break
        # "If the name of a discovered log field starts with the @ character", it gets another one.
        found[f"@{name}" if name.startswith("@") else name] = value
    return found


def _flattened(path: str, node: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flattened(f"{path}.{key}" if path else str(key), value)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _flattened(f"{path}.{number}", value)
    elif node is not None:
        yield path, node


def number(value: Value) -> float | None:
    """The value as a number, also where it is a text that is one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if _NUMBER.fullmatch(value.strip()) else None


def written(value: Value) -> str:
    """As a result has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return str(int(value)) if value.is_integer() else f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def compare(left: Value, right: Value) -> int | None:
    """Below, equal or above, as -1, 0 or 1; None where one of them is missing. Numbers by their size, else texts."""
    if left is None or right is None:
        return None
    first, second = number(left), number(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    one, other = written(left), written(right)
    return (one > other) - (one < other)


def natural_key(value: Value) -> tuple[Any, ...]:
    """The order of `sort`: what is missing, then texts in chunks of letters and digits, then numbers."""
    if value is None:
        return (0,)
    size = number(value)
    if size is not None:
        return (2, size)
    chunks = _CHUNKS.split(written(value))
    # Digits by their length first, and then by their size.
    return (
        1,
        tuple(
            (1, len(chunk), int(chunk), "") if chunk.isdigit() else (1, 0, 0, chunk)
            for chunk in chunks
            if chunk
        ),
    )


def timestamp(milliseconds: float) -> str:
    """As `@timestamp` is shown: `2026-11-27 03:00:00.000`."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}"
