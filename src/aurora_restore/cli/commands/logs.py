"""`logs`: what the pipeline's functions logged about an operation."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, operation_argument, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.log_entries import render_entry
from aurora_restore.cli.views.record import OperationView, view_operation

BEFORE = timedelta(minutes=5)
"""The clocks of the functions and of Step Functions may differ by that."""
AFTER = timedelta(days=8)
"""A replaced cluster may be kept for seven days after the end; what removes it logs under the same id."""


@click.command(cls=Command)
@operation_argument()
@option("--errors", "errors_only", is_flag=True, help="Only warnings and errors.")
@region_option()
@json_option()
def logs(operation_id: str, errors_only: bool, region: str | None, json_output: bool) -> ExitCode:
    """Show the logs of an operation, those of all functions in the order of their times.

    With --json each entry is one line.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    record = pipeline.records.load(operation_id)
    if record is None:
        raise OperationNotFound(f"There is no operation {operation_id} in {pipeline.region}.")
    begin, end = _time_range(view_operation(record), utc_now())
    found = 0
    for entry in pipeline.logs.of_operation(operation_id, begin, end):
        if errors_only and not entry.is_problem:
            continue
        found += 1
        if screen.json_output:
            screen.data_line(entry.to_item())
        screen.line(render_entry(entry))
    if not found:
        screen.note("No log entries were found: CloudWatch Logs may have removed them (LogRetentionDays).")
    return ExitCode.OK


def _time_range(view: OperationView, now: datetime) -> tuple[datetime, datetime]:
    """From just before the operation to some time after it: CloudWatch Logs searches by time."""
    begin = (view.started or now - AFTER) - BEFORE
    end = min(now, view.ended + AFTER) if view.ended else now
    return begin, end + BEFORE
