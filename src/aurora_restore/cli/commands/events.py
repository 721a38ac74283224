"""`events`: the audit events of an operation."""

from __future__ import annotations

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, operation_argument, region_option
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.events import render_events


@click.command(cls=Command)
@operation_argument()
@region_option()
@json_option()
def events(operation_id: str, region: str | None, json_output: bool) -> ExitCode:
    """Show the audit events of an operation, oldest first.

    They say what was done, when, and to what. They are written once and never changed; the stack's parameter
    RecordRetentionDays says how long they are kept.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    found = pipeline.audit.trail(operation_id)
    if not found:
        raise OperationNotFound(f"There are no audit events of {operation_id} in {pipeline.region}.")
    if screen.json_output:
        screen.data(found)
    screen.show(render_events(found))
    return ExitCode.OK
