"""`local up|status|env|logs|down`: the AWS on this machine. The library is `local_stack.lifecycle`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aurora_restore.cli.engine_option import engine_option, engines_of
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.local_stack import (
    bring_up,
    describe_deployed,
    load_lifecycle,
    point_environment_at,
)
from aurora_restore.cli.parameters import Command, Decorator, json_option, option
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.local import render_stack, stack_item

if TYPE_CHECKING:
    from local_stack.lifecycle import StackStatus


def home_option() -> Decorator:
    return option(
        "--home",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Where the stack keeps its state. Default: $AURORA_RESTORE_HOME, else .local/aurora-restore here.",
    )


@click.group(no_args_is_help=True)
def local() -> None:
    """A whole AWS on this machine, with real database servers."""


@local.command(cls=Command)
@home_option()
@option("--fresh", is_flag=True, help="Throw the kept state away and begin anew.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the AWS endpoint; 0 finds a free one.",
)
@option(
    "--duration",
    "durations",
    multiple=True,
    metavar="NAME=SECONDS",
    help="How long copy, restore, instance or password take; may be repeated.",
)
@option(
    "--durations",
    "durations_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Durations as scripts/acceptance_on_aws.py measured them; --duration comes before it.",
)
@engine_option(
    "Engines on which there is a production cluster. MySQL is fetched with this machine's apt, once.",
    with_all=True,
)
@json_option()
def up(
    home: Path | None,
    fresh: bool,
    port: int,
    durations: tuple[str, ...],
    durations_file: Path | None,
    engine: str | None,
    json_output: bool,
) -> None:
    """Start it in the background, deploy the pipeline to it and fill it with data.

    Where it runs already, only production on an engine that it lacks is added. Everything listens on 127.0.0.1 alone.
    """  # fmt: skip
    screen = make_screen(json_output)
    lifecycle = load_lifecycle()
    seconds = _read_durations(screen, durations_file, durations)
    options = lifecycle.UpOptions(home=home, fresh=fresh, port=port, durations=seconds)
    engines = engines_of(engine) if engine else None
    info = bring_up(lifecycle, options, engines, lambda text: screen.line(f"  {text} …"))
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


@local.command(cls=Command)
@home_option()
@json_option()
def status(home: Path | None, json_output: bool) -> ExitCode:
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
                "uptime_seconds": state.uptime_seconds,
                "memory_bytes": state.memory_bytes,
                "process_count": state.process_count,
                # Without what each works on: a request may be long.
                "workers": [
                    {name: value for name, value in worker.items() if name != "event"}
                    for worker in state.workers
                ],
                "durations": dict(state.durations),
                "postgresql": dict(state.postgresql),
                "mysql": dict(state.mysql),
                **deployed,
            }
        )
    screen.show(render_stack(state, deployed))
    return ExitCode.OK if state.is_running else ExitCode.UNREACHABLE


@local.command(cls=Command)
@home_option()
@json_option()
def env(home: Path | None, json_output: bool) -> None:
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
        # Always in single quotes, so that the lines look alike and are safe to evaluate.
        quoted = value.replace("'", "'\"'\"'")
        screen.line(f"export {name}='{quoted}'")


@local.command(cls=Command)
@home_option()
@option("--follow", "-f", is_flag=True, help="Go on with what is still to come.")
def logs(home: Path | None, follow: bool) -> None:
    """Print what the stack's server wrote. The functions' own logs are in CloudWatch Logs, as on AWS."""
    screen = make_screen()
    for line in load_lifecycle().logs(home, follow):
        screen.line(line)


@local.command(cls=Command)
@home_option()
@option("--yes", "-y", is_flag=True, help="Stop it although operations run.")
@json_option()
def down(home: Path | None, yes: bool, json_output: bool) -> None:
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
        raise UsageProblem(
            f"{_named(operations)}, and there is no terminal to ask at, so the stack was left running.",
            "Give --yes to stop it all the same; what is interrupted goes on at the next `local up`.",
        )
    screen.line(f"{_named(operations)}. What is interrupted goes on at the next `local up`.")
    try:
        if click.confirm("Stop the local stack?"):
            return
    except click.Abort:  # ctrl-c and the end of the input are a no
        screen.line("")
    screen.note("The local stack goes on.")
    raise click.exceptions.Exit(ExitCode.OK)


def _named(operations: Sequence[str]) -> str:
    one = len(operations) == 1
    return (
        f"{'The operation' if one else 'The operations'} {', '.join(operations)} {'runs' if one else 'run'}"
    )


def _read_durations(screen: Screen, path: Path | None, texts: Sequence[str]) -> dict[str, float]:
    """Those of the file, if there is one, and above them those that are given one by one."""
    from local_stack.durations import parse_durations, read_durations_file  # noqa: PLC0415

    try:
        measured, left_out = read_durations_file(path) if path else ({}, ())
        if left_out:
            screen.note(f"The local Aurora has no durations {', '.join(left_out)}: they were left out.")
        return measured | parse_durations(texts)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
