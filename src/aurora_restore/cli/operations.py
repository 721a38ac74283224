"""The commands about operations: `plan`, `start`, `watch`, `status`, `list`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import WrongUse
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.help import NamesFirstCommand
from aurora_restore.cli.options import JsonOption, RegionOption, TimeoutOption, with_options
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.request import RequestOptions, read_operation_id
from aurora_restore.cli.running import (
    PLAN_MINUTES,
    START_GRACE_SECONDS,
    WATCH_MINUTES,
    IntervalOption,
    OperationArgument,
    begin,
    say_started,
    show_connect_command,
    show_end,
    utc_now,
    wait_for_plan,
    watch_to_the_end,
)
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits

_LIST_MOST = 1000

NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="The operation's id: up to 80 letters, digits, `-` and `_`. Default: restore-YYYYMMDD-HHMMSS.",
        show_default=False,
    ),
]


class Status(StrEnum):
    RUNNING = "RUNNING"
    CLEANING_UP = "CLEANING_UP"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("plan", cls=NamesFirstCommand, rich_help_panel="Restores")(with_options(RequestOptions, plan))
    app.command("start", cls=NamesFirstCommand, rich_help_panel="Restores")(
        with_options(RequestOptions, start)
    )
    app.command("watch", cls=NamesFirstCommand, rich_help_panel="Restores")(watch)
    app.command("status", cls=NamesFirstCommand, rich_help_panel="Restores")(status)
    app.command("list", cls=NamesFirstCommand, rich_help_panel="Restores")(list_operations)


def plan(
    options: RequestOptions,
    name: NameOption = None,
    region: RegionOption = None,
    timeout_minutes: TimeoutOption = PLAN_MINUTES,
    interval: IntervalOption = 0.5,
    json_output: JsonOption = False,
) -> None:
    """Check a restore without touching anything, and show what it would make and replace.

    The pipeline itself does it (a dry run): what is shown is what `start` with the same options would do, or every
    fault that stands in its way. Exit status 0 for a plan, 3 where the request is refused.
    """
    screen = make_screen(json_output)
    pipeline, operation_id = _begin(options.to_request() | {"dry_run": True}, name, region)
    record = wait_for_plan(screen, pipeline, operation_id, timeout_minutes, interval)
    if screen.json_output:
        screen.data(record)
    show_end(screen, record)
    raise typer.Exit(exit_code_of_record(record))


def start(
    options: RequestOptions,
    name: NameOption = None,
    region: RegionOption = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Watch it to its end.")] = False,
    timeout_minutes: TimeoutOption = WATCH_MINUTES,
    interval: IntervalOption = 1.0,
    json_output: JsonOption = False,
) -> None:
    """Start a restore.

    It runs in the Region's pipeline, not here: without --watch this returns at once.
    """
    screen = make_screen(json_output)
    request = options.to_request()
    pipeline, operation_id = _begin(request, name, region)
    if not watch_it:
        say_started(screen, pipeline, operation_id)
        return
    screen.line(f"Started {operation_id} in {pipeline.region}.")
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=START_GRACE_SECONDS)
    record = watch_to_the_end(screen, pipeline, operation_id, limits)
    show_end(screen, record)
    raise typer.Exit(exit_code_of_record(record))


def watch(
    operation_id: OperationArgument,
    region: RegionOption = None,
    timeout_minutes: TimeoutOption = WATCH_MINUTES,
    interval: IntervalOption = 1.0,
    json_output: JsonOption = False,
) -> None:
    """Watch an operation to its end, the cleanup after it included.

    Reading only: leave it with ctrl-c and take it up again whenever you like. With --json each change is one line,
    the whole record each time.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    limits = WatchLimits(timeout_minutes * 60, interval)
    record = watch_to_the_end(screen, pipeline, operation_id, limits)
    show_end(screen, record)
    raise typer.Exit(exit_code_of_record(record))


def status(
    operation_id: OperationArgument, region: RegionOption = None, json_output: JsonOption = False
) -> None:
    """Show everything that is known about an operation, once.

    The exit status is that of the operation once it has ended, and 0 while it runs or is tidied up.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    watcher = Watcher(pipeline, utc_now, time.sleep, WatchLimits(record_grace=0))
    observation = next(watcher.observations(operation_id))
    if screen.json_output:
        screen.data(observation.record)
        if observation.notice:
            screen.note(observation.notice)
    view = view_operation(observation.record, observation.execution_status)
    screen.show(render_status(view, utc_now(), observation.notice))
    show_connect_command(screen, view)
    raise typer.Exit(exit_code_of_record(observation.record) if observation.is_final else ExitCode.OK)


def list_operations(
    status_filter: Annotated[
        Status | None,
        typer.Option(
            "--status", help="Only operations with this status.", case_sensitive=False, show_default=False
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", help="How far back: `36h`, `7d`, or a day YYYY-MM-DD (UTC).")
    ] = "7d",
    limit: Annotated[int, typer.Option("--limit", help="The most to show.", min=1, max=_LIST_MOST)] = 20,
    region: RegionOption = None,
    json_output: JsonOption = False,
) -> None:
    """List recent operations, newest first."""
    screen = make_screen(json_output)
    begun_since = parse_since(since, utc_now())
    table = connect(resolve_region(region)).records
    records = (
        table.list_by_status(status_filter.value, begun_since, limit)
        if status_filter
        else table.list_recent(begun_since, limit)
    )
    if screen.json_output:
        screen.data(records)
    views = [view_operation(record) for record in records]
    screen.show(render_operations(views, utc_now(), screen.out.width))
    if len(records) >= limit:
        screen.say(f"The newest {limit}; --limit shows more.")


def parse_since(text: str, now: datetime) -> datetime:
    """Read `36h`, `7d` or a day. Raises WrongUse."""
    number, unit = text[:-1], text[-1:]
    if number.isdigit() and unit in ("h", "d"):
        return now - min(timedelta(hours=int(number) * (24 if unit == "d" else 1)), timedelta(days=3650))
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise WrongUse(f"--since `{text}` is neither `36h`, `7d` nor a day YYYY-MM-DD.") from error


def _begin(request: Mapping[str, Any], name: str | None, region: str | None) -> tuple[Pipeline, str]:
    if name is not None:
        read_operation_id(name)
    pipeline = connect(resolve_region(region, request))
    return pipeline, begin(pipeline, request, name)
