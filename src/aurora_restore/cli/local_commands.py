"""`local up|status|env|logs|down`: the AWS on this machine. The library is `local_stack.lifecycle`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aurora_restore.cli.errors import WrongUse
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.help import NamesFirstCommand
from aurora_restore.cli.local_stack import (
    describe_deployed,
    find_set_up,
    load_lifecycle,
    point_environment_at,
)
from aurora_restore.cli.options import JsonOption
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.local import render_stack, stack_item

if TYPE_CHECKING:
    from aurora_restore.cli.screen import Screen
    from local_stack.lifecycle import StackStatus

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="FOLDER",
        help="Where the stack keeps its state. Default: $AURORA_RESTORE_HOME, else .local/aurora-restore here.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    group = typer.Typer(
        help="A whole AWS on this machine, with real PostgreSQL servers.", no_args_is_help=True
    )
    group.command("up", cls=NamesFirstCommand)(up)
    group.command("status", cls=NamesFirstCommand)(status)
    group.command("env", cls=NamesFirstCommand)(env)
    group.command("logs", cls=NamesFirstCommand)(logs)
    group.command("down", cls=NamesFirstCommand)(down)
    app.add_typer(group, name="local", rich_help_panel="On this machine")


def up(
    home: HomeOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw the kept state away and begin anew.")] = False,
    port: Annotated[
        int, typer.Option("--port", help="Port of the AWS endpoint; 0 finds a free one.", min=0, max=65535)
    ] = 0,
    durations: Annotated[
        list[str] | None,
        typer.Option(
            "--duration",
            metavar="NAME=SECONDS",
            help="How long copy, restore, instance or password take; may be repeated.",
            show_default=False,
        ),
    ] = None,
    durations_file: Annotated[
        Path | None,
        typer.Option(
            "--durations",
            metavar="FILE",
            help="Durations as scripts/acceptance_on_aws.py measured them; --duration comes before it.",
            show_default=False,
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Start it in the background, deploy the pipeline to it and fill it with data.

    Where it runs already, nothing happens. Everything listens on 127.0.0.1 alone.
    """  # fmt: skip
    screen = make_screen(json_output)
    lifecycle = load_lifecycle()
    measured = _read_durations_file(screen, durations_file) if durations_file else {}
    seconds = measured | _read_durations(durations)
    options = lifecycle.UpOptions(home=home, fresh=fresh, port=port, durations=seconds)
    info = lifecycle.up(options, lambda text: screen.line(f"  {text} …"), find_set_up)
    if screen.json_output:
        screen.data(stack_item(info))
    state = "runs already" if info.already_running else f"is up after {info.seconds:.1f} s"
    screen.line(f"The local stack {state}: {info.endpoint_url}")
    for note in info.notes:
        screen.line(f"  {note}")
    at_home = f" --home {shlex.quote(str(home))}" if home else ""
    screen.line(f'Point your shell at it:  eval "$(aurora-restore local env{at_home})"')
    screen.line("Then, for example:       aurora-restore list        aws rds describe-db-clusters")
    screen.line(f"Stop it:                 aurora-restore local down{at_home}")


def status(home: HomeOption = None, json_output: JsonOption = False) -> None:
    """Show ports, processes, memory, clusters and the pipeline's stack. Exit status 5 where nothing runs."""
    screen = make_screen(json_output)
    lifecycle = load_lifecycle()
    state: StackStatus = lifecycle.status(home)
    deployed: Mapping[str, Any] = {}
    if state.info is not None:
        point_environment_at(state.info)
        deployed = describe_deployed(state.info)
    if screen.json_output:
        running = stack_item(state.info) if state.info else {}
        screen.data(
            {
                "running": state.is_running,
                "complete": state.is_complete,
                "home": str(state.home),
                **running,
                **_measures(state),
                **deployed,
            }
        )
    screen.show(render_stack(state, deployed))
    raise typer.Exit(ExitCode.OK if state.is_running else ExitCode.UNREACHABLE)


def env(home: HomeOption = None, json_output: JsonOption = False) -> None:
    """Print what points a shell at it: eval "$(aurora-restore local env)".

    Exports, and an unset for each variable that would lead past the stack (a profile, a session token); with --json
    its value is null.
    """  # fmt: skip
    screen = make_screen(json_output)
    lifecycle = load_lifecycle()
    variables = lifecycle.environment(home)
    in_the_way = lifecycle.environment_to_unset()
    if screen.json_output:
        screen.data({**variables, **dict.fromkeys(in_the_way)})
    for name in in_the_way:
        screen.line(f"unset {name}")
    for name, value in variables.items():
        screen.line(f"export {name}={_quoted(value)}")


def logs(
    home: HomeOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is still to come.")] = False,
) -> None:
    """Print what the stack's server wrote. The functions' own logs are in CloudWatch Logs, as on AWS."""
    screen = make_screen()
    for line in load_lifecycle().logs(home, follow):
        screen.line(line)


def down(
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Stop it although operations run.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Stop it. Nothing is left running; the state is kept for the next `local up`.

    Operations that run are named, and interrupted after your yes: they go on at the next `local up`.
    """
    screen = make_screen(json_output)
    lifecycle = load_lifecycle()
    interrupted = lifecycle.running_operations(home)
    if interrupted and not yes:
        ask_before_interrupting(screen, interrupted)
    stopped = lifecycle.down(home)
    if screen.json_output:
        screen.data({"stopped": stopped, "interrupted": list(interrupted)})
    screen.line("The local stack is down; its state is kept." if stopped else "No local stack was running.")
    if interrupted:
        screen.line(f"Interrupted: {', '.join(interrupted)}; each goes on at the next `local up`.")


def ask_before_interrupting(screen: Screen, operations: Sequence[str]) -> None:
    """Go on after a yes; otherwise leave the stack as it is, and end the command."""
    if not screen.interactive:
        raise WrongUse(
            f"{_named(operations)}, and nobody can be asked here, so the stack was left running.",
            "Give --yes to stop it all the same; what is interrupted goes on at the next `local up`.",
        )
    screen.line(f"{_named(operations)}. What is interrupted goes on at the next `local up`.")
    try:
        if typer.confirm("Stop the local stack?"):
            return
    except typer.Abort:  # ctrl-c and the end of the input are a no
        screen.line("")
    screen.note("The local stack goes on.")
    raise typer.Exit(ExitCode.OK)


def _named(operations: Sequence[str]) -> str:
    one = len(operations) == 1
    return (
        f"{'The operation' if one else 'The operations'} {', '.join(operations)} {'runs' if one else 'run'}"
    )


def _read_durations(texts: list[str] | None) -> dict[str, float]:
    from local_stack.durations import parse_durations  # noqa: PLC0415

    try:
        return parse_durations(texts or ())
    except ValueError as error:
        raise WrongUse(str(error)) from error


def _read_durations_file(screen: Screen, path: Path) -> dict[str, float]:
    from local_stack.durations import read_durations_file  # noqa: PLC0415

    try:
        measured, left_out = read_durations_file(path)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    if left_out:
        screen.note(f"The local Aurora has no durations {', '.join(left_out)}: they were left out.")
    return measured


def _measures(state: StackStatus) -> dict[str, Any]:
    return {
        "uptime_seconds": state.uptime_seconds,
        "memory_bytes": state.memory_bytes,
        "process_count": state.process_count,
        "workers": [dict(worker) for worker in state.workers],
        "durations": dict(state.durations),
        "postgresql": dict(state.postgresql),
    }


def _quoted(value: str) -> str:
    """Always in single quotes, so that the lines look alike and are safe to evaluate."""
    return "'" + value.replace("'", "'\"'\"'") + "'"
