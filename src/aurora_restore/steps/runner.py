"""What is the same for every step: load the record, keep to the limit, record the result, choose the wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aurora_restore.domain.acts import Act
from aurora_restore.domain.asking import asked_now
from aurora_restore.domain.errors import (
    OperationNotRunning,
    PhaseTimedOut,
    RequestRefused,
    ResourceBusy,
    RestoreError,
    StepFailed,
    TransientError,
)
from aurora_restore.domain.operation import Operation, phase_state, transient_error_state, waits_after
from aurora_restore.domain.record import (
    Changes,
    ErrorState,
    PhaseState,
    Record,
    act_changed,
    changed,
    made_changed,
    phase_changed,
    phase_met,
)
from aurora_restore.domain.rehearsal import with_hold
from aurora_restore.domain.results import Phase, StepResult, StepStatus
from aurora_restore.domain.states import OperationStatus, PhaseStatus
from aurora_restore.steps.audit_events import AuditTrail
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import perform
from aurora_restore.steps.ports import Ports

Step = Callable[[Operation, Ports], StepOutcome]


def run_step(phase: Phase, step: Step, ports: Ports, operation_id: str) -> StepResult:
    """Call a step once for a running operation and record what came of it.

    Raises:
        OperationNotRunning: the record is gone, or was closed by hand.
        PhaseTimedOut: the phase has had all the time that it may have.
        RestoreError: what the step raised. The record has it then: a `TransientError` as the last one of its
            phase, everything else as the operation's error.
    """
    operation = load_running(ports, operation_id)
    trail = AuditTrail(ports, operation)
    trail.flush()
    now, begun, limit = (
        ports.clock.now(),
        operation.phase_start(phase),
        with_hold(operation.record, phase, ports.settings.phase_limit(phase)),
    )
    started = begun or now
    if begun is None:
        # Before the step acts, so that the time that it takes is counted from its first call on.
        state = PhaseState(status=PhaseStatus.IN_PROGRESS, start_time=now)
        record_events(trail, _of_phase(phase, state), (Event(f"{phase.value}.started"),))
    try:
        outcome = step(trail.operation, ports)
        # After the call, not before it: what is done by now is done, however late.
        if outcome.result.status is StepStatus.IN_PROGRESS and now - started > limit:
            raise PhaseTimedOut(
                f"{phase.value} has taken longer than its limit of {limit.total_seconds() / 3600:g} h; "
                f"it is waiting: {outcome.result.message}."
            )
    except TransientError as transient:
        _keep_transient_error_to_limit(ports, operation, phase, transient, started)
        raise
    except RestoreError as error:
        record_error(ports, operation_id, phase.value, error)
        raise
    return _finish(trail, phase, started, outcome)


def load_running(ports: Ports, operation_id: str) -> Operation:
    """The operation, if its record says that it runs."""
    item = ports.records.load(operation_id)
    if item is None:
        raise OperationNotRunning(f"There is no record of the operation {operation_id}.")
    operation = Operation(item)
    if not operation.is_running:
        raise OperationNotRunning(
            f"The operation {operation_id} does not run any more: it is {operation.status}."
        )
    return operation


@dataclass(frozen=True)
class RunGuard:
    """The guard of a phase: everything that it asks for is written down first, into a record that runs."""

    ports: Ports
    operation: Operation

    def ask(self, act: Act) -> dict[str, Any]:
        """As `write_ahead`."""
        return write_ahead(
            self.operation,
            self.ports,
            act.kind,
            act.name,
            lambda: perform(act, self.ports),
            makes=act.makes,
            also=act.also,
        )


def write_ahead(
    operation: Operation,
    ports: Ports,
    kind: str,
    name: str,
    request: Callable[[], None],
    *,
    makes: bool = False,
    also: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write down what is about to be done, then ask for it: a crash in between hides nothing.

    Only a running operation gets to its request, so that a record which was closed, or is being cleaned up, is a
    fence that no step passes.

    Args:
        kind: what is done, one word for each thing, e.g. `copy`, `instance-1`, `rename_old_aside`.
        makes: whether something comes to exist that did not before.
        also: what else the record is to say before the request is made.

    Returns:
        The change that says in the record that AWS has answered.

    Raises:
        OperationNotRunning: the record was closed meanwhile.
    """
    # When it was first asked for is kept: the limits of all
    # waits count from there, however often it is repeated.
    before = operation.record.acts.get(kind)
    begun = asked_now(before, name, ports.clock.now())
    made = made_changed(kind, name) if makes else {}
    record_running(ports, operation.operation_id, {**act_changed(kind, begun), **made, **(also or {})})
    try:
        request()
    except (ResourceBusy, RequestRefused, StepFailed):
        # AWS has said that it does not do it. Where it was asked before, that may be because it is at it already.
        if not before or before.refused:
            record_details(ports, operation.operation_id, act_changed(kind, begun.having(refused=True)))
        raise
    return act_changed(kind, begun.having(answered=True))


def record_running(ports: Ports, operation_id: str, changes: Mapping[str, Any]) -> None:
    """Write into a record that runs. Raises OperationNotRunning where it does not any more."""
    if not _update_running(ports, operation_id, changes):
        raise OperationNotRunning(f"The operation {operation_id} was closed while a phase was at work.")


def record_events(trail: AuditTrail, changes: Mapping[str, Any], events: Sequence[Event]) -> None:
    """Write into a record that runs, and append the events to its trail. Raises OperationNotRunning, TransientError."""
    # Behind the record: a step that was overtaken by the end of its operation adds no event to it.
    updated = changed(Record, last_updated_time=trail.ports.clock.now())
    if not trail.write({**changes, **updated}, events, OperationStatus.RUNNING.value):
        raise OperationNotRunning(
            f"The operation {trail.operation.operation_id} was closed while a phase was at work."
        )


def record_error(ports: Ports, operation_id: str, step: str, error: RestoreError) -> None:
    """Write what went wrong into a running record, in the words of the step that met it."""
    record_details(ports, operation_id, changed(Record, error=ErrorState.of(error, step)))


def record_details(ports: Ports, operation_id: str, changes: Mapping[str, Any]) -> None:
    """Keep what a step found although it is about to fail."""
    _update_running(ports, operation_id, changes)


def _update_running(ports: Ports, operation_id: str, changes: Mapping[str, Any]) -> bool:
    updated = changed(Record, last_updated_time=ports.clock.now())
    return ports.records.update(
        operation_id, {**changes, **updated}, only_if_status=OperationStatus.RUNNING.value
    )


def _of_phase(phase: Phase, state: PhaseState) -> Changes:
    return {**phase_changed(phase, state), **changed(Record, step=phase.value)}


def _keep_transient_error_to_limit(
    ports: Ports, operation: Operation, phase: Phase, transient: TransientError, started: datetime
) -> None:
    """A fault that passes is waited for within the phase's limit, and the record says what is waited for."""
    now, limit = ports.clock.now(), with_hold(operation.record, phase, ports.settings.phase_limit(phase))
    if now - started > limit:
        hours = limit.total_seconds() / 3600
        error = PhaseTimedOut(
            f"{phase.value} has taken longer than its limit of {hours:g} h; what it met last: {transient.code}: "
            f"{transient.message}",
            transient.hint,
        )
        record_error(ports, operation.operation_id, phase.value, error)
        raise error from transient
    entry = transient_error_state(operation.phase(phase), transient, now, started + limit)
    record_details(ports, operation.operation_id, phase_met(phase, entry))


def _finish(trail: AuditTrail, phase: Phase, started: datetime, outcome: StepOutcome) -> StepResult:
    operation, now, result = trail.operation, trail.ports.clock.now(), outcome.result
    before = operation.phase(phase) or PhaseState(start_time=started)
    is_waiting = result.status is StepStatus.IN_PROGRESS
    if is_waiting and not result.waiting_for:
        # Every wait has a name, under which it is timed.
        result = replace(result, waiting_for="step")
    waits = waits_after(before.waits, result, now, operation.expectation(result.waiting_for))
    events = outcome.events
    if is_waiting:
        result = replace(result, wait_seconds=waits[result.waiting_for].wait_seconds or 0)
    else:
        events += (Event(f"{phase.value}.{result.status.value.lower()}", {"message": result.message}),)
    state = phase_state(before, result, now, waits)
    record_events(trail, {**outcome.changes, **_of_phase(phase, state)}, events)
    return result
