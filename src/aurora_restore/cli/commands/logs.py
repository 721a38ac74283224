"""`logs`: what the pipeline's functions logged about an operation."""

from __future__ import annotations

from datetime import timedelta

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, operation_argument, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.log_entries import render_entry
from aurora_restore.cli.views.record import view_operation

# The clocks of the functions and of Step Functions may differ by that.
BEFORE = timedelta(minutes=5)
# A replaced cluster may be kept for seven days after the end; what removes it logs under the same id.
AFTER = timedelta(days=8)


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
    view, now = view_operation(record), utc_now()
    # CloudWatch Logs searches by time: from just before the operation to some time after it.
    begin = (view.started or now - AFTER) - BEFORE
    end = (min(now, view.ended + AFTER) if view.ended else now) + BEFORE
    found = 0
    for entry in pipeline.logs.of_operation(operation_id, begin, end):
        if errors_only and not entry.is_problem:
            continue
        found += 1
        if screen.json_output:
            screen.data_line(entry.to_item())
        screen.line(render_entry(entry))
    if not found:
        what = "No warnings or errors were" if errors_only else "No log entries were"
        screen.note(
            f"{what} found. CloudWatch Logs keeps logs for as long as the stack says (LogRetentionDays)."
        )
    return ExitCode.OK
