"""What is the same for every step: load the record, keep to the limit, record the result, choose the wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.errors import OperationNotRunning, PhaseTimedOut, RestoreError, TransientFault
from aurora_restore.domain.operation import Operation, OperationStatus, phase_state
from aurora_restore.domain.results import Phase, StepResult, StepStatus
from aurora_restore.domain.times import format_time
from aurora_restore.domain.waiting import next_wait_seconds
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.world import World

Step = Callable[[Operation, World], StepOutcome]


def run_step(phase: Phase, step: Step, world: World, operation_id: str) -> StepResult:
    """Call a step once for a running operation and record what came of it.

    Raises:
        OperationNotRunning: the record is gone, or was closed by hand.
        PhaseTimedOut: the phase has had all the time that it may have.
        RestoreError: what the step raised; all but a `TransientFault` stand in the record then.
    """
    operation = load_running(world, operation_id)
    now = world.clock.now()
    started = operation.phase_start(phase)
    _begin(world, operation, phase, started, now)
    try:
        outcome = step(operation, world)
        _keep_to_limit(world, phase, outcome.result, now - (started or now))
    except TransientFault:
        raise
    except RestoreError as error:
        record_error(world, operation_id, phase.value, error)
        raise
    return _finish(world, operation, phase, started or now, outcome)


def load_running(world: World, operation_id: str) -> Operation:
    """The operation, if its record says that it runs."""
    item = world.records.load(operation_id)
    if item is None:
        raise OperationNotRunning(f"There is no record of the operation {operation_id}.")
    operation = Operation(item)
    if not operation.is_running:
        raise OperationNotRunning(
            f"The operation {operation_id} does not run any more: it is {operation.status}."
        )
    return operation


def record_making(world: World, operation_id: str, kind: str, name: str) -> None:
    """Write down what is about to be made, before it is asked for: a crash in between hides nothing."""
    record_details(world, operation_id, {f"made.{kind}": name})


def record_error(world: World, operation_id: str, step: str, error: RestoreError) -> None:
    """Write what went wrong into a running record, in the words of the step that met it."""
    record_details(world, operation_id, {"error": error_item(step, error)})


def record_details(world: World, operation_id: str, changes: Mapping[str, Any]) -> None:
    """Keep what a step found although it is about to fail."""
    time = format_time(world.clock.now())
    world.records.update(
        operation_id, {**changes, "last_updated_time": time}, only_if_status=OperationStatus.RUNNING.value
    )


def error_item(step: str, error: RestoreError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "step": step,
        "faults": [fault.to_item() for fault in error.faults],
    }


def _begin(world: World, operation: Operation, phase: Phase, started: datetime | None, now: datetime) -> None:
    if started is None:
        world.audit.append(operation.operation_id, now, f"{phase.value}.started", {})
        world.records.update(
            operation.operation_id,
            {
                f"phases.{phase.value}": {
                    "status": StepStatus.IN_PROGRESS.value,
                    "start_time": format_time(now),
                },
                "step": phase.value,
                "last_updated_time": format_time(now),
            },
            only_if_status=OperationStatus.RUNNING.value,
        )


def _keep_to_limit(world: World, phase: Phase, result: StepResult, elapsed: timedelta) -> None:
    """The step has had its look: what is done by now is done, however late."""
    limit = world.settings.phase_limit(phase)
    if result.status is StepStatus.IN_PROGRESS and elapsed > limit:
        raise PhaseTimedOut(
            f"{phase.value} has taken longer than its limit of {limit.total_seconds() / 3600:g} h; "
            f"it is waiting: {result.message}."
        )


def _finish(
    world: World, operation: Operation, phase: Phase, started: datetime, outcome: StepOutcome
) -> StepResult:
    now = world.clock.now()
    result = _with_wait(outcome.result, now - started)
    before = operation.phase(phase) or {"start_time": format_time(started)}
    state = phase_state(before, result, now)
    changes = {**outcome.changes, f"phases.{phase.value}": state, "step": phase.value}
    changes["last_updated_time"] = format_time(now)
    for event in outcome.events:
        world.audit.append(operation.operation_id, world.clock.now(), event.name, event.details)
    if result.status is not StepStatus.IN_PROGRESS:
        ended = f"{phase.value}.{result.status.value.lower()}"
        world.audit.append(operation.operation_id, world.clock.now(), ended, {"message": result.message})
    is_kept = world.records.update(
        operation.operation_id, changes, only_if_status=OperationStatus.RUNNING.value
    )
    if not is_kept:
        raise OperationNotRunning(
            f"The operation {operation.operation_id} was closed while {phase.value} worked."
        )
    return result


def _with_wait(result: StepResult, elapsed: timedelta) -> StepResult:
    if result.status is not StepStatus.IN_PROGRESS:
        return result
    return replace(result, wait_seconds=next_wait_seconds(elapsed.total_seconds()))
