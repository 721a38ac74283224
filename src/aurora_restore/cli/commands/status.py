"""`status`: everything that is known about an operation, once."""

from __future__ import annotations

from pathlib import Path

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.costing import cost_options, costs_of, read_cost_options
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import Command, json_option, operation_argument, region_option
from aurora_restore.cli.running import show_connect_command, sleep, utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits


@click.command(cls=Command)
@operation_argument()
@cost_options()
@region_option()
@json_option()
def status(
    operation_id: str, prices_file: Path | None, size_gib: float | None, region: str | None, json_output: bool
) -> ExitCode:
    """Show everything that is known about an operation, once.

    Of a dry run also what the run will cost, and why. The exit status is that of the operation once it has ended, and
    0 while it runs or is cleaned up.
    """
    screen = make_screen(json_output)
    options = read_cost_options(prices_file, size_gib)
    pipeline = connect(resolve_region(region))
    # One look of a watch, without its patience, so that both show the same.
    watcher = Watcher(pipeline, utc_now, sleep, WatchLimits(record_grace=0))
    observation = next(watcher.observations(operation_id))
    view = view_operation(observation.record, observation.execution_status)
    costs = costs_of(observation.record, options, pipeline.region, utc_now()) if view.dry_run else None
    if screen.json_output:
        screen.data({**observation.record, "costs": costs.to_item()} if costs else observation.record)
        if observation.notice:
            screen.note(observation.notice)
    screen.show(render_status(view, utc_now(), observation.notice, costs))
    show_connect_command(screen, view)
    return exit_code_of_record(observation.record) if observation.is_final else ExitCode.OK
