"""`plan`: a dry run, and what it found."""

from __future__ import annotations

from typing import Any

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import (
    Command,
    interval_option,
    json_option,
    name_option,
    region_option,
    timeout_option,
)
from aurora_restore.cli.request import request_options
from aurora_restore.cli.running import PLAN_MINUTES, begin, show_end, wait_for_plan
from aurora_restore.cli.screen import make_screen


@click.command(cls=Command)
@request_options
@name_option("restore")
@region_option()
@timeout_option(PLAN_MINUTES)
@interval_option(0.5)
@json_option()
def plan(
    request: dict[str, Any],
    name: str | None,
    region: str | None,
    timeout_minutes: float,
    interval: float,
    json_output: bool,
) -> ExitCode:
    """Check a restore without touching anything, and show what it would make and replace.

    The pipeline itself does it (a dry run): what is shown is what `start` with the same options would do, or every
    problem that it would be refused for. Exit status 0 for a plan, 3 where the request is refused.
    """
    screen = make_screen(json_output)
    request |= {"dry_run": True}
    pipeline = connect(resolve_region(region, request))
    operation_id = begin(pipeline, request, name)
    record = wait_for_plan(screen, pipeline, operation_id, timeout_minutes, interval)
    if screen.json_output:
        screen.data(record)
    show_end(screen, record)
    return exit_code_of_record(record)
