"""The command `undo`: the replaced cluster back in its place, while it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import (
    Command,
    interval_option,
    json_option,
    name_option,
    operation_argument,
    option,
    region_option,
    timeout_option,
)
from aurora_restore.cli.running import (
    START_GRACE_SECONDS,
    WATCH_MINUTES,
    begin,
    say_started,
    show_end,
    utc_now,
    wait_for_plan,
    watch_to_the_end,
)
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.common import facts, minute_time
from aurora_restore.cli.views.record import OperationView, view_operation
from aurora_restore.cli.views.replacement import replaced_name, retired_name
from aurora_restore.cli.watching import WatchLimits
from aurora_restore.domain.errors import NothingKept
from aurora_restore.domain.states import OperationStatus, RetirementState

PREFIX = "undo"


@click.command(cls=Command)
@operation_argument()
@option(
    "--final-snapshot/--no-final-snapshot",
    default=True,
    show_default=True,
    help="Whether a final snapshot of the restored cluster is made before it is deleted.",
)
@option("--dry-run", is_flag=True, help="Check everything, touch nothing, and show the plan.")
@option("--watch", "watch_it", is_flag=True, help="Watch it to its end.")
@name_option(PREFIX)
@region_option()
@timeout_option(WATCH_MINUTES)
@interval_option(1.0)
@json_option()
def undo(
    operation_id: str,
    final_snapshot: bool,
    dry_run: bool,
    watch_it: bool,
    name: str | None,
    region: str | None,
    timeout_minutes: float,
    interval: float,
    json_output: bool,
) -> ExitCode:
    """Put the replaced cluster back, while it is kept.

    It is that of OPERATION (--keep-replaced-hours). The kept cluster is started and takes its name back, with the
    data that it had. The cluster that OPERATION restored is renamed and deleted after a final snapshot: what was
    written to it since is in that snapshot only. An undo is an operation of its own: watch, status and cancel take
    its id.
    """
    screen = make_screen(json_output)
    pipeline = connect(resolve_region(region))
    # Whether the kept cluster really exists is for the pipeline to see.
    found = pipeline.records.load(operation_id)
    if found is None:
        raise OperationNotFound(f"There is no operation {operation_id} in {pipeline.region}.")
    view = view_operation(found)
    if view.status != OperationStatus.SUCCEEDED or view.record.retirement.state is not RetirementState.KEPT:
        raise NothingKept(why_nothing_is_kept(view))
    screen.show(describe_undo(view, final_snapshot, utc_now()))
    screen.show()
    undo_id = begin(pipeline, undo_request(operation_id, final_snapshot, dry_run), name, PREFIX)
    if not (watch_it or dry_run):
        say_started(screen, pipeline, undo_id, {"undo_operation_id": operation_id})
        return ExitCode.OK
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=START_GRACE_SECONDS)
    # A dry run takes seconds: it has a moving line, and no phases to be followed.
    if dry_run:
        record = wait_for_plan(screen, pipeline, undo_id, limits.timeout / 60, limits.interval)
        if screen.json_output:
            screen.data(record)
    else:
        screen.line(f"Started {undo_id} in {pipeline.region}.")
        record = watch_to_the_end(screen, pipeline, undo_id, limits)
    show_end(screen, record)
    return exit_code_of_record(record)


def undo_request(operation_id: str, final_snapshot: bool, dry_run: bool) -> dict[str, Any]:
    """The execution's input; what is left to the pipeline's defaults is not in it."""
    request: dict[str, Any] = {"undo_operation_id": operation_id}
    if not final_snapshot:
        request["final_snapshot"] = False
    if dry_run:
        request["dry_run"] = True
    return request


def why_nothing_is_kept(view: OperationView) -> str:
    """Why an operation cannot be undone, as far as its record shows."""
    name, retirement = replaced_name(view), view.record.retirement
    if not (view.record.replaced or view.record.switch_over):
        return f"{view.operation_id} replaced no cluster: there is nothing to put back."
    snapshot = retirement.final_snapshot_identifier
    where = f" Its final snapshot is {snapshot}." if snapshot else ""
    if not view.is_closed:
        return (
            f"{view.operation_id} has not ended yet: it can be undone after that, if it keeps the cluster. "
            "Before the switch, `aurora-restore cancel` leaves everything as it was."
        )
    if view.goes_back:
        return f"{view.operation_id} ended {view.status}: the old cluster has its name; there is nothing to put back."
    match retirement.state:
        case RetirementState.UNDONE:
            return f"The cluster that {view.operation_id} replaced is already {name} again."
        case RetirementState.BEGUN:
            return f"The cluster that {view.operation_id} replaced is being removed just now.{where}"
    return f"The cluster that {view.operation_id} replaced was removed.{where}"


def describe_undo(view: OperationView, final_snapshot: bool, now: datetime) -> Any:
    """What an undo of this operation does, to which clusters."""
    name = replaced_name(view)
    until = view.record.retirement.keep_until
    since = f" since {minute_time(view.switched, now)}" if view.switched else ""
    deleted = f"is renamed to its retired name, and deleted {'after' if final_snapshot else 'WITHOUT'} a final snapshot"
    lost = "is in that snapshot only" if final_snapshot else "is lost"
    snapshot = f"{deleted}: what was written to it{since} {lost}"
    return facts(
        [
            ("undoes", view.operation_id),
            (
                "puts back",
                f"{retired_name(view)}, which is started and becomes {name} again, with the data that it had",
            ),
            ("removes", f"the cluster that has the name {name} now: it {snapshot}"),
            ("no name for", "a minute or two, while the names are changed; nothing is disturbed before that"),
            ("kept until", minute_time(until, now) if until else None),
        ]
    )
