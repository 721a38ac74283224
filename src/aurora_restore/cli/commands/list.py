"""`list`: the recent operations of a Region."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import OPEN, OperationStatus

MAX_LISTED = 1000
DEFAULT_SINCE = "7d"


@click.command("list", cls=Command)
@option(
    "--status",
    "status_filter",
    type=click.Choice([status.value for status in OperationStatus], case_sensitive=False),
    help="Only operations with this status.",
)
@option(
    "--since",
    help="How far back: `36h`, `7d`, or a day YYYY-MM-DD (UTC). Default: 7d, and what is under way however old it is.",
)
@option("--day", help="Only operations that began on this UTC day: YYYY-MM-DD, `today` or `yesterday`.")
@option("--target", metavar="CLUSTER", help="Only operations on this target cluster.")
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
    status_filter: str | None,
    since: str | None,
    day: str | None,
    target: str | None,
    limit: int,
    region: str | None,
    json_output: bool,
) -> ExitCode:
    """List recent operations: what is under way first, then the newest."""
    screen = make_screen(json_output)
    now = utc_now()
    if since and day:
        raise UsageProblem("--since and --day are two ways to say from when: give one of them.")
    begin, end = parse_day(day, now) if day else (parse_since(since or DEFAULT_SINCE, now), None)
    table = connect(resolve_region(region)).records
    chosen = [status_filter] if status_filter else [status.value for status in OperationStatus]
    # RDS writes names in small letters, and so does the record.
    cluster = target.lower() if target else None
    under_way = [status for status in chosen if status in OPEN]
    # What has been under way for longer than the usual time is what an operator looks for.
    open_since = begin if since or day else None
    found = [
        table.find(under_way, open_since, end, cluster, limit),
        table.find([status for status in chosen if status not in OPEN], begin, end, cluster, limit),
    ]
    everything = [item for each in found for item in each.items]
    # Also what an operator marked by hand is under way until its cleanup has closed it; the sort keeps newest first.
    everything.sort(key=lambda item: Record.read(item).start_text, reverse=True)
    records = sorted(everything, key=lambda item: Record.read(item).is_closed)[:limit]
    if screen.json_output:
        screen.data(records)
    views = [view_operation(record) for record in records]
    screen.show(render_operations(views, now, screen.out.width))
    unfinished = [each for each in found if not each.is_complete]
    if len(everything) > limit or any(len(each.items) == limit for each in unfinished):
        screen.say(f"The first {limit}; --limit shows more.")
    elif unfinished:
        screen.say("Not all records were looked at: --day or --since narrows the search.")
    return ExitCode.OK


def parse_day(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment of a UTC day, `today` or `yesterday`. Raises UsageProblem."""
    ago = {"today": 0, "yesterday": 1}.get(text.lower())
    try:
        begin = (
            datetime.combine(now.astimezone(UTC).date() - timedelta(days=ago), time.min, UTC)
            if ago is not None
            else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        )
    except ValueError as error:
        raise UsageProblem(
            f"--day `{text}` is neither a day YYYY-MM-DD nor `today` nor `yesterday`."
        ) from error
    # Times are written in milliseconds.
    return begin, begin + timedelta(days=1) - timedelta(milliseconds=1)


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
