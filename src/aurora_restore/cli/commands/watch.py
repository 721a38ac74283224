"""`watch`: an operation, followed to its end."""

from __future__ import annotations

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import (
    Command,
    interval_option,
    json_option,
    operation_argument,
    region_option,
    timeout_option,
)
from aurora_restore.cli.running import WATCH_MINUTES, show_end, watch_to_the_end
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.watching import WatchLimits


@click.command(cls=Command)
@operation_argument()
@region_option()
@timeout_option(WATCH_MINUTES)
@interval_option(1.0)
@json_option()
def watch(
    operation_id: str, region: str | None, timeout_minutes: float, interval: float, json_output: bool
) -> ExitCode:
    """Watch an operation to its end, the cleanup after it included.

    Reading only: leave it with ctrl-c and take it up again whenever you like. With --json each change is one line,
    the whole record each time.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    limits = WatchLimits(timeout_minutes * 60, interval)
    record = watch_to_the_end(screen, pipeline, operation_id, limits)
    show_end(screen, record)
    return exit_code_of_record(record)
