"""What becomes of a replaced cluster, by the record of the operation that replaced it."""

from __future__ import annotations

from datetime import datetime, timedelta

from aurora_restore.domain.operation import Operation
from aurora_restore.domain.states import RetirementState, Strategy

# Long enough to notice in the morning what was stopped in the night.
KEPT_AFTER_CANCEL = timedelta(hours=24)


def keep_after_cancel(planned_hours: float) -> timedelta:
    """For how long a replaced cluster is kept where the run was stopped after the switch: as planned."""
    return timedelta(hours=planned_hours) if planned_hours else KEPT_AFTER_CANCEL


def retirement_state(operation: Operation) -> RetirementState | None:
    """None: nothing was replaced, or its end has not begun."""
    return operation.record.retirement.state


def is_past_return(operation: Operation) -> bool:
    """Whether the replaced cluster has begun to go, or the run has done with it all that it had to do."""
    state = retirement_state(operation)
    if state is RetirementState.KEPT:
        return operation.plan.strategy is Strategy.SWAP
    return state in (RetirementState.BEGUN, RetirementState.RETIRED)


def kept_until(operation: Operation) -> datetime | None:
    """Until when the replaced cluster is kept; None where none is."""
    retirement = operation.record.retirement
    return retirement.keep_until if retirement.state is RetirementState.KEPT else None


def is_being_retired(operation: Operation) -> bool:
    """Whether a closed operation's replaced cluster is on its way out, which its lock protects."""
    return operation.is_closed and retirement_state(operation) is RetirementState.BEGUN
