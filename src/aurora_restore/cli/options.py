"""Options that several commands share, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs on standard output, and nothing else there.")
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        help="Region that the pipeline stands in (the target Region). Default: AWS_REGION or the profile's.",
        show_default=False,
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout-minutes",
        metavar="MINUTES",
        help="Stop watching after this time; the operation goes on.",
        min=0,
    ),
]


def with_options(options_type: type[Any], command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that a dataclass declares; it gets them together, as its parameter `options`.

    Typer reads a command's options from its signature, so the wrapper carries one that holds both.
    """
    shared = {field.name: field for field in fields(options_type)}
    hints = get_type_hints(options_type, include_extras=True)
    own = inspect.signature(command, eval_str=True).parameters

    def wrapper(**values: Any) -> Any:
        given = options_type(**{name: values.pop(name) for name in shared})
        return command(options=given, **values)

    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[name], default=field.default)
        for name, field in shared.items()
    ]
    parameters += [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        if name != "options"
    ]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    return wrapper
