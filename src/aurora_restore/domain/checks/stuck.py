"""Operations that do not come to their end, and locks that their owners did not give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora_restore.domain.checks.finding import Defect, Finding, judged
from aurora_restore.domain.cleaning import present_failure
from aurora_restore.domain.counting import counted
from aurora_restore.domain.errors import TRANSIENT_CODES
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.rehearsal import with_hold
from aurora_restore.domain.results import Phase
from aurora_restore.domain.settings import DEFAULT_PHASE_TIMEOUT_HOURS
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.sweeping import is_left_locked, why_it_stands_still, why_unfinished
from aurora_restore.domain.wording import duration_words

# Two sweeps and a start: what a sweep mends by itself is not an operator's business.
SWEEPS_TURN = timedelta(minutes=12)


@dataclass(frozen=True)
class Underway:
    """An operation whose record says that it is under way, and its execution, where Step Functions knows it."""

    operation: Operation
    execution: ExecutionState | None


def check_operations(
    open_ones: Sequence[Underway],
    ended: Sequence[Operation],
    phase_hours: Mapping[Phase, float],
    now: datetime,
    region: str,
) -> Finding:
    """`ended`: the operations of the last days that have a final status."""
    look_now = f"aws lambda invoke --region {region} --function-name aurora-restore-sweep /dev/stdout"
    defects = []
    for each in open_ones:
        name = each.operation.operation_id
        if failing := _failing_cleanup(each.operation, now, region):
            defects.append(failing)
        elif why := why_stuck(each, phase_hours, now):
            defects.append(
                _defect(name, why, (f"aurora-restore diagnose {name} --region {region}", look_now))
            )
    for operation in ended:
        if failing := _failing_cleanup(operation, now, region):
            defects.append(failing)
        elif why := why_unfinished(operation, now - SWEEPS_TURN):
            defects.append(_defect(operation.operation_id, why, (look_now,)))
    seen = f"none stuck: {len(open_ones)} under way, {len(ended)} ended"
    return judged("operations", defects, seen)


def why_stuck(underway: Underway, phase_hours: Mapping[Phase, float], now: datetime) -> str | None:
    """Why an operation under way does not go on; None where it does, or a sweep may still see to it."""
    operation, execution = underway.operation, underway.execution
    # An event starts the cleanup of an execution that has just ended.
    if execution is not None and execution.stop_time and now - execution.stop_time < SWEEPS_TURN:
        return None
    if why := why_it_stands_still(operation, execution, now - SWEEPS_TURN):
        return why
    if operation.status != OperationStatus.RUNNING:
        return None
    step = operation.record.step
    # A newer release may have written a phase that is not known here.
    phase = Phase(step) if step in set(Phase) else None
    since = (operation.phase_start(phase) if phase else None) or operation.record.start_time
    if phase is None or since is None:
        return None
    hours_given = timedelta(hours=phase_hours.get(phase, DEFAULT_PHASE_TIMEOUT_HOURS[phase]))
    limit = with_hold(operation.record, phase, hours_given)
    if now - since <= limit + SWEEPS_TURN:
        return None
    spent, most = duration_words((now - since).total_seconds()), duration_words(limit.total_seconds())
    return f"it has been in {phase} for {spent}, and the limit is {most}"


def check_locks(
    owners: Mapping[str, str], operations: Mapping[str, Operation | None], now: datetime, region: str
) -> Finding:
    """`owners`: the operation that has the lock of each target; `operations`: what is known of each owner."""
    defects = []
    for target, owner in sorted(owners.items()):
        operation = operations.get(owner)
        closed = operation.record.end_time if operation else None
        # A function releases the lock a moment after it has closed the record, and else the sweep does.
        if is_left_locked(operation) and (closed is None or now - closed > SWEEPS_TURN):
            defects.append(
                Defect(
                    f"{target} is locked by {owner}, which {'is closed' if operation else 'has no record'}",
                    "No other operation can work on the target.",
                    (
                        f"aws lambda invoke --region {region} --function-name aurora-restore-sweep /dev/stdout",
                    ),
                )
            )
    return judged(
        "locks",
        defects,
        f"{counted(len(owners), 'lock')}, each of an operation under way" if owners else "no locks",
    )


def _failing_cleanup(operation: Operation, now: datetime, region: str) -> Defect | None:
    """What the sweep cannot mend: it begins the cleanup again and again, and a person has to remove the cause."""
    name, since = operation.operation_id, operation.record.cleanup.failing_since
    error = present_failure(operation.record, now)
    if error is None or operation.is_out_of_reach(region):
        return None
    repair = f"aurora-restore status {name} --region {region}"
    if error.code in TRANSIENT_CODES:
        if since is None or now - since <= SWEEPS_TURN:
            return None
        spent = duration_words((now - since).total_seconds())
        return Defect(
            f"the cleanup of {name} has met {error.code} for {spent}: {error.message}",
            "It is tried again by itself; until then it puts nothing back and removes nothing.",
            (repair,),
        )
    return Defect(
        f"the cleanup of {name} cannot go on: {error.code}: {error.message}",
        f"Until the cause is removed, it puts nothing back and removes nothing. {error.hint}",
        (repair,),
    )


def _defect(name: str, why: str, repairs: tuple[str, ...]) -> Defect:
    return Defect(
        f"{name}: {why}", "It does not come to its end by itself. The sweep should have ended it.", repairs
    )
