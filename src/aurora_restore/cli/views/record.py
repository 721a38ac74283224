"""A record of the state table, read for display.

Display must work for every record that can be there: one that has just begun, one closed by hand as the
operations guide shows (no `step`, an `error` without a hint, or one that is a plain text), one written by a newer
release with further phases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from aurora_restore.cli.views.errors import is_refusal
from aurora_restore.cli.views.record_phases import PhaseView, read_phases
from aurora_restore.domain.record import ErrorState, Record, WaitState
from aurora_restore.domain.states import ExecutionStatus, OperationStatus
from aurora_restore.domain.visible_text import visible_values
from aurora_restore.domain.waiting import current_wait

# How an execution ended, for a record that its cleanup has not closed yet.
_ENDED_WORDS: Mapping[str, str] = {
    ExecutionStatus.ABORTED: "STOPPED",
    ExecutionStatus.TIMED_OUT: "TIMED OUT",
    ExecutionStatus.FAILED: "FAILED",
    ExecutionStatus.SUCCEEDED: "ENDED",
}


@dataclass(frozen=True)
class OperationView:
    """One operation as its record shows it. Characters that would act on a terminal are written out.

    `execution_status` is how its execution ended, where that is known and the record is not closed yet.
    """

    record: Record
    execution_status: str = ""

    @property
    def operation_id(self) -> str:
        return self.record.operation_id

    @property
    def status(self) -> str:
        return self.record.status or "UNKNOWN"

    @property
    def step(self) -> str:
        return self.record.step or ""

    @property
    def target_cluster_id(self) -> str:
        return self.record.target_cluster_id or self.record.parameters.target_cluster_id or ""

    @property
    def dry_run(self) -> bool:
        return self.record.parameters.dry_run

    @property
    def started(self) -> datetime | None:
        return self.record.start_time

    @property
    def ended(self) -> datetime | None:
        return self.record.end_time

    @cached_property
    def phases(self) -> tuple[PhaseView, ...]:
        return read_phases(self.record, self.execution_status)

    @property
    def is_closed(self) -> bool:
        return self.record.is_closed

    @property
    def is_running(self) -> bool:
        return self.status == OperationStatus.RUNNING and not self.execution_status

    @property
    def is_cleaning_up(self) -> bool:
        return self.record.is_being_cleaned_up

    @property
    def goes_back(self) -> bool:
        """Whether the run is or was rolled back: it ended abnormally, before it had succeeded."""
        return self.record.goes_back

    @property
    def is_cleanup_due(self) -> bool:
        """Whether the run is over, and nothing has begun to tidy it up."""
        return not (self.is_closed or self.is_running or self.is_cleaning_up)

    @property
    def status_words(self) -> str:
        """The status as people read it: that a cleanup is due is not a status of a record."""
        # A run that an operator marked by hand is cleaned up under the status that they gave it.
        if not self.is_cleanup_due:
            by_hand = self.is_cleaning_up and self.status != OperationStatus.CLEANING_UP
            return f"{self.status}, cleaning up" if by_hand else self.status
        return f"{_ENDED_WORDS.get(self.execution_status, self.status)}, cleanup due"

    @property
    def undoes(self) -> str:
        """The operation that this one undoes; empty for a restore."""
        return self.record.parameters.undo_operation_id or ""

    @property
    def is_rehearsal(self) -> bool:
        """Whether its cluster is deleted again; a dry run of a rehearsal makes none."""
        return self.record.parameters.rehearsal is not None and not self.dry_run

    @property
    def noun(self) -> str:
        """What this operation is called in a sentence."""
        what = "undo" if self.undoes else "rehearsal" if self.is_rehearsal else "restore"
        return (
            f"dry run of the {what}" if self.dry_run and self.undoes else "dry run" if self.dry_run else what
        )

    @property
    def current_phase(self) -> PhaseView | None:
        return next((phase for phase in self.phases if phase.state == "running"), None)

    def elapsed_seconds(self, now: datetime) -> float | None:
        if self.started is None:
            return None
        return max(0.0, ((self.ended or now) - self.started).total_seconds())

    @property
    def error(self) -> ErrorState:
        """Why it ended, empty where nothing says so; a text that was written by hand is its message."""
        by_hand = self.record.error_by_hand
        return self.record.error or (ErrorState(message=by_hand) if by_hand else ErrorState.read(None))

    @property
    def error_in_step(self) -> ErrorState:
        """The same; where it does not name its step, that of the operation."""
        error = self.error
        return error.completed(self.step or None) if error else error

    @property
    def was_refused(self) -> bool:
        """Whether it ended because of the request, before anything was created."""
        # AWS can refuse in mid-run too, for a quota, a key or a snapshot that is gone; such a run has a plan.
        return not self.record.plan and is_refusal(self.error.code)

    @property
    def switched(self) -> datetime | None:
        """When the new cluster had taken the name: from then on the operation has succeeded."""
        return self.record.switch_over.switched_time

    @property
    def cleanup_wait(self) -> WaitState | None:
        """What a cleanup waits for now."""
        return current_wait(self.record.cleanup.waits.values())


def view_operation(record: Mapping[str, Any], execution_status: str = "") -> OperationView:
    """Read a record for display."""
    # Everything is made visible here, once: no view can forget it.
    read = Record.read(visible_values(record))
    return OperationView(read, "" if read.is_closed else execution_status)
