"""The commands about operations: `plan`, `start`, `watch`, `status`, `list`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import WrongUse
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.follow import follow
from aurora_restore.cli.help import NamesFirstCommand
from aurora_restore.cli.options import JsonOption, RegionOption, TimeoutOption, with_request_options
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.request import RequestOptions, new_operation_id, read_operation_id
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.common import heading
from aurora_restore.cli.views.connect import connect_command, password_secret
from aurora_restore.cli.views.operation import render_outcome, render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import RUNNING, OperationView, view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits

_LIST_MOST = 1000
_NAME_TRIES = 5
_START_GRACE_SECONDS = 10.0
_PLAN_MINUTES = 10.0
_WATCH_MINUTES = 48 * 60.0
# Where the certificates are that sign the database servers' own; `local env` sets it.
CA_BUNDLE_VARIABLE = "DATABASE_CA_BUNDLE"

OperationArgument = Annotated[
    str, typer.Argument(metavar="OPERATION", help="The operation's id, e.g. restore-20230615-123456.")
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="The operation's id: up to 80 letters, digits, `-` and `_`. Default: restore-YYYYMMDD-HHMMSS.",
        show_default=False,
    ),
]
IntervalOption = Annotated[
    float, typer.Option("--interval", metavar="SECONDS", help="Seconds between looks.", min=0.1, max=300)
]


class Status(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("plan", cls=NamesFirstCommand, rich_help_panel="Restores")(with_request_options(plan))
    app.command("start", cls=NamesFirstCommand, rich_help_panel="Restores")(with_request_options(start))
    app.command("watch", cls=NamesFirstCommand, rich_help_panel="Restores")(watch)
    app.command("status", cls=NamesFirstCommand, rich_help_panel="Restores")(status)
    app.command("list", cls=NamesFirstCommand, rich_help_panel="Restores")(list_operations)


def utc_now() -> datetime:
    return datetime.now(UTC)


def plan(
    options: RequestOptions,
    name: NameOption = None,
    region: RegionOption = None,
    timeout_minutes: TimeoutOption = _PLAN_MINUTES,
    interval: IntervalOption = 0.5,
    json_output: JsonOption = False,
) -> None:
    """Check a restore without touching anything, and show what it would make.

    The pipeline itself does it (a dry run): what is shown is what `start` with the same options would do, or every
    fault that stands in its way. Exit status 0 for a plan, 3 where the request is refused.
    """
    screen = make_screen(json_output)
    pipeline, operation_id = _begin(options.to_request() | {"dry_run": True}, name, region)
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=_START_GRACE_SECONDS)
    record: Mapping[str, Any] = {}
    with screen.busy(f"Checking, as {operation_id} in {pipeline.region}"):
        for observation in Watcher(pipeline, utc_now, time.sleep, limits).observations(operation_id):
            record = observation.record
    _show_end(screen, record)


def start(
    options: RequestOptions,
    name: NameOption = None,
    region: RegionOption = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Watch it to its end.")] = False,
    timeout_minutes: TimeoutOption = _WATCH_MINUTES,
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
        _say_started(screen, pipeline, operation_id)
        return
    screen.line(f"Started {operation_id} in {pipeline.region}.")
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=_START_GRACE_SECONDS)
    _watch(screen, pipeline, operation_id, limits)


def watch(
    operation_id: OperationArgument,
    region: RegionOption = None,
    timeout_minutes: TimeoutOption = _WATCH_MINUTES,
    interval: IntervalOption = 1.0,
    json_output: JsonOption = False,
) -> None:
    """Watch an operation to its end.

    Reading only: leave it with ctrl-c and take it up again whenever you like. With --json each change is one line,
    the whole record each time.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    _watch(screen, pipeline, operation_id, WatchLimits(timeout_minutes * 60, interval))


def status(
    operation_id: OperationArgument, region: RegionOption = None, json_output: JsonOption = False
) -> None:
    """Show everything that is known about an operation, once.

    The exit status is that of the operation once it has ended, and 0 while it runs.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    limits = WatchLimits(close_grace=0)
    observation = next(Watcher(pipeline, utc_now, time.sleep, limits).observations(operation_id))
    if observation.notice:
        screen.note(observation.notice)
    record = observation.record
    if screen.json_output:
        screen.data(record)
    view = view_operation(record)
    screen.show(render_status(view, utc_now()))
    show_connect_command(screen, view)
    raise typer.Exit(ExitCode.OK if record.get("status") == RUNNING else exit_code_of_record(record))


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
    operation_id = None if name is None else read_operation_id(name)
    pipeline = connect(resolve_region(region, request))
    if operation_id is None:
        return pipeline, start_under_new_name(pipeline, request, utc_now, time.sleep)
    pipeline.executions.start(operation_id, request)
    return pipeline, operation_id


def start_under_new_name(
    pipeline: Pipeline,
    request: Mapping[str, Any],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> str:
    """Start under the customary name; where another has the name of this second, under that of a later one.

    Raises:
        ExecutionAlreadyExists: the names of several seconds were all taken.
    """
    from aurora_restore.aws.executions import ExecutionAlreadyExists  # noqa: PLC0415 - boto3 is slow to load

    for tries_left in reversed(range(_NAME_TRIES)):
        operation_id = new_operation_id(now())
        try:
            pipeline.executions.start(operation_id, request)
        except ExecutionAlreadyExists:
            if not tries_left:
                raise
            sleep(1 - now().microsecond / 1_000_000)
        else:
            break
    return operation_id


def _say_started(screen: Screen, pipeline: Pipeline, operation_id: str) -> None:
    execution = pipeline.executions.find(operation_id)
    if screen.json_output:
        arn = execution.execution_arn if execution else None
        screen.data({"operation_id": operation_id, "region": pipeline.region, "execution_arn": arn})
    screen.line(f"Started {operation_id} in {pipeline.region}.")
    screen.line(f"Watch it with: aurora-restore watch {operation_id} --region {pipeline.region}")


def _watch(screen: Screen, pipeline: Pipeline, operation_id: str, limits: WatchLimits) -> None:
    watcher = Watcher(pipeline, utc_now, time.sleep, limits)
    try:
        record = follow(screen, watcher.observations(operation_id), utc_now)
    except KeyboardInterrupt:
        screen.note(
            f"Left. The operation goes on; take it up again with: "
            f"aurora-restore watch {operation_id} --region {pipeline.region}"
        )
        raise typer.Exit(ExitCode.LEFT) from None
    screen.show()
    _show_end(screen, record, already_printed=True)


def _show_end(screen: Screen, record: Mapping[str, Any], already_printed: bool = False) -> None:
    if screen.json_output and not already_printed:
        screen.data(record)
    view = view_operation(record)
    screen.show(render_outcome(view, utc_now()))
    show_connect_command(screen, view)
    raise typer.Exit(exit_code_of_record(record))


def show_connect_command(screen: Screen, view: OperationView, database: str | None = None) -> None:
    """Say how to connect, in one line that can be copied whole, however narrow the terminal is."""
    bundle = os.environ.get(CA_BUNDLE_VARIABLE)
    command = connect_command(view.section("restore_details"), view.section("plan"), bundle, database)
    if command and view.status == "SUCCEEDED":
        screen.show()
        screen.show(heading("Connect"))
        screen.line(f"  {command}")
        if secret := password_secret(view.section("restore_details"), view.section("plan")):
            screen.line(f"  The password is in the secret {secret}.")
