"""One way to show an error: where it comes from makes no difference to how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import indented
from aurora_restore.domain.errors import ERRORS_BY_NAME, RequestRefused, RestoreError
from aurora_restore.domain.record import ErrorState, ProblemState
from aurora_restore.domain.visible_text import visible_values


def error_item(error: RestoreError) -> dict[str, Any]:
    """An error in the shape that the record has for it."""
    return dict(ErrorState.of(error).item)


def render_error(item: Mapping[str, Any]) -> RenderableType:
    """Code, message, hint and step of an error; each of several problems with its own code and hint."""
    error = ErrorState.read(visible_values(item))
    step = f" in {error.step}" if error.step else ""
    title = Text.assemble((error.code or "ERROR", "bold red"), (step, "red"))
    if len(error.problems) > 1:
        title.append(f": {len(error.problems)} problems")
        return Group(title, *(indented(_problem(problem, with_code=True)) for problem in error.problems))
    # The lines of a hint after its first are commands: never folded, so that they can be copied (print with
    # `crop=False`).
    commands = [
        Text(f"    {command}", no_wrap=True, overflow="ignore") for command in error.hint.split("\n")[1:]
    ]
    return Group(title, indented(_problem(error, with_code=False)), *commands)


def _problem(problem: ErrorState | ProblemState, with_code: bool) -> RenderableType:
    lines: list[RenderableType] = []
    message = problem.message or "No message was given."
    if with_code:
        lines.append(Text(problem.code, style="red"))
        lines.append(indented(Text(message)))
    else:
        lines.append(Text(message))
    advice = []
    if problem.hint:
        advice.append(Text.assemble(("What to do: ", "bold"), problem.hint.partition("\n")[0]))
    if options := _options(problem):
        advice.append(Text.assemble(("On the command line: ", "bold"), options))
    return Group(*lines, *(indented(each) if with_code else each for each in advice))


def _options(problem: ErrorState | ProblemState) -> str:
    """The options for the fields of the request that an error names: `--target-cluster (target_cluster_id)`."""
    from aurora_restore.cli.request import options_named  # noqa: PLC0415 - only where there is an error

    # Other errors than refusals name the fields of what was made, which a hint alone makes those of a request.
    refused = f"{problem.message} " if is_refusal(problem.code) else ""
    return ", ".join(f"{name} ({field})" for field, name in options_named(refused + problem.hint).items())


def is_refusal(code: str) -> bool:
    """Whether an error of this code is about the request."""
    return any(error.code == code and issubclass(error, RequestRefused) for error in ERRORS_BY_NAME.values())
