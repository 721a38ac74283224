"""Writes templates as YAML with CloudFormation's short forms, and definitions as JSON: what fits into a line is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120

# What YAML reads as a text without quotes, in a list or a mapping on one line too.
_PLAIN = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9/_.;*$()%-]|:(?=\S)| (?=[^ #]))*")
_READ_AS_ANOTHER_TYPE = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Short:
    """A function of CloudFormation in its short form: `!Ref Name`."""

    name: str
    value: Any


@dataclass(frozen=True)
class Commented:
    """A value with a comment in the lines above it."""

    comment: str
    value: Any


def text(pattern: str) -> str | Short:
    """A text in which `${…}` is put in by CloudFormation, in the shortest form that says so."""
    whole = re.fullmatch(r"\$\{([A-Za-z:]+)(\.[A-Za-z.]+)?\}", pattern)
    if whole:
        return Short("GetAtt", f"{whole[1]}{whole[2]}") if whole[2] else Short("Ref", whole[1])
    return Short("Sub", pattern) if "${" in pattern else pattern


def yaml_block(node: Any, indent: int) -> str:
    """A mapping or a list in lines of its own, each level one space further in."""
    return "\n".join(_block(node, indent))


def _block(node: Any, indent: int) -> Iterator[str]:
    entries: list[tuple[str, Any]] = (
        [(f"{_scalar(key)}:", value) for key, value in node.items()]
        if isinstance(node, Mapping)
        else [("-", value) for value in node]
    )
    for prefix, value in entries:
        if isinstance(value, Commented):
            yield f"{' ' * indent}# {value.comment}"
        yield from _entry(prefix, value.value if isinstance(value, Commented) else value, indent)


def _entry(prefix: str, value: Any, indent: int) -> Iterator[str]:
    line = f"{' ' * indent}{prefix} {_flow(value)}"
    # A long text stays in one line too: folded, it would be harder to search for and to compare.
    is_scalar = isinstance(value.value if isinstance(value, Short) else value, str | int | float)
    if is_scalar or (len(line) <= WIDTH and not _has_comment(value)):
        yield line
        return
    if prefix == "-" and isinstance(value, Mapping):
        # The first entry is beside the dash, the others below it.
        first, *others = _block(value, indent + 2)
        yield f"{' ' * indent}- {first.lstrip()}"
        yield from others
        return
    inner = value.value if isinstance(value, Short) else value
    yield f"{' ' * indent}{prefix}" + (f" !{value.name}" if isinstance(value, Short) else "")
    # A list may begin below its key; below a dash it has to be further in.
    yield from _block(inner, indent + (1 if isinstance(inner, Mapping) or prefix == "-" else 0))


def _flow(node: Any) -> str:
    if isinstance(node, Commented):
        return _flow(node.value)
    if isinstance(node, Short):
        return f"!{node.name} {_flow(node.value)}"
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(value)}" for key, value in node.items()) + "}"
    if isinstance(node, Sequence) and not isinstance(node, str):
        return "[" + ", ".join(map(_flow, node)) + "]"
    return _scalar(node)


def _has_comment(node: Any) -> bool:
    if isinstance(node, Commented):
        return True
    if isinstance(node, Short):
        return _has_comment(node.value)
    if isinstance(node, Mapping):
        return any(map(_has_comment, node.values()))
    return isinstance(node, list | tuple) and any(map(_has_comment, node))


def _scalar(value: str | float) -> str:
    # Before the numbers: Python takes a bool for an int.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _READ_AS_ANOTHER_TYPE:
        return value
    if '"' in value and "'" not in value and "\n" not in value:
        return f"'{value}'"
    # A text in JSON is one in YAML too, with the same escapes.
    return json.dumps(value, ensure_ascii=False)


def json_text(node: Any) -> str:
    """JSON of a file, with a line break at its end."""
    return f"{_json(node, 0)}\n"


def _json(node: Any, indent: int) -> str:
    line = json.dumps(node, ensure_ascii=False)
    if not isinstance(node, dict | list) or indent + len(line) <= WIDTH:
        return line
    inner = " " * (indent + 2)
    lines = (
        [f"{inner}{json.dumps(key)}: {_json(value, indent + 2)}" for key, value in node.items()]
        if isinstance(node, dict)
        else [f"{inner}{_json(value, indent + 2)}" for value in node]
    )
    begin, end = "{}" if isinstance(node, dict) else "[]"
    return begin + "\n" + ",\n".join(lines) + f"\n{' ' * indent}{end}"
