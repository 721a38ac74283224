"""`list`: the recent operations of a Region."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.states import OperationStatus

MAX_LISTED = 1000


@click.command("list", cls=Command)
@option(
    "--status",
    "status_filter",
    type=click.Choice([status.value for status in OperationStatus], case_sensitive=False),
    help="Only operations with this status.",
)
@option(
    "--since",
    default="7d",
    show_default=True,
    help="How far back: `36h`, `7d`, or a day YYYY-MM-DD (UTC).",
)
@option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    default=20,
    show_default=True,
    help="Show at most this many.",
)
@region_option()
@json_option()
def list_operations(
    status_filter: str | None, since: str, limit: int, region: str | None, json_output: bool
) -> ExitCode:
    """List recent operations, newest first."""
    screen = make_screen(json_output)
    begun_since = parse_since(since, utc_now())
    table = connect(resolve_region(region)).records
    records = (
        table.list_by_status(status_filter, begun_since, limit)
        if status_filter
        else table.list_recent(begun_since, limit)
    )
    if screen.json_output:
        screen.data(records)
    views = [view_operation(record) for record in records]
    screen.show(render_operations(views, utc_now(), screen.out.width))
    if len(records) >= limit:
        screen.say(f"The newest {limit}; --limit shows more.")
    return ExitCode.OK


def parse_since(text: str, now: datetime) -> datetime:
    """Read `36h`, `7d` or a day. Raises UsageProblem."""
    number, unit = text[:-1], text[-1:]
    if number.isdigit() and unit in ("h", "d"):
        # Ten years at most: a time before the year 1 cannot be represented.
        return now - min(timedelta(hours=int(number) * (24 if unit == "d" else 1)), timedelta(days=3650))
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageProblem(f"--since `{text}` is neither `36h`, `7d` nor a day YYYY-MM-DD.") from error
