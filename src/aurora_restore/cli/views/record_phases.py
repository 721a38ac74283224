"""The phases of a record, read for display: which are shown, the state of each, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.cli.views.record_fields import map_of, number_of, text_of, time_of
from aurora_restore.domain.operation import LAST_TRANSIENT_ERROR
from aurora_restore.domain.results import Phase

# Phases that only some runs have: others do not list them.
_OF_SOME_RUNS = frozenset(
    {Phase.CLEAR_TARGET, Phase.APPLY_PARAMETER_GROUP, Phase.SWITCH_OVER, Phase.RETIRE_REPLACED}
)
_OF_NO_UNDO = frozenset(
    {
        Phase.COPY_SNAPSHOT,
        Phase.CLEAR_TARGET,
        Phase.DEFUSE,
        Phase.SETUP_DB_USERS,
        Phase.APPLY_PARAMETER_GROUP,
        Phase.VERIFY_RESTORE,
        Phase.ARCHIVE_SNAPSHOT,
    }
)
# Errors that are an operator's decision: the phase was stopped in the middle, and did not fail.
_STOPPED_BY_HAND = frozenset({"CANCELLED", "MANUAL_INTERVENTION"})


@dataclass(frozen=True)
class WaitView:
    """One wait of a phase. `why` says where `expected_end` comes from; `ended` is None while it lasts."""

    name: str
    since: datetime | None
    ended: datetime | None
    seconds: float | None
    looks: int
    added_seconds_most: float | None
    expected_end: datetime | None
    why: str


@dataclass(frozen=True)
class TransientErrorView:
    """A fault that passes, which the phase met last: since when, and until when it is tried again."""

    message: str
    hint: str
    since: datetime | None
    time: datetime | None
    until: datetime | None


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
    waiting_since: datetime | None = None
    waits: tuple[WaitView, ...] = ()
    last_transient_error: TransientErrorView | None = None

    @property
    def lasting_error(self) -> TransientErrorView | None:
        """The fault that the phase is waiting out now: no call has succeeded since."""
        transient = self.last_transient_error
        if self.state != "running" or transient is None or transient.time is None:
            return None
        return transient if self.updated is None or transient.time > self.updated else None

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken until now; None before its start."""
        if self.started is None:
            return None
        return max(0.0, ((self.ended or now) - self.started).total_seconds())

    @property
    def current_wait(self) -> WaitView | None:
        """What is waited for now."""
        return current_wait(self.waits)


def current_wait(waits: Iterable[WaitView]) -> WaitView | None:
    """Of the waits that have not ended, the one that began last."""
    lasting = [wait for wait in waits if wait.ended is None]
    return max(lasting, key=lambda wait: wait.since.timestamp() if wait.since else 0.0, default=None)


def read_waits(item: Mapping[str, Any]) -> tuple[WaitView, ...]:
    """The waits of a phase, or of a cleanup."""
    waits = map_of(item, "waits")
    return tuple(_wait(name, map_of(waits, name)) for name in waits)


def read_phases(record: Mapping[str, Any], execution_status: str) -> tuple[PhaseView, ...]:
    """The phases that this run has, in their order; those of a newer release at the end."""
    items = map_of(record, "phases")
    known = [phase.value for phase in Phase]
    names = known + [name for name in items if name not in known]
    state = _state_of_the_unfinished(record, execution_status)
    return tuple(
        _phase(name, map_of(items, name), record, state)
        for name in names
        if _is_shown(name, map_of(items, name), record)
    )


def _is_shown(name: str, item: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    is_undo = bool(map_of(record, "parameters").get("undo_operation_id"))
    if item:
        return item.get("status") != "SKIPPED" or not (is_undo or name in _OF_SOME_RUNS)
    if record.get("step") == name:
        return True
    if is_undo:
        return name not in _OF_NO_UNDO
    if name == Phase.APPLY_PARAMETER_GROUP:
        plan = map_of(record, "plan")
        return bool(plan.get("quiet_start") or map_of(plan, "cluster").get("quarantine_security_group_ids"))
    return name not in _OF_SOME_RUNS or name in _phases_of_a_replacement(record)


def _phases_of_a_replacement(record: Mapping[str, Any]) -> frozenset[str]:
    if not map_of(record, "replaced"):
        return frozenset()
    planned = map_of(map_of(record, "plan"), "replacement").get("strategy")
    if (planned or map_of(record, "parameters").get("replace_strategy")) == "delete_first":
        return frozenset({Phase.CLEAR_TARGET})
    return frozenset({Phase.SWITCH_OVER, Phase.RETIRE_REPLACED})


def _phase(
    name: str, item: Mapping[str, Any], record: Mapping[str, Any], state_of_the_unfinished: str
) -> PhaseView:
    return PhaseView(
        name=name,
        state=_phase_state(name, item, record, state_of_the_unfinished),
        started=time_of(item, "start_time"),
        ended=_phase_end(item, record, state_of_the_unfinished),
        updated=time_of(item, "last_updated_time"),
        progress_percent=int(number_of(item, "progress_percent") or 0),
        message=text_of(item, "message"),
        wait_seconds=int(number_of(item, "wait_seconds") or 0),
        waiting_since=time_of(item, "waiting_since"),
        waits=read_waits(item),
        last_transient_error=_problem(map_of(item, LAST_TRANSIENT_ERROR)),
    )


def _problem(item: Mapping[str, Any]) -> TransientErrorView | None:
    if not item:
        return None
    times = (time_of(item, name) for name in ("since", "time", "until"))
    return TransientErrorView(text_of(item, "message"), text_of(item, "hint"), *times)


def _wait(name: str, item: Mapping[str, Any]) -> WaitView:
    return WaitView(
        name=name,
        since=time_of(item, "since"),
        ended=time_of(item, "until"),
        seconds=number_of(item, "seconds"),
        looks=int(number_of(item, "looks") or 0),
        added_seconds_most=number_of(item, "added_seconds_most"),
        expected_end=time_of(item, "expected_end"),
        why=text_of(item, "why"),
    )


def _state_of_the_unfinished(record: Mapping[str, Any], execution_status: str) -> str:
    """The state of a phase that has begun and did not come to its end."""
    status = record.get("status")
    if status == "RUNNING":
        return {"": "running", "ABORTED": "stopped", "SUCCEEDED": "stopped"}.get(execution_status, "failed")
    by_hand = map_of(record, "error").get("code") in _STOPPED_BY_HAND
    return "failed" if status in ("FAILED", "CLEANING_UP") and not by_hand else "stopped"


def _phase_state(
    name: str, item: Mapping[str, Any], record: Mapping[str, Any], state_of_the_unfinished: str
) -> str:
    match item.get("status"):
        case "DONE":
            return "done"
        case "SKIPPED":
            return "skipped"
        case "FAILED":
            return "failed"
        case "CANCELLED":
            return "stopped"
    is_current = bool(item) or record.get("step") == name
    return state_of_the_unfinished if is_current else "waiting"


def _phase_end(
    item: Mapping[str, Any], record: Mapping[str, Any], state_of_the_unfinished: str
) -> datetime | None:
    end = time_of(item, "end_time")
    if end and item.get("status") in ("FAILED", "CANCELLED"):
        # It was closed with the record; between its own end and that lies the cleanup.
        return min(end, time_of(map_of(record, "cleanup"), "ended_time") or end)
    if end or not item or state_of_the_unfinished == "running":
        return end
    closed = None if map_of(record, "cleanup") else time_of(record, "end_time")
    return closed or time_of(item, "last_updated_time")
