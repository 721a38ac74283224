"""The command `cancel`: an operation is stopped, and what it made is cleaned up, while that still is possible."""

from __future__ import annotations

from dataclasses import dataclass

import click

from aurora_restore.cli.connection import connect, resolve_region
from aurora_restore.cli.errors import AlreadySwitched, OperationEnded, OperationNotFound, UsageProblem
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.parameters import (
    Command,
    interval_option,
    json_option,
    operation_argument,
    option,
    region_option,
    timeout_option,
)
from aurora_restore.cli.pipeline import Pipeline, record_of_execution
from aurora_restore.cli.running import WATCH_MINUTES, show_end, utc_now, watch_to_the_end
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.cancelling import (
    FOOTER,
    TOO_LATE,
    after_the_switch,
    how_it_ended,
    how_to_undo,
    what_it_means,
    what_to_do_instead,
)
from aurora_restore.cli.views.record import OperationView, view_operation
from aurora_restore.cli.watching import WatchLimits
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.states import OperationStatus

# Step Functions takes more as the cause of a stop, but the record and the message are to be read by people.
MAX_REASON_CHARACTERS = 1000


@dataclass(frozen=True)
class FoundOperation:
    """An operation before it is cancelled; `execution` is looked at only where the record is not closed."""

    view: OperationView
    execution: ExecutionState | None

    @property
    def can_be_stopped(self) -> bool:
        """Whether its execution runs, as far as is known: the record may be behind."""
        runs = self.execution is not None and self.execution.is_running
        return runs and not self.view.is_cleaning_up


@click.command(cls=Command)
@operation_argument()
@option(
    "--reason",
    metavar="TEXT",
    required=True,
    help="Why: the record, the message and the execution show it.",
)
@option("--no-watch", is_flag=True, help="Return as soon as it is stopped; the cleanup goes on.")
@region_option()
@timeout_option(WATCH_MINUTES)
@interval_option(1.0)
@json_option()
def cancel(
    operation_id: str,
    reason: str,
    no_watch: bool,
    region: str | None,
    timeout_minutes: float,
    interval: float,
    json_output: bool,
) -> ExitCode:
    """Stop an operation and remove what it made.

    The old cluster is left, or put back, as it was. Its execution is stopped and the cleanup is followed to its
    end. A finished copy of the snapshot is kept for the next start. Once the restored cluster has taken its name,
    the restore has succeeded: then nothing is stopped or undone, and `undo` puts the old cluster back. Exit status
    0 cancelled; 3 too late; 1 it failed before it could be stopped.
    """
    screen = make_screen(json_output)
    cause = read_reason(reason)
    pipeline = connect(resolve_region(region))
    existing = look(pipeline, operation_id)
    refuse_what_is_over(existing.view, pipeline.region)
    stopped = _stop(screen, pipeline, existing, cause)
    if no_watch:
        if screen.json_output:
            screen.data({"operation_id": operation_id, "region": pipeline.region, "stopped": stopped})
        screen.line(
            f"Follow the cleanup with: aurora-restore watch {operation_id} --region {pipeline.region}"
        )
        return ExitCode.OK
    # A run can be stopped before its first phase wrote a record; the cleanup then needs a while to write one.
    limits = WatchLimits(timeout_minutes * 60, interval, record_grace=60)
    record = watch_to_the_end(screen, pipeline, operation_id, limits, FOOTER)
    show_end(screen, record)
    # The record decides how it ended, whatever the cancel intended: it may have ended before it was stopped.
    status = view_operation(record).status
    ended = view_operation(record)
    if status == OperationStatus.SUCCEEDED and ended.is_rehearsal:
        # What was asked for has happened: the hold is over, and the cluster removed.
        return exit_code_of_record(record)
    if status == OperationStatus.SUCCEEDED:
        screen.show()
        screen.say(TOO_LATE)
        return ExitCode.REQUEST_REFUSED
    return ExitCode.OK if status == OperationStatus.CANCELLED else exit_code_of_record(record)


def read_reason(text: str) -> str:
    """The reason, without white space around it. Raises UsageProblem where there is none, or far too much."""
    reason = " ".join(text.split())
    if not reason:
        raise UsageProblem(
            "--reason is empty.", "Say why in a few words: people read it in the record later."
        )
    if len(reason) > MAX_REASON_CHARACTERS:
        raise UsageProblem(
            f"--reason has {len(reason)} characters; it must have at most {MAX_REASON_CHARACTERS}."
        )
    return reason


def look(pipeline: Pipeline, operation_id: str) -> FoundOperation:
    """The state of an operation. Raises OperationNotFound."""
    record = pipeline.records.load(operation_id)
    # A closed record is final, so that the execution need not be asked.
    if record is not None and view_operation(record).is_closed:
        return FoundOperation(view_operation(record), None)
    execution = pipeline.executions.find(operation_id)
    if record is None and execution is None:
        raise OperationNotFound(f"There is no operation {operation_id} in {pipeline.region}.")
    if record is None and execution is not None:
        record = record_of_execution(operation_id, execution)
    ended = "" if execution is None or execution.is_running else execution.status
    return FoundOperation(view_operation(record or {}, ended), execution)


def refuse_what_is_over(view: OperationView, region: str) -> None:
    """Raises OperationEnded where it has ended, AlreadySwitched where the new cluster has its name."""
    if view.is_closed:
        raise OperationEnded(how_it_ended(view, utc_now()), what_to_do_instead(view, region, utc_now()))
    if view.switched and view.is_running:
        raise AlreadySwitched(after_the_switch(view, utc_now()), how_to_undo(view, region, utc_now()))


def _stop(screen: Screen, pipeline: Pipeline, existing: FoundOperation, cause: str) -> bool:
    """Stop the execution, and say so; False where nothing runs any more and the cleanup is what is left."""
    view = existing.view
    if not existing.can_be_stopped:
        screen.say(f"{view.operation_id} does not run any more; following its cleanup.")
        return False
    screen.say(f"Cancelling {view.operation_id} in {pipeline.region}.")
    for line in what_it_means(view):
        screen.say(f"  {line}")
    if not pipeline.executions.stop(view.operation_id, cause):
        screen.say("Step Functions does not know the execution any more; following the cleanup.")
        return False
    screen.say("Stopped. The cleanup begins by itself: within seconds, or within 5 minutes at the latest.")
    screen.show()
    return True
