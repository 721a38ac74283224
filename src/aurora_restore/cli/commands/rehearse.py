"""`rehearse`: a restore into a scratch cluster, which is measured and deleted again."""

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
    option,
    region_option,
    timeout_option,
)
from aurora_restore.cli.request import rehearsal_options
from aurora_restore.cli.running import (
    PLAN_MINUTES,
    START_GRACE_SECONDS,
    WATCH_MINUTES,
    begin,
    say_started,
    show_end,
    wait_for_plan,
    watch_to_the_end,
)
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.watching import WatchLimits


@click.command(cls=Command)
@rehearsal_options
@name_option("rehearsal")
@region_option()
@option("--watch", "watch_it", is_flag=True, help="Watch it to its end.")
@option("--dry-run", is_flag=True, help="Check everything and show the plan; touch nothing.")
@timeout_option(WATCH_MINUTES)
@interval_option(1.0)
@json_option()
def rehearse(
    request: dict[str, Any],
    name: str | None,
    region: str | None,
    watch_it: bool,
    dry_run: bool,
    timeout_minutes: float,
    interval: float,
    json_output: bool,
) -> ExitCode:
    """Rehearse a disaster: restore into a scratch cluster, measure it, delete it again.

    The newest snapshot is taken unless another is named. The cluster is deleted whatever happens, and the record keeps
    the verdict. With --watch: exit status 0 where the rehearsal passed, 1 where it failed or missed an objective.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region, request))
    operation_id = begin(pipeline, request | ({"dry_run": True} if dry_run else {}), name, "rehearsal")
    if dry_run:
        planned = wait_for_plan(screen, pipeline, operation_id, min(timeout_minutes, PLAN_MINUTES), interval)
        if screen.json_output:
            screen.data(planned)
        show_end(screen, planned)
        return exit_code_of_record(planned)
    if not watch_it:
        say_started(screen, pipeline, operation_id)
        return ExitCode.OK
    screen.line(f"Started {operation_id} in {pipeline.region}.")
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=START_GRACE_SECONDS)
    record = watch_to_the_end(screen, pipeline, operation_id, limits)
    show_end(screen, record)
    return exit_code_of_record(record)
