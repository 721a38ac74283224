"""`plan`: a dry run, and what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.costing import cost_options, costs_of, read_cost_options
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
from aurora_restore.cli.running import PLAN_MINUTES, begin, show_end, utc_now, wait_for_plan
from aurora_restore.cli.screen import make_screen


@click.command(cls=Command)
@request_options
@cost_options()
@name_option("restore")
@region_option()
@timeout_option(PLAN_MINUTES)
@interval_option(0.5)
@json_option()
def plan(
    request: dict[str, Any],
    prices_file: Path | None,
    size_gib: float | None,
    name: str | None,
    region: str | None,
    timeout_minutes: float,
    interval: float,
    json_output: bool,
) -> ExitCode:
    """Check a restore without touching anything, and show what it would make and replace.

    The pipeline itself does it (a dry run): what is shown is what `start` with the same options would do, or every
    problem that it would be refused for. Then come the costs, and why. Exit status 0 for a plan, 3 where the request is
    refused.
    """
    screen = make_screen(json_output)
    options = read_cost_options(prices_file, size_gib)
    request |= {"dry_run": True}
    pipeline = connect(resolve_region(region, request))
    operation_id = begin(pipeline, request, name)
    record = wait_for_plan(screen, pipeline, operation_id, timeout_minutes, interval)
    with screen.busy("Adding up the costs"):
        costs = costs_of(record, options, pipeline.region, utc_now())
    if screen.json_output:
        screen.data({**record, "costs": costs.to_item()} if costs else record)
    show_end(screen, record, costs)
    return exit_code_of_record(record)
