"""`demo`: the whole way, for real, on this machine."""

from __future__ import annotations

import importlib

import click

from aurora_restore.cli.engine_option import engine_option, engines_of
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.local_stack import load_lifecycle
from aurora_restore.cli.parameters import Command, json_option, option
from aurora_restore.cli.screen import make_screen


@click.command(cls=Command)
@option("--keep", is_flag=True, help="Leave the local stack up, with the restored cluster, to look around.")
@engine_option("Engine of production. MySQL is fetched with this machine's apt, once.", with_all=False)
@json_option()
def demo(keep: bool, engine: str | None, json_output: bool) -> ExitCode:
    """Restore yesterday's production into another Region, and prove it.

    Starts a local stack of its own where none runs, writes orders into production after the snapshot, restores the
    day before through the real state machine, and asks both databases. Takes down what it started, also when it is
    ended before its end. Under a minute.
    """
    screen = make_screen(json_output)
    load_lifecycle()  # says what is missing before an import fails for it
    proved = importlib.import_module("aurora_restore.demo.run").run_demo(
        screen, keep, engines_of(engine or "postgresql")[0]
    )
    return ExitCode.OK if proved else ExitCode.OPERATION_FAILED
