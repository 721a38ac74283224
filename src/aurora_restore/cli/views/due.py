"""A run that is over while its cleanup has not begun: what ended it, and what is waited for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from aurora_restore.cli.views.common import clock_time
from aurora_restore.domain.naming import ABNORMAL_END_RULE, CLEANUP_STATE_MACHINE, SWEEP_RULE
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import ExecutionStatus

_CAUSE_MOST = 300
_WHAT_COMES = (
    "Its cleanup has not begun yet: the event of this end starts it within seconds; should that be lost, "
    "the sweep does within 5 minutes."
)
_ENDINGS: Mapping[str, str] = {
    ExecutionStatus.ABORTED: "was stopped",
    ExecutionStatus.TIMED_OUT: "ran out of time",
    ExecutionStatus.FAILED: "failed",
    ExecutionStatus.SUCCEEDED: "came to its end",
}


def due_words(record: Record, execution: ExecutionState | None) -> str:
    """What ended the run, and what begins its cleanup. The same text at every look."""
    if execution is not None and execution.status == ExecutionStatus.SUCCEEDED:
        return f"{_end_of(execution)} Its record is not closed yet: the sweep does that within 5 minutes."
    if execution is not None and not execution.is_running:
        return f"{_end_of(execution)} {_WHAT_COMES}"
    # The record says that the run has ended, while its execution goes on or is not known any more.
    marked = f"The record was marked {record.status} by hand."
    if execution is not None:
        return (
            f"{marked} The run ends when its phase looks again, or when the sweep finds it, within 10 minutes; then "
            "the cleanup begins."
        )
    return f"{marked} The sweep finds it within 10 minutes and begins its cleanup."


def _end_of(execution: ExecutionState) -> str:
    when = f" at {clock_time(execution.stop_time)}" if execution.stop_time else ""
    # A cause may have 32,768 characters, often a traceback in JSON.
    cause = " ".join((execution.cause or "").split())
    cause = cause if len(cause) <= _CAUSE_MOST else f"{cause[:_CAUSE_MOST]}…"
    said = ": ".join(part for part in (execution.error, cause) if part)
    return f"The execution {_ENDINGS.get(execution.status, 'has ended')}{when}{f' ({said})' if said else ''}."


def overdue_words() -> str:
    """What to look at where no cleanup begins."""
    return (
        f"This is overdue. See whether the rules {ABNORMAL_END_RULE} and {SWEEP_RULE} are enabled, and how the "
        f"newest execution of {CLEANUP_STATE_MACHINE} ended."
    )


def how_to_start_it(operation_id: str, record: Record) -> str:
    """The command that begins the cleanup by hand, where the record holds enough for it."""
    # Only the execution's ARN has the account and the partition, without which there is no command.
    arn = record.execution_arn or ""
    stem, found, _ = arn.partition(":execution:")
    if not found:
        return "The lock is held until then: look at the log of the function aurora-restore-sweep."
    machine = f"{stem}:stateMachine:{CLEANUP_STATE_MACHINE}"
    event = shlex.quote(json.dumps({"detail": {"name": operation_id, "executionArn": arn}}))
    return (
        "The lock is held until then. Begin the cleanup by hand:\naws stepfunctions start-execution "
        f"--state-machine-arn {machine} --input {event}"
    )
