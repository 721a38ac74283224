"""A record of the state table, read for display.

Display must work for every record that can stand there: one that has just begun, one closed by hand as the
operations guide shows (no `step`, an `error` without a hint, or one that is a plain text), one written by a newer
release with further phases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.cli.views.record_fields import map_of, sentences_of, text_of, time_of
from aurora_restore.cli.views.record_phases import (
    PhaseView,
    WaitView,
    current_wait,
    read_phases,
    read_waits,
)
from aurora_restore.domain.errors import ERRORS_BY_NAME, RequestRefused
from aurora_restore.domain.states import OperationStatus, is_closed
from aurora_restore.domain.visible_text import visible_values

# How an execution ended, for a record that its cleanup has not closed yet.
_ENDED_WORDS = {"ABORTED": "STOPPED", "TIMED_OUT": "TIMED OUT", "FAILED": "FAILED", "SUCCEEDED": "ENDED"}


@dataclass(frozen=True)
class OperationView:
    """One operation as its record tells it.

    `execution_status` is how its execution ended, where that is known and the record is not closed yet.
    """

    operation_id: str
    status: str
    step: str
    target_cluster_id: str
    dry_run: bool
    started: datetime | None
    ended: datetime | None
    phases: tuple[PhaseView, ...]
    record: Mapping[str, Any]
    execution_status: str = ""

    @property
    def is_closed(self) -> bool:
        return is_closed(self.record)

    @property
    def is_running(self) -> bool:
        return self.status == OperationStatus.RUNNING and not self.execution_status

    @property
    def is_cleaning_up(self) -> bool:
        return is_being_cleaned_up(self.record)

    @property
    def goes_back(self) -> bool:
        """Whether the run is or was rolled back: it ended abnormally, before it had succeeded."""
        if self.is_closed:
            return self.status != OperationStatus.SUCCEEDED
        return self.is_cleaning_up and self.section("cleanup").get("ending") != OperationStatus.SUCCEEDED

    @property
    def is_cleanup_due(self) -> bool:
        """Whether the run is over, and nothing has begun to tidy it up."""
        return not (self.is_closed or self.is_running or self.is_cleaning_up)

    @property
    def status_words(self) -> str:
        """The status as people read it: that a cleanup is due is not a status of a record."""
        if not self.is_cleanup_due:
            by_hand = self.is_cleaning_up and self.status != OperationStatus.CLEANING_UP
            return f"{self.status}, cleaning up" if by_hand else self.status
        return f"{_ENDED_WORDS.get(self.execution_status, self.status)}, cleanup due"

    @property
    def undoes(self) -> str:
        """The operation that this one undoes; empty for a restore."""
        return text_of(self.section("parameters"), "undo_operation_id")

    @property
    def noun(self) -> str:
        """What this operation is called in a sentence."""
        what = "undo" if self.undoes else "restore"
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
    def error(self) -> Mapping[str, Any]:
        """Why it ended, empty where nothing says so; a text that was written by hand is its message."""
        error = self.record.get("error")
        if isinstance(error, Mapping):
            return error
        return {"message": str(error)} if error else {}

    @property
    def was_refused(self) -> bool:
        """Whether it ended because of the request, before anything was created.

        AWS can refuse in mid-run too, for a quota, a key or a snapshot that is gone; such a run has a plan.
        """
        return not self.record.get("plan") and self.error.get("code") in _refusal_codes()

    @property
    def switched(self) -> datetime | None:
        """When the new cluster had taken the name: from then on the operation has succeeded."""
        return time_of(self.section("switch_over"), "switched_time")

    @property
    def cleanup_done(self) -> list[str]:
        return sentences_of(self.section("cleanup"), "done")

    @property
    def cleanup_kept(self) -> list[str]:
        return sentences_of(self.section("cleanup"), "kept")

    @property
    def cleanup_wait(self) -> WaitView | None:
        """What a cleanup waits for now."""
        return current_wait(read_waits(self.section("cleanup")))

    def section(self, name: str) -> Mapping[str, Any]:
        """A map of the record, empty where it is not (yet) there."""
        return map_of(self.record, name)


def is_being_cleaned_up(record: Mapping[str, Any]) -> bool:
    """Whether a cleanup is at work. What was marked by hand keeps that status meanwhile."""
    begun = record.get("status") == OperationStatus.CLEANING_UP or bool(
        map_of(record, "cleanup").get("ending")
    )
    return begun and not is_closed(record)


def _refusal_codes() -> frozenset[str]:
    return frozenset(error.code for error in ERRORS_BY_NAME.values() if issubclass(error, RequestRefused))


def view_operation(record: Mapping[str, Any], execution_status: str = "") -> OperationView:
    """Read a record for display. What would act on a terminal in it is written out."""
    record = visible_values(record)
    parameters = map_of(record, "parameters")
    return OperationView(
        operation_id=str(record.get("operation_id", "")),
        status=str(record.get("status", "UNKNOWN")),
        step=str(record.get("step") or ""),
        target_cluster_id=str(record.get("target_cluster_id") or parameters.get("target_cluster_id") or ""),
        dry_run=parameters.get("dry_run") is True,
        started=time_of(record, "start_time"),
        ended=time_of(record, "end_time"),
        phases=read_phases(record, execution_status),
        record=record,
        execution_status="" if is_closed(record) else execution_status,
    )
