"""What several commands take from the command line, declared once, and the help that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import click

from aurora_restore.cli.operation_ids import read_operation_id

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


class Decorator(Protocol):
    """Adds options or arguments to a command."""

    def __call__(self, command: AnyCommand, /) -> AnyCommand: ...


_GENERAL = "Options"
_ARGUMENTS = "Arguments"
_MAX_NAME_WIDTH = 26


@dataclass
class Invocation:
    """One command line, as far as it has been read: the `obj` of its contexts."""

    json_output: bool = False


class Option(click.Option):
    """An option that the help lists below a heading, and that takes no other option for its value."""

    def __init__(self, *names: Any, heading: str = _GENERAL, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.heading = heading

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Refuse an option as the value of this one."""
        # In `--target-cluster --json` the value was forgotten, and a restore must not start under that name.
        given: Sequence[Any] = value if isinstance(value, tuple | list) else (value,)
        options = {name for parameter in ctx.command.params for name in parameter.opts}
        for each in given:
            if isinstance(each, str) and (each.startswith("--") or each in options):
                raise click.BadParameter(f"A value must follow, and {each} is an option.", ctx, self)
        return super().process_value(ctx, value)


class Command(click.Command):
    """A command whose help names every option in full, however narrow the terminal is: a long name has its own line."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings, the general ones last."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            heading = _GENERAL
            if isinstance(parameter, Option):
                heading = parameter.heading
            elif isinstance(parameter, click.Argument):
                heading = _ARGUMENTS
            if row := parameter.get_help_record(ctx):
                rows.setdefault(heading, []).append(row)
        for heading in sorted(rows, key=lambda heading: heading == _GENERAL):
            with formatter.section(heading):
                formatter.write_dl(rows[heading], col_max=_MAX_NAME_WIDTH)


class Operation(click.Argument):
    """The id of an operation. One that Step Functions cannot have given is refused before AWS is asked."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return self.make_metavar(ctx), "The operation's id, for example restore-20230615-123456."

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        value = super().process_value(ctx, value)
        # Where it may be left out, what Click has in its place is not a text.
        return read_operation_id(value, "OPERATION") if isinstance(value, str) else value


def option(*names: str, **settings: Any) -> Decorator:
    """An `Option`; `heading` is the one that the help lists it below."""
    return click.option(*names, cls=Option, **settings)


def operation_argument() -> Decorator:
    return click.argument("operation_id", metavar="OPERATION", cls=Operation)


def json_option() -> Decorator:
    def note(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        if isinstance(context.obj, Invocation):
            context.obj.json_output = value
        return value

    # Eager, and noted at once: errors of the options that follow are then shown in the requested form, too.
    return option(
        "--json",
        "json_output",
        is_flag=True,
        is_eager=True,
        callback=note,
        help="Print JSON for programs on standard output, and nothing else there.",
    )


def region_option() -> Decorator:
    return option(
        "--region",
        help="Region in which the pipeline is deployed (the target Region). Default: AWS_REGION or the profile's.",
    )


def timeout_option(
    minutes: float, what: str = "Stop watching after this time; the operation goes on."
) -> Decorator:
    return option(
        "--timeout-minutes",
        metavar="MINUTES",
        type=click.FloatRange(min=0),
        default=minutes,
        show_default=True,
        help=what,
    )


def interval_option(seconds: float) -> Decorator:
    return option(
        "--interval",
        metavar="SECONDS",
        type=click.FloatRange(min=0.1, max=300),
        default=seconds,
        show_default=True,
        help="Seconds between two looks at the operation.",
    )


def name_option(prefix: str) -> Decorator:
    return option(
        "--name",
        callback=lambda _context, _parameter, name: None if name is None else read_operation_id(name),
        help=f"The operation's id: at most 80 letters, digits, `-` and `_`. Default: {prefix}-YYYYMMDD-HHMMSS.",
    )


def combined(*decorators: Decorator) -> Decorator:
    """Several options as one decorator; the help lists them in this order."""

    def decorate(command: AnyCommand) -> AnyCommand:
        # Click lists the option that was added last as the first.
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
