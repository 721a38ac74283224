"""Cleanup of an operation whose execution ended abnormally: one step a call, until its record is closed.

The cleanup state machine calls it, which the event of the execution's end starts, or the sweep where the
event was lost. For any other operation it says so and does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.asking_party import asker_in
from aurora_restore.domain.cleaning import (
    decide_ending,
    done_sentences,
    ended_phases,
    error_as_warning,
    error_of,
    failure_noted,
    no_failure,
)
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.notification import ended_message, what_is_kept
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.operation import Operation, waits_after
from aurora_restore.domain.record import Cleanup, Record, Retirement, changed
from aurora_restore.domain.rehearsal import verdict_at_end
from aurora_restore.domain.results import StepResult, StepStatus, done, in_progress
from aurora_restore.domain.rollback import await_late_arrivals
from aurora_restore.domain.seeing import parties_in, places_in
from aurora_restore.domain.states import Ending, OperationStatus, RetirementState
from aurora_restore.domain.switching import is_switched
from aurora_restore.steps.audit_events import AuditTrail
from aurora_restore.steps.beginning import begin_record
from aurora_restore.steps.cleanup_context import CleanupContext, CleanupStep, next_step
from aurora_restore.steps.finalize import close, notify_or_defer, settle
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.post_close import post_close
from aurora_restore.steps.roll_forward import ROLL_FORWARD
from aurora_restore.steps.rollback import ROLLBACK

STOPPED_BY_US = "RecordMarkedByHand"


def cleanup(ports: Ports, operation_id: str, execution_arn: str | None) -> StepResult:
    """One call for an operation that is to be cleaned up. Raises what RDS refuses, and TransientError."""
    started = ports.clock.now()
    execution: ExecutionState | None = None
    try:
        execution = ports.executions.describe_arn(execution_arn) if execution_arn else None
        return _look(ports, operation_id, execution_arn, execution)
    except Exception as error:
        if isinstance(error, RestoreError):
            error.hint = error.cleanup_hint
        is_over = execution is not None and not execution.is_running
        _note_failure(ports, operation_id, execution_arn, error, started, is_over=is_over)
        raise


def _note_failure(
    ports: Ports,
    operation_id: str,
    execution_arn: str | None,
    error: Exception,
    started: datetime,
    *,
    is_over: bool,
) -> None:
    """The record says why its cleanup does not go on: the message of before would go on saying that it works."""
    try:
        operation = Operation(ports.records.load(operation_id) or {})
        # The id may have been used by another execution. And while a run is at work, it has no cleanup.
        if operation.execution_arn == execution_arn and (is_over or not operation.is_running):
            now, region = ports.clock.now(), ports.settings.target_region
            noted = failure_noted(operation, error, started, now, region)
            # A call that closes it in this moment has the last word.
            still_open = None if operation.is_closed else changed(Record, end_time=None)
            ports.records.update(operation_id, noted, only_if_status=operation.status, only_if=still_open)
    except RestoreError as unwritten:
        # The first error is the one to raise.
        error.add_note(f"The record does not say so: {unwritten.code}: {unwritten.message}")


def _look(
    ports: Ports, operation_id: str, execution_arn: str | None, execution: ExecutionState | None
) -> StepResult:
    item = ports.records.load(operation_id)
    if item is None and execution is not None and not execution.is_running:
        # It ended before its first phase wrote a record: it gets
        # one now, so that its end is recorded and reported.
        begin_record(ports, operation_id, execution.execution_arn, execution.input)
        item = ports.records.load(operation_id)
    if not item:
        return done(f"nothing is known of {operation_id}: there is nothing to clean up")
    operation = Operation(item)
    if operation.is_out_of_reach(ports.settings.target_region):
        return done(f"the record {operation_id} came out of a backup: what exists is not judged by it")
    if operation.execution_arn != execution_arn:
        # The id was used by another execution, whose clusters must not be taken for leftovers of this one.
        return done(f"the record {operation_id} is that of another execution, {operation.execution_arn}")
    if operation.is_closed:
        context = CleanupContext(ports, operation, execution, ports.clock.now())
        return _recorded(context, post_close(context))
    # As long as the execution runs, a step of it may be in the
    # middle of a request: nothing is touched until it ends.
    if execution is not None and execution.is_running:
        if operation.is_running:
            return done(f"the operation {operation_id} runs: there is nothing to clean up")
        if operation.record.is_marked_by_hand:
            cause = f"The record says {operation.status}: an operator has ended the operation."
            ports.executions.stop_arn(execution.execution_arn, STOPPED_BY_US, cause)
            return _waiting("the execution of a record that was marked by hand was stopped")
        return _waiting("the execution is about to end")
    return _clean_up(_fenced(operation, ports, execution), ports, execution)


def _waiting(message: str) -> StepResult:
    return replace(in_progress(message), wait_seconds=2)


def _fenced(operation: Operation, ports: Ports, execution: ExecutionState | None) -> Operation:
    """From here on no phase of the run can make a request, and how the run ends is decided."""
    # Decided once: a cleanup that changed its direction halfway could delete what it had just brought back.
    if operation.record.cleanup.ending is not None:
        return operation
    now = ports.clock.now()
    stopped = execution.stop_time if execution and execution.stop_time else now
    context = CleanupContext(ports, operation, execution, stopped)
    parties = parties_in(context)
    switched = is_switched(parties, places_in(context, parties)) if parties else False
    decision = decide_ending(operation, execution, is_switched=switched)
    details = {"ending": decision.ending.value, "reason": decision.reason}
    if asker := asker_in(execution.cause if execution else None):
        details["requested_by"] = asker
    fence = {
        **changed(Cleanup, ending=decision.ending, reason=decision.reason, ended_time=stopped),
        **changed(Record, error=error_of(operation, execution), last_updated_time=now),
    }
    # The operator's own word stays; it keeps the phases out just as well, since it is not RUNNING.
    if not operation.record.is_marked_by_hand:
        fence |= changed(Record, status=OperationStatus.CLEANING_UP.value)
    # Only from the status that was read, and where no event was added to it: what an operator or another call wrote
    # in the meantime is not overruled, and another cleanup that has decided is not decided against.
    trail = AuditTrail(ports, operation)
    trail.write(fence, [Event("cleanup.started", details)], operation.status, looks_again=False)
    return Operation(ports.records.load(operation.operation_id) or operation.item)


def _clean_up(operation: Operation, ports: Ports, execution: ExecutionState | None) -> StepResult:
    ending, ended_time = operation.record.cleanup.ending, operation.record.cleanup.ended_time
    if operation.is_closed or ending is None:
        # Another call was faster, or an operator wrote in between: the next call sees it.
        return _waiting("the record has just changed")
    if ended_time is None:
        # An operator has edited it: what may arrive late is waited for from now on.
        ports.records.update(operation.operation_id, changed(Cleanup, ended_time=ports.clock.now()))
        return _waiting("the record does not say when the execution ended")
    context = CleanupContext(ports, operation, execution, ended_time)
    if operation.is_dry_run:
        # It has touched nothing: only a message may still be on its way.
        steps: Sequence[CleanupStep] = (await_late_arrivals,)
    else:
        steps = ROLLBACK if ending.goes_back else ROLL_FORWARD
    outcome = next_step(context, steps)
    if outcome is not None:
        return _recorded(context, outcome)
    return _close(context, ending)


def _recorded(context: CleanupContext, outcome: StepOutcome) -> StepResult:
    """Write down what was done, and choose the wait."""
    ports, operation = context.ports, context.operation
    now, before = ports.clock.now(), operation.record.cleanup
    result, goes_on = outcome.result, no_failure() if before.error else {}
    if result.status is not StepStatus.IN_PROGRESS:
        ports.records.update(operation.operation_id, {**outcome.changes, **goes_on})
        return result
    named = replace(result, waiting_for=result.waiting_for or "step")
    waits = waits_after(before.waits, named, now, operation.expectation(named.waiting_for))
    sentence = next((str(event.details["done"]) for event in outcome.events if "done" in event.details), None)
    changes: dict[str, Any] = {
        **outcome.changes,
        **goes_on,
        **changed(Record, last_updated_time=now),
        **changed(
            Cleanup,
            waits=waits,
            message=result.message,
            done=done_sentences(operation, sentence),
            last_updated_time=now,
        ),
    }
    context.trail.write(changes, outcome.events)
    return replace(named, wait_seconds=waits[named.waiting_for].wait_seconds or 0)


def _close(context: CleanupContext, ending: Ending) -> StepResult:
    """Notify, close the record, release the lock."""
    ports = context.ports
    found = Operation(ports.records.load(context.operation_id) or context.operation.item)
    # An operator may have written something else over the error meanwhile.
    repaired_error = {} if found.record.error else changed(Record, error=error_of(found, context.execution))
    operation = Operation({**found.item, **repaired_error})
    # A restore that had succeeded has no error: what ended its run early becomes a warning.
    warned = {} if ending.goes_back else error_as_warning(operation)
    message = ended_message(Operation({**operation.item, **warned}), ending, ports.clock.now())
    waiting = operation.record.cleanup.waits.get("notification")
    waited = timedelta(seconds=waiting.seconds or 0 if waiting else 0)
    # Before the record is closed, which is then to say whether the message went out.
    notification = notify_or_defer(operation, ports, message, waited)
    if notification is None:
        silence = in_progress("SNS is unavailable", 95, "notification")
        return _recorded(context, StepOutcome(silence))
    time = ports.clock.now()
    status = OperationStatus(ending.value)
    # The replaced cluster serves again: the sweep must not take it for one that is kept, or due to go.
    is_put_back = ending.goes_back and bool(operation.record.retirement)
    put_back = changed(Retirement, state=RetirementState.PUT_BACK) if is_put_back else {}
    waits = waits_after(operation.record.cleanup.waits, done(""), ports.clock.now(), None)
    changes: Mapping[str, Any] = {
        **ended_phases(operation, ending, time),
        **repaired_error,
        **warned,
        **put_back,
        **verdict_at_end(operation.record, status, time),
        # Always: a call that failed beside this one may have said so since the record was read.
        **no_failure(),
        **changed(Record, notification=notification),
        **changed(
            Cleanup,
            waits=waits,
            message=f"the operation ended {status.value}",
            kept=what_is_kept(operation),
            last_updated_time=time,
        ),
    }
    close(operation, ports, status, changes)
    settle(ports, operation.operation_id)
    return done(f"cleanup complete: the operation ended {status.value}")
