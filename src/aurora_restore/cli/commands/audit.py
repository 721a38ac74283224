"""`audit`: what happened in the operations of some days, what of it is unusual, and whether the events verify."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import click

from aurora_restore.cli.archiving import read_archived
from aurora_restore.cli.auditing import AuditedOperation, operations_between, read_audited
from aurora_restore.cli.connection import connect, connect_archive, resolve_region
from aurora_restore.cli.errors import OperationNotFound, UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, Operation, json_option, option, region_option
from aurora_restore.cli.places import read_place
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.audit import render_audit, render_audited, render_verification

DEFAULT_DAYS = 7
MOST_DAYS = 366


@click.command(cls=Command)
@click.argument("operation_id", metavar="[OPERATION]", required=False, cls=Operation)
@option("--day", metavar="YYYY-MM-DD", help="Only the operations of this UTC day.")
@option(
    "--days",
    metavar="DAYS",
    type=click.IntRange(1, MOST_DAYS),
    help=f"Only the operations of the last days, today's among them. Default: {DEFAULT_DAYS}.",
)
@option(
    "--verify",
    "verify_it",
    is_flag=True,
    help="Show whether the events verify, what is wrong and where. Exit status 1 where something is.",
)
@option(
    "--archive", "place_text", metavar="S3_PLACE", help="Of OPERATION as `archive --to` has kept it there."
)
@region_option()
@json_option()
def audit(
    operation_id: str | None,
    day: str | None,
    days: int | None,
    verify_it: bool,
    place_text: str | None,
    region: str | None,
    json_output: bool,
) -> ExitCode:
    """Show what is unusual in the operations of some days, and verify their audit events.

    Of one OPERATION all events are shown. Each audit event carries the hash of the one before it, and the record
    that of the last one: an event that was edited, removed or inserted is found, and named with its place.
    """
    screen = make_screen(json_output)
    if sum(each is not None for each in (operation_id, day, days)) > 1:
        raise UsageProblem("OPERATION, --day and --days exclude each other.")
    now = utc_now()
    first, last = _days(day, days, now)
    if place_text is not None:
        if operation_id is None:
            raise UsageProblem("--archive shows one OPERATION: name it.")
        objects = connect_archive(resolve_region(region), read_place("--archive", place_text)).objects
        return _show_one(screen, read_archived(objects, operation_id, now), verify_it, now)
    pipeline = connect(resolve_region(region))
    if operation_id is not None:
        audited = read_audited(pipeline, operation_id, now)
        if audited is None:
            raise OperationNotFound(
                f"There is neither a record nor an audit event of {operation_id} in {pipeline.region}."
            )
        return _show_one(screen, audited, verify_it, now)
    names, has_more = operations_between(pipeline, first, last)
    found = (read_audited(pipeline, name, now) for name in names)
    # What weighs most is first; what is alike stays in the order of time.
    operations = sorted((each for each in found if each is not None), key=lambda each: each.weight)
    if screen.json_output:
        screen.data(
            {
                "region": pipeline.region,
                "first_day": first.isoformat(),
                "last_day": last.isoformat(),
                "operations": [each.to_item() for each in operations],
            }
        )
    which = f"{first} (UTC)" if first == last else f"{first} to {last} (UTC)"
    screen.say(f"Audit of {which} in {pipeline.region}")
    screen.show(
        render_verification(operations, now) if verify_it and operations else render_audit(operations, now)
    )
    if has_more:
        screen.note(f"Only the newest {len(operations)} are shown; --day shows those of one day.")
    return _exit_code(operations, verify_it)


def _show_one(screen: Screen, audited: AuditedOperation, verify_it: bool, now: datetime) -> ExitCode:
    if screen.json_output:
        screen.data(audited.to_item() if verify_it else {**audited.to_item(), "events": list(audited.events)})
    screen.show(render_verification([audited], now) if verify_it else render_audited(audited, now))
    return _exit_code([audited], verify_it)


def _exit_code(operations: list[AuditedOperation], verify_it: bool) -> ExitCode:
    # Without --verify the audit is a view, and says nothing of its own about success.
    return (
        ExitCode.OPERATION_FAILED if verify_it and any(each.is_broken for each in operations) else ExitCode.OK
    )


def _days(day: str | None, days: int | None, now: datetime) -> tuple[date, date]:
    """The first and the last day. Raises UsageProblem."""
    if day is None:
        return now.date() - timedelta(days=(days or DEFAULT_DAYS) - 1), now.date()
    try:
        one = date.fromisoformat(day)
    except ValueError as error:
        raise UsageProblem(f"--day `{day}` is not a day written as YYYY-MM-DD.") from error
    if one.isoformat() != day:
        raise UsageProblem(f"--day `{day}` is not a day written as YYYY-MM-DD.")
    return one, one
