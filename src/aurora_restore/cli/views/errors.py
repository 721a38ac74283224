"""One way to show an error: where it comes from makes no difference to how it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import indented
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.visible_text import visible_values


def error_item(error: RestoreError) -> dict[str, Any]:
    """An error in the shape that the record has for it."""
    item: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if len(error.faults) > 1:
        item["faults"] = [fault.to_item() for fault in error.faults]
    return item


def render_error(error: Mapping[str, Any]) -> RenderableType:
    """Code, message, hint and step of an error; each of several faults with its own code and hint."""
    error = visible_values(error)
    faults = _faults(error)
    step = f" in {error['step']}" if error.get("step") else ""
    title = Text.assemble((str(error.get("code") or "ERROR"), "bold red"), (step, "red"))
    if len(faults) > 1:
        title.append(f": {len(faults)} things stand in the way")
        return Group(title, *(indented(_fault(fault, with_code=True)) for fault in faults))
    return Group(title, indented(_fault(error, with_code=False)), *_commands(error))


def _faults(error: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The faults that can be read: a record may be edited by hand."""
    faults = error.get("faults")
    return (
        [fault for fault in faults if isinstance(fault, Mapping)] if isinstance(faults, list | tuple) else []
    )


def _fault(fault: Mapping[str, Any], with_code: bool) -> RenderableType:
    lines: list[RenderableType] = []
    message = str(fault.get("message") or "No message was given.")
    if with_code:
        lines.append(Text(str(fault.get("code", "")), style="red"))
        lines.append(indented(Text(message)))
    else:
        lines.append(Text(message))
    if fault.get("hint"):
        words = str(fault["hint"]).partition("\n")[0]
        hint = Text.assemble(("What to do: ", "bold"), words)
        lines.append(indented(hint) if with_code else hint)
    return Group(*lines)


def _commands(fault: Mapping[str, Any]) -> list[Text]:
    """Commands stand in the lines below a hint: never folded, so that they can be copied (print with `crop=False`)."""
    commands = str(fault.get("hint") or "").split("\n")[1:]
    return [Text(f"    {command}", no_wrap=True, overflow="ignore") for command in commands]
