"""An operation: one run of a restore, as its record in the state table describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aurora_restore.domain.asking import Asked, read_asked
from aurora_restore.domain.asking_party import REQUEST_FIELD
from aurora_restore.domain.audit_chain import begun_chain
from aurora_restore.domain.errors import TransientError
from aurora_restore.domain.naming import scratch_identifier
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import (
    PhaseState,
    Record,
    RestoreDetails,
    SnapshotDetails,
    TransientErrorState,
    WaitState,
    changed,
)
from aurora_restore.domain.results import Phase, StepResult, StepStatus
from aurora_restore.domain.states import OperationStatus, PhaseStatus
from aurora_restore.domain.waiting import FLOOR_SECONDS, Expectation, ended_wait, until_known_end, wait_state

# `arn:PARTITION:SERVICE:REGION:…`
REGION_PART = 3


@dataclass(frozen=True)
class Operation:
    """A record, read. `item` is the record as it is in the table."""

    item: Mapping[str, Any]

    @cached_property
    def record(self) -> Record:
        return Record.read(self.item)

    @property
    def operation_id(self) -> str:
        return self.record.operation_id

    @property
    def status(self) -> str:
        return self.record.status

    @property
    def is_running(self) -> bool:
        return self.status == OperationStatus.RUNNING

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to do: what an operator marked by hand is closed only by the cleanup."""
        return self.record.is_closed

    @property
    def target_cluster_id(self) -> str | None:
        return self.record.target_cluster_id

    @property
    def execution_arn(self) -> str | None:
        return self.record.execution_arn

    def is_out_of_reach(self, region: str) -> bool:
        """Whether the pipeline of a Region may do nothing for it by itself, since its record came out of a backup.

        It ran in another Region, by its execution: what has its tags here was made by something else. Or it was not at
        its end when the backup was made: how it went on is not known, and a cluster of it may serve by now.
        """
        parts = (self.execution_arn or "").split(":")
        ran_elsewhere = len(parts) > REGION_PART and parts[REGION_PART] != region
        return ran_elsewhere or self.record.is_left_behind

    @cached_property
    def plan(self) -> RestorePlan:
        return RestorePlan.from_item(self.record.plan.item)

    @property
    def is_planned(self) -> bool:
        return bool(self.record.plan)

    @property
    def is_dry_run(self) -> bool:
        return self.record.parameters.dry_run

    def asked(self, kind: str) -> Asked | None:
        """When something was asked of AWS; None where it never was."""
        return self.all_asked().get(kind)

    def all_asked(self) -> dict[str, Asked]:
        """Everything that was asked of AWS, by kind, with its times."""
        return read_asked(self.record.acts)

    def asked_by_cleanup(self) -> dict[str, Asked]:
        """The same of its cleanup."""
        return read_asked(self.record.cleanup.asked)

    def phase(self, phase: Phase) -> PhaseState:
        return self.record.phase(phase)

    def phase_start(self, phase: Phase) -> datetime | None:
        return self.phase(phase).start_time

    def expectation(self, waiting_for: str) -> Expectation | None:
        """How long this wait took in an earlier operation."""
        known = self.record.expectations.get(waiting_for)
        return Expectation(known.seconds, known.operation_id) if known and known.seconds is not None else None

    def waited_for(self, phase: Phase, subject: str, now: datetime) -> timedelta:
        """For how long the phase has been waiting for just this; a record of an earlier version does not say it."""
        state = self.phase(phase)
        if state.waiting_for != subject or state.waiting_since is None:
            return timedelta()
        return now - state.waiting_since


def new_record(
    operation_id: str,
    execution_arn: str | None,
    parameters: object,
    now: datetime,
    expires_at: int,
    target_cluster_prefix: str = "",
) -> dict[str, Any]:
    """The record of an operation that begins. `expires_at` is in epoch seconds."""
    # The request was not read yet: one that will be refused has a record as well, which says why.
    given = parameters if isinstance(parameters, Mapping) else {}
    target, asker = given.get("target_cluster_id"), given.get(REQUEST_FIELD)
    # The name that a rehearsal gets by itself; the lock, the messages and the lists know the operation by it.
    if target is None and isinstance(given.get("rehearsal"), Mapping):
        target = scratch_identifier(target_cluster_prefix, operation_id)
    record = changed(
        Record,
        operation_id=operation_id,
        execution_arn=execution_arn,
        status=OperationStatus.RUNNING.value,
        step=Phase.SNAPSHOT_CHECK.value,
        target_cluster_id=target.lower() if isinstance(target, str) else None,
        requested_by=asker if isinstance(asker, str) else None,
        start_time=now,
        last_updated_time=now,
        request=parameters,
        made={},
        snapshot_details=SnapshotDetails.read({}),
        restore_details=RestoreDetails.read({}),
        phases={},
        expires_at=expires_at,
    )
    return record | begun_chain(record)


def waits_after(
    before: Mapping[str, WaitState], result: StepResult, now: datetime, expectation: Expectation | None
) -> dict[str, WaitState]:
    """The waits of a phase after one more call: at most one goes on, the others have ended."""
    waits = {
        name: state if state.has_ended or name == result.waiting_for else ended_wait(state, now)
        for name, state in before.items()
    }
    # A wait that had ended and begins again is timed anew.
    going = waits.get(result.waiting_for)
    if going and going.has_ended:
        going = None
    if result.status is StepStatus.IN_PROGRESS and result.waiting_for:
        state = wait_state(going, now, result.reported_percent, expectation)
        if result.goes_on:
            state = state.having(wait_seconds=FLOOR_SECONDS)
        elif result.remaining_seconds is not None:
            ends = now + timedelta(seconds=result.remaining_seconds)
            state = state.having(wait_seconds=until_known_end(result.remaining_seconds), expected_end=ends)
        waits[result.waiting_for] = state
    elif going:
        waits[result.waiting_for] = ended_wait(going, now)
    return waits


def transient_error_state(
    before: PhaseState, transient: TransientError, now: datetime, until: datetime
) -> TransientErrorState:
    """What the record says of a transient error: what it was, since when it occurs, until when it is tried again.

    `before`: the phase as it is in the record. A call that succeeded in between ends the count.
    """
    known, succeeded = before.last_transient_error, before.last_updated_time
    is_same = (
        known is not None
        and known.code == transient.code
        and known.time is not None
        and (succeeded is None or known.time > succeeded)
    )
    return TransientErrorState(
        code=transient.code,
        message=transient.message,
        hint=transient.hint,
        since=known.since or now if known and is_same else now,
        time=now,
        until=until,
    )


def phase_state(
    before: PhaseState, result: StepResult, now: datetime, waits: Mapping[str, WaitState]
) -> PhaseState:
    """What the record says of a phase after one more call."""
    has_ended = result.status is not StepStatus.IN_PROGRESS
    subject = "" if has_ended else result.subject or result.waiting_for
    is_same_wait = before.waiting_since is not None and before.waiting_for == subject
    state = PhaseState(
        status=PhaseStatus(result.status.value),
        start_time=before.start_time or now,
        last_updated_time=now,
        # Progress does not fall: RDS's own percentages do, now and then.
        progress_percent=max(result.progress_percent, before.progress_percent),
        message=result.message,
        calls=before.calls + 1,
        wait_seconds=result.wait_seconds,
        waits=waits,
        last_transient_error=before.last_transient_error,
    )
    # A step may be called again after its end: the first end is the one.
    if has_ended:
        return state.having(end_time=before.end_time or now)
    return state.having(waiting_for=subject, waiting_since=before.waiting_since if is_same_wait else now)
