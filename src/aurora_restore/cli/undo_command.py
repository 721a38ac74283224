"""The command `undo`: the replaced cluster back in its place, while it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import exit_code_of_record
from aurora_restore.cli.help import NamesFirstCommand
from aurora_restore.cli.options import JsonOption, RegionOption, TimeoutOption, with_options
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.request import read_operation_id
from aurora_restore.cli.running import (
    START_GRACE_SECONDS,
    WATCH_MINUTES,
    IntervalOption,
    OperationArgument,
    begin,
    say_started,
    show_end,
    utc_now,
    wait_for_plan,
    watch_to_the_end,
)
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.common import facts, minute_time
from aurora_restore.cli.views.record import SUCCEEDED, OperationView, view_operation
from aurora_restore.cli.views.record_fields import text_of, time_of
from aurora_restore.cli.views.replacement import KEPT, aside_name, replaced_name
from aurora_restore.cli.watching import WatchLimits
from aurora_restore.domain.errors import NothingKept

PREFIX = "undo"

NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="The id of the undo: up to 80 letters, digits, `-` and `_`. Default: undo-YYYYMMDD-HHMMSS.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class UndoOptions:
    """What only this command can be given."""

    final_snapshot: Annotated[
        bool,
        typer.Option(
            "--final-snapshot/--no-final-snapshot",
            help="Whether a last snapshot is made of the restored cluster before it is deleted.",
        ),
    ] = True
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, touch nothing, and show the plan.")
    ] = False
    watch_it: Annotated[bool, typer.Option("--watch", help="Watch it to its end.")] = False


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(PREFIX, cls=NamesFirstCommand, rich_help_panel="Restores")(with_options(UndoOptions, undo))


def undo(
    operation_id: OperationArgument,
    options: UndoOptions,
    name: NameOption = None,
    region: RegionOption = None,
    timeout_minutes: TimeoutOption = WATCH_MINUTES,
    interval: IntervalOption = 1.0,
    json_output: JsonOption = False,
) -> None:
    """Put the cluster back that OPERATION replaced, while it is kept (--keep-replaced-hours).

    The kept cluster is started and takes its name back, with the data that it had. The cluster that OPERATION
    restored is renamed aside and deleted after a last snapshot: what was written to it since is in that snapshot
    only. An undo is an operation of its own: watch, status and cancel take its id.
    """
    screen = make_screen(json_output)
    if name is not None:
        read_operation_id(name)
    pipeline = connect(resolve_region(region))
    view = _kept(pipeline, operation_id)
    screen.show(describe_undo(view, options.final_snapshot, utc_now()))
    screen.show()
    undo_id = begin(pipeline, undo_request(operation_id, options), name, PREFIX)
    if not (options.watch_it or options.dry_run):
        say_started(screen, pipeline, undo_id, {"undo_operation_id": operation_id})
        return
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=START_GRACE_SECONDS)
    record = _follow(screen, pipeline, undo_id, options.dry_run, limits)
    show_end(screen, record)
    raise typer.Exit(exit_code_of_record(record))


def undo_request(operation_id: str, options: UndoOptions) -> dict[str, Any]:
    """The execution's input; what is left to the pipeline's defaults is not in it."""
    request: dict[str, Any] = {"undo_operation_id": operation_id}
    if not options.final_snapshot:
        request["final_snapshot"] = False
    if options.dry_run:
        request["dry_run"] = True
    return request


def _kept(pipeline: Pipeline, operation_id: str) -> OperationView:
    """The operation whose replaced cluster is kept. Whether it really stands there is for the pipeline to see.

    Raises:
        OperationNotFound, NothingKept
    """
    record = pipeline.records.load(operation_id)
    if record is None:
        raise OperationNotFound(f"There is no operation {operation_id} in {pipeline.region}.")
    view = view_operation(record)
    if view.status != SUCCEEDED or view.section("retirement").get("state") != KEPT:
        raise NothingKept(why_nothing_is_kept(view))
    return view


def why_nothing_is_kept(view: OperationView) -> str:
    """Why an operation cannot be undone, as far as its record tells."""
    name, retirement = replaced_name(view), view.section("retirement")
    if not (view.section("replaced") or view.section("switch_over")):
        return f"{view.operation_id} replaced no cluster: there is nothing to put back."
    snapshot = text_of(retirement, "final_snapshot_identifier")
    where = f" Its last snapshot is {snapshot}." if snapshot else ""
    if not view.is_closed:
        return (
            f"{view.operation_id} has not ended yet: it can be undone after that, if it keeps the cluster. "
            "Before the switch, `aurora-restore cancel` leaves everything as it was."
        )
    if view.goes_back:
        return f"{view.operation_id} ended {view.status}: what stood before stands there, and nothing is to put back."
    match retirement.get("state"):
        case "UNDONE":
            return f"The cluster that {view.operation_id} replaced stands as {name} again already."
        case "BEGUN":
            return f"The cluster that {view.operation_id} replaced is being removed just now.{where}"
    return f"The cluster that {view.operation_id} replaced was removed.{where}"


def describe_undo(view: OperationView, final_snapshot: bool, now: datetime) -> Any:
    """What an undo of this operation does, to which clusters."""
    name = replaced_name(view)
    until = time_of(view.section("retirement"), "keep_until")
    since = f" since {minute_time(view.switched, now)}" if view.switched else ""
    snapshot = (
        f"is renamed aside, and deleted after a last snapshot: what was written to it{since} is only there then"
        if final_snapshot
        else f"is renamed aside, and deleted WITHOUT a last snapshot: what was written to it{since} is lost"
    )
    return facts(
        [
            ("undoes", view.operation_id),
            (
                "puts back",
                f"{aside_name(view)}, which is started and becomes {name} again, with the data that it had",
            ),
            ("removes", f"the cluster that has the name {name} now: it {snapshot}"),
            ("no name for", "a minute or two, while the names are changed; nothing is disturbed before that"),
            ("kept until", minute_time(until, now) if until else None),
        ]
    )


def _follow(
    screen: Screen, pipeline: Pipeline, undo_id: str, dry_run: bool, limits: WatchLimits
) -> Mapping[str, Any]:
    if dry_run:
        record = wait_for_plan(screen, pipeline, undo_id, limits.timeout / 60, limits.interval)
        if screen.json_output:
            screen.data(record)
        return record
    screen.line(f"Started {undo_id} in {pipeline.region}.")
    return watch_to_the_end(screen, pipeline, undo_id, limits)
