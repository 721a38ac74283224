"""`status`: everything that is known about an operation, once."""

from __future__ import annotations

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import Command, json_option, operation_argument, region_option
from aurora_restore.cli.running import show_connect_command, sleep, utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits


@click.command(cls=Command)
@operation_argument()
@region_option()
@json_option()
def status(operation_id: str, region: str | None, json_output: bool) -> ExitCode:
    """Show everything that is known about an operation, once.

    The exit status is that of the operation once it has ended, and 0 while it runs or is cleaned up.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    # One look of a watch, without its patience, so that both show the same.
    watcher = Watcher(pipeline, utc_now, sleep, WatchLimits(record_grace=0))
    observation = next(watcher.observations(operation_id))
    if screen.json_output:
        screen.data(observation.record)
        if observation.notice:
            screen.note(observation.notice)
    view = view_operation(observation.record, observation.execution_status)
    screen.show(render_status(view, utc_now(), observation.notice))
    show_connect_command(screen, view)
    return exit_code_of_record(observation.record) if observation.is_final else ExitCode.OK
