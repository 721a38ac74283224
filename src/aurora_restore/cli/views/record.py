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

from aurora_restore.domain.errors import ERRORS_BY_NAME, RequestRefused
from aurora_restore.domain.results import Phase
from aurora_restore.domain.times import parse_time

RUNNING = "RUNNING"


@dataclass(frozen=True)
class PhaseView:
    """One phase. `state` is `waiting`, `running`, `done`, `skipped`, `failed` or `stopped`."""

    name: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    updated: datetime | None = None
    progress_percent: int = 0
    message: str = ""
    wait_seconds: int = 0

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken until now; None before its start."""
        if self.started is None:
            return None
        return max(0.0, ((self.ended or now) - self.started).total_seconds())


@dataclass(frozen=True)
class OperationView:
    """One operation as its record tells it."""

    operation_id: str
    status: str
    step: str
    target_cluster_id: str
    dry_run: bool
    started: datetime | None
    ended: datetime | None
    phases: tuple[PhaseView, ...]
    record: Mapping[str, Any]

    @property
    def is_running(self) -> bool:
        return self.status == RUNNING

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

    def section(self, name: str) -> Mapping[str, Any]:
        """A map of the record, empty where it is not (yet) there."""
        return _map(self.record, name)


def _refusal_codes() -> frozenset[str]:
    return frozenset(error.code for error in ERRORS_BY_NAME.values() if issubclass(error, RequestRefused))


def view_operation(record: Mapping[str, Any]) -> OperationView:
    """Read a record for display."""
    status = str(record.get("status", "UNKNOWN"))
    parameters = _map(record, "parameters")
    return OperationView(
        operation_id=str(record.get("operation_id", "")),
        status=status,
        step=str(record.get("step") or ""),
        target_cluster_id=str(record.get("target_cluster_id") or parameters.get("target_cluster_id") or ""),
        dry_run=parameters.get("dry_run") is True,
        started=time_of(record, "start_time"),
        ended=time_of(record, "end_time")
        or (None if status == RUNNING else time_of(record, "last_updated_time")),
        phases=_phases(record, status),
        record=record,
    )


def _map(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def time_of(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time of the record; None where it is absent or no time (a record may be edited by hand)."""
    text = item.get(name)
    if not isinstance(text, str):
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None


def _phases(record: Mapping[str, Any], status: str) -> tuple[PhaseView, ...]:
    items = _map(record, "phases")
    known = [phase.value for phase in Phase]
    names = known + [name for name in items if name not in known]
    return tuple(_phase(name, _map(items, name), record, status) for name in names)


def _phase(name: str, item: Mapping[str, Any], record: Mapping[str, Any], status: str) -> PhaseView:
    return PhaseView(
        name=name,
        state=_phase_state(name, item, record, status),
        started=time_of(item, "start_time"),
        ended=_phase_end(item, record, status),
        updated=time_of(item, "last_updated_time"),
        progress_percent=int(item.get("progress_percent") or 0),
        message=str(item.get("message") or ""),
        wait_seconds=int(item.get("wait_seconds") or 0),
    )


def _phase_state(name: str, item: Mapping[str, Any], record: Mapping[str, Any], status: str) -> str:
    match item.get("status"):
        case "DONE":
            return "done"
        case "SKIPPED":
            return "skipped"
        case "FAILED":
            return "failed"
    is_current = bool(item) or record.get("step") == name
    if not is_current:
        return "waiting"
    if status == RUNNING:
        return "running"
    return "failed" if status == "FAILED" else "stopped"


def _phase_end(item: Mapping[str, Any], record: Mapping[str, Any], status: str) -> datetime | None:
    end = time_of(item, "end_time")
    if end is None and item and status != RUNNING:
        return time_of(record, "end_time") or time_of(item, "last_updated_time")
    return end
