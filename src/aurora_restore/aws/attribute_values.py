"""Plain JSON-like values as DynamoDB attribute values, and back.

The wire carries numbers as text, so this goes from int and float to text and back with no Decimal between.
DynamoDB drops trailing zeros: a float without a fraction comes back as an int.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Each value of a mapping as an attribute value."""
    return {name: to_attribute_value(value) for name, value in values.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of the wire as a plain mapping."""
    return {name: from_attribute_value(value) for name, value in item.items()}


def to_attribute_value(value: Any) -> dict[str, Any]:
    """Raises TypeError for what JSON does not know, ValueError for a number that is not finite."""
    if value is None:
        return {"NULL": True}
    # Before the numbers: Python takes a bool for an int.
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        # `str` turns a member of an enum into a plain text.
        return {"S": str(value)}
    if isinstance(value, int | float):
        # DynamoDB has neither `nan` nor infinity; refused here, the message names the value.
        if not math.isfinite(value):
            raise ValueError(f"a record cannot hold the number {value}")
        return {"N": repr(value)}
    if isinstance(value, Mapping):
        return {"M": {str(name): to_attribute_value(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute_value(inner) for inner in value]}
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def from_attribute_value(attribute_value: Mapping[str, Any]) -> Any:
    """Raises TypeError for binary values, which our tables do not hold."""
    kind, value = next(iter(attribute_value.items()))
    if kind not in _READERS:
        raise TypeError(f"a record does not hold attribute values of type {kind}")
    return _READERS[kind](value)


def _parse_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "NULL": lambda _: None,
    "BOOL": bool,
    "S": str,
    "N": _parse_number,
    "M": from_item,
    "L": lambda values: [from_attribute_value(value) for value in values],
    # We write no sets, but an operator who edits a record in the console may.
    "SS": sorted,
    "NS": lambda numbers: sorted(_parse_number(number) for number in numbers),
}
