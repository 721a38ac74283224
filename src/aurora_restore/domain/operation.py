"""An operation: one run of a restore, as its record in the state table tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aurora_restore.domain.asking import Asked, read_asked
from aurora_restore.domain.errors import TransientFault
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import Record
from aurora_restore.domain.results import Phase, StepResult, StepStatus
from aurora_restore.domain.states import OperationStatus, is_closed
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.domain.waiting import FLOOR_SECONDS, Expectation, ended_wait, wait_state

# Under a phase of the record: the last transient error, which a repetition could end.
LAST_TRANSIENT_ERROR = "last_fault"


@dataclass(frozen=True)
class Operation:
    """A record, read. `item` is the record as it is in the table."""

    item: Mapping[str, Any]

    @cached_property
    def record(self) -> Record:
        return Record.read(self.item)

    @property
    def operation_id(self) -> str:
        return str(self.item["operation_id"])

    @property
    def status(self) -> str:
        return str(self.item["status"])

    @property
    def is_running(self) -> bool:
        return self.status == OperationStatus.RUNNING

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to do: what an operator marked by hand is closed only by the cleanup."""
        return is_closed(self.item)

    @property
    def is_unsettled(self) -> bool:
        """Whether what follows from its end (audit event, lock, message) is not done yet. Old records do not say."""
        return self.is_closed and "settled_time" in self.item and self.item["settled_time"] is None

    @property
    def target_cluster_id(self) -> str | None:
        return self.item.get("target_cluster_id")

    @property
    def execution_arn(self) -> str | None:
        return self.item.get("execution_arn")

    @cached_property
    def plan(self) -> RestorePlan:
        return RestorePlan.from_item(self.item["plan"])

    @property
    def is_planned(self) -> bool:
        return bool(self.item.get("plan"))

    @property
    def is_dry_run(self) -> bool:
        parameters = self.item.get("parameters")
        return isinstance(parameters, Mapping) and parameters.get("dry_run") is True

    def section(self, name: str) -> dict[str, Any]:
        """A map field of the record, e.g. `restore_details`; empty where it does not exist yet."""
        value = self.item.get(name)
        return dict(value) if isinstance(value, Mapping) else {}

    @property
    def acts(self) -> dict[str, Any]:
        """What was asked of AWS, by kind: its name, how often, and whether AWS has answered."""
        return self.section("acts")

    def asked(self, kind: str) -> Asked | None:
        """When something was asked of AWS; None where it never was."""
        return Asked.read(kind, self.acts.get(kind) or {})

    def all_asked(self) -> dict[str, Asked]:
        """Everything that was asked of AWS, by kind, with its times."""
        return read_asked(self.acts)

    def asked_by_cleanup(self) -> dict[str, Asked]:
        """The same of its cleanup."""
        return read_asked(self.section("cleanup").get("asked") or {})

    def phase(self, phase: Phase) -> dict[str, Any]:
        return dict(self.section("phases").get(phase.value) or {})

    def phase_start(self, phase: Phase) -> datetime | None:
        started = self.phase(phase).get("start_time")
        return parse_time(started) if started else None

    def expectation(self, waiting_for: str) -> Expectation | None:
        """How long this wait took in an earlier operation."""
        known = self.section("expectations").get(waiting_for)
        return Expectation(float(known["seconds"]), str(known["operation_id"])) if known else None

    def waited_for(self, phase: Phase, message: str, now: datetime) -> timedelta:
        """For how long the phase has been waiting for just this; what follows a colon may have changed."""
        state = self.phase(phase)
        if _subject(state.get("message")) != _subject(message) or not state.get("waiting_since"):
            return timedelta()
        return now - parse_time(state["waiting_since"])


def _subject(message: object) -> str:
    return str(message).partition(": ")[0]


def new_record(
    operation_id: str, execution_arn: str | None, parameters: object, now: datetime, expires_at: int
) -> dict[str, Any]:
    """The record of an operation that begins. `expires_at` is in epoch seconds."""
    target = parameters.get("target_cluster_id") if isinstance(parameters, Mapping) else None
    return {
        "operation_id": operation_id,
        "execution_arn": execution_arn,
        "status": OperationStatus.RUNNING.value,
        "step": Phase.SNAPSHOT_CHECK.value,
        "target_cluster_id": target.lower() if isinstance(target, str) else None,
        "start_time": format_time(now),
        "last_updated_time": format_time(now),
        "parameters": parameters,
        "made": {},
        "snapshot_details": {},
        "restore_details": {},
        "phases": {},
        "expires_at": expires_at,
    }


def waits_after(
    before: Mapping[str, Any], result: StepResult, now: datetime, expectation: Expectation | None
) -> dict[str, Any]:
    """The waits of a phase after one more call: at most one goes on, the others have ended."""
    waits = {
        name: state if "until" in state or name == result.waiting_for else ended_wait(state, now)
        for name, state in before.items()
    }
    if result.status is StepStatus.IN_PROGRESS and result.waiting_for:
        going = waits.get(result.waiting_for)
        still = going if going and "until" not in going else None
        waits[result.waiting_for] = wait_state(still, now, result.reported_percent, expectation)
        if result.goes_on:
            waits[result.waiting_for]["wait_seconds"] = FLOOR_SECONDS
    elif result.waiting_for in waits and "until" not in waits[result.waiting_for]:
        waits[result.waiting_for] = ended_wait(waits[result.waiting_for], now)
    return waits


def transient_error_state(
    before: Mapping[str, Any], transient: TransientFault, now: datetime, until: datetime
) -> dict[str, Any]:
    """What the record says of a transient error: what it was, since when it occurs, until when it is tried again.

    `before`: the phase as it is in the record. A call that succeeded in between ends the count.
    """
    known = before.get(LAST_TRANSIENT_ERROR) or {}
    ended = str(before.get("last_updated_time", ""))
    is_same = known.get("code") == transient.code and str(known.get("time", "")) > ended
    return {
        "code": transient.code,
        "message": transient.message,
        "hint": transient.hint,
        "since": known["since"] if is_same else format_time(now),
        "time": format_time(now),
        "until": format_time(until),
    }


def phase_state(
    before: Mapping[str, Any], result: StepResult, now: datetime, waits: Mapping[str, Any]
) -> dict[str, Any]:
    """What the record says of a phase after one more call."""
    time = format_time(now)
    ended = result.status is not StepStatus.IN_PROGRESS
    same_wait = before.get("waiting_since") and _subject(before.get("message")) == _subject(result.message)
    state = {
        "status": result.status.value,
        "start_time": before.get("start_time", time),
        "last_updated_time": time,
        "progress_percent": max(result.progress_percent, int(before.get("progress_percent", 0))),
        "message": result.message,
        "calls": int(before.get("calls", 0)) + 1,
        "wait_seconds": result.wait_seconds,
        "waits": dict(waits),
    }
    if LAST_TRANSIENT_ERROR in before:
        state[LAST_TRANSIENT_ERROR] = before[LAST_TRANSIENT_ERROR]
    if ended:
        return state | {"end_time": before.get("end_time", time)}
    return state | {"waiting_since": before["waiting_since"] if same_wait else time}
