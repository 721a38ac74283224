"""`archive`: old operations into a bucket, and out of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

from aurora_restore.cli.archiving import Archived, archive_operations, find_candidates
from aurora_restore.cli.commands.deploy import says_yes
from aurora_restore.cli.connection import connect_archive, resolve_region
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.places import read_place
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.archive import archived_item, render_archived, render_candidates
from aurora_restore.domain.archiving import Candidate
from aurora_restore.domain.counting import counted


@click.command(cls=Command)
@option("--before", metavar="YYYY-MM-DD", required=True, help="Operations that ended before this UTC day.")
@option("--to", "place_text", metavar="S3_PLACE", required=True, help="Where to: s3://BUCKET/PREFIX.")
@option("--dry-run", is_flag=True, help="Show what would be archived; touch nothing.")
@option("--yes", "-y", is_flag=True, help="Archive without asking.")
@region_option()
@json_option()
def archive(
    before: str, place_text: str, dry_run: bool, yes: bool, region: str | None, json_output: bool
) -> ExitCode:
    """Move old operations, each with its audit events, from the tables into a bucket.

    An operation that is not at its end, or whose replaced cluster or snapshots are kept still, stays. Each one is
    written, read back and compared before it is removed. `audit OPERATION --verify --archive` verifies it there.
    """
    screen = make_screen(json_output)
    day, place = read_day(before), read_place("--to", place_text)
    moving = connect_archive(resolve_region(region), place)
    now = utc_now()
    found = find_candidates(moving, day, now)
    ready = [each.operation_id for each in found if each.why_not is None]
    screen.say(f"Operations of {moving.pipeline.region} that ended before {before} (UTC)")
    screen.show(render_candidates(found))
    if dry_run or not ready:
        _show_data(screen, str(place), found, None)
        return ExitCode.OK
    # Without a terminal the question cannot be answered, and no answer must not count as a yes.
    if not yes and not screen.interactive:
        raise UsageProblem(
            "There is no terminal to ask at, so nothing was moved.", "Give --yes to move them."
        )
    if not yes and not says_yes(f"Move {counted(len(ready), 'operation')} to {place}?"):
        screen.note("Nothing was moved.")
        raise click.exceptions.Exit(ExitCode.OK)
    done = archive_operations(moving, ready, now, lambda name: screen.line(f"  moved {name}"))
    screen.show(render_archived(done, str(place)))
    _show_data(screen, str(place), found, done)
    return ExitCode.OPERATION_FAILED if done.broken else ExitCode.OK


def read_day(text: str) -> datetime:
    """The beginning of a UTC day. Raises UsageProblem."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageProblem(f"--before `{text}` is not a day written as YYYY-MM-DD.") from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _show_data(screen: Screen, place: str, found: Sequence[Candidate], done: Archived | None) -> None:
    if screen.json_output:
        screen.data(archived_item(place, found, done))
