"""`demo`: the whole way, for real, on this machine. What it does is in `demo.run`, loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.help import NamesFirstCommand
from aurora_restore.cli.local_stack import load_lifecycle
from aurora_restore.cli.options import JsonOption
from aurora_restore.cli.screen import make_screen


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo", cls=NamesFirstCommand, rich_help_panel="On this machine")(demo)


def demo(
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave the local stack up, with the restored cluster, to look around."),
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Restore yesterday's production into another Region, and prove it.

    Starts a local stack of its own where none runs, writes orders into production after the snapshot, restores the
    day before through the real state machine, and asks both databases. Takes down what it started, also when it is
    ended before its end. Under a minute.
    """
    screen = make_screen(json_output)
    load_lifecycle()
    proved = importlib.import_module("aurora_restore.demo.run").run_demo(screen, keep)
    raise typer.Exit(ExitCode.OK if proved else ExitCode.OPERATION_FAILED)
