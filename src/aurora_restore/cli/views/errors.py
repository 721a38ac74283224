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
    if len(error.problems) > 1:
        item["faults"] = [problem.to_item() for problem in error.problems]
    return item


def render_error(error: Mapping[str, Any]) -> RenderableType:
    """Code, message, hint and step of an error; each of several faults with its own code and hint."""
    error = visible_values(error)
    problems = _problems(error)
    step = f" in {error['step']}" if error.get("step") else ""
    title = Text.assemble((str(error.get("code") or "ERROR"), "bold red"), (step, "red"))
    if len(problems) > 1:
        title.append(f": {len(problems)} problems")
        return Group(title, *(indented(_problem(problem, with_code=True)) for problem in problems))
    return Group(title, indented(_problem(error, with_code=False)), *_commands(error))


def _problems(error: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The faults that can be read: a record may be edited by hand."""
    problems = error.get("faults")
    return (
        [problem for problem in problems if isinstance(problem, Mapping)]
        if isinstance(problems, list | tuple)
        else []
    )


def _problem(problem: Mapping[str, Any], with_code: bool) -> RenderableType:
    lines: list[RenderableType] = []
    message = str(problem.get("message") or "No message was given.")
    if with_code:
        lines.append(Text(str(problem.get("code", "")), style="red"))
        lines.append(indented(Text(message)))
    else:
        lines.append(Text(message))
    if problem.get("hint"):
        words = str(problem["hint"]).partition("\n")[0]
        hint = Text.assemble(("What to do: ", "bold"), words)
        lines.append(indented(hint) if with_code else hint)
    return Group(*lines)


def _commands(problem: Mapping[str, Any]) -> list[Text]:
    """Commands stand in the lines below a hint: never folded, so that they can be copied (print with `crop=False`)."""
    commands = str(problem.get("hint") or "").split("\n")[1:]
    return [Text(f"    {command}", no_wrap=True, overflow="ignore") for command in commands]
