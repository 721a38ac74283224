"""After the switch: the new cluster exports its logs, under the name that it keeps."""

from __future__ import annotations

from aurora_restore.domain.acts import Done, Leave, Wait
from aurora_restore.domain.errors import RequestRefused, ResourceBusy, StepFailed
from aurora_restore.domain.log_exports import (
    LOG_EXPORTS_KIND,
    decide_log_exports,
    exports_logs_later,
    log_exports_warning,
)
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Changes, RestoreDetails, changed, with_warnings
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard, asked_for, waiting
from aurora_restore.steps.ports import Ports


def are_log_exports_due(operation: Operation) -> bool:
    """Whether the record does not say yet what became of the logs, which come after the switch."""
    return (
        exports_logs_later(operation.plan)
        and operation.record.restore_details.cloudwatch_logs_exports is None
    )


def bring_log_exports(
    operation: Operation, ports: Ports, target: DbCluster, guard: Guard
) -> StepOutcome | None:
    """One request at most; None where nothing is left to do. What RDS does not take is a warning: it costs no run.

    `target` is the new cluster, seen just now under the target's name.
    """
    plan = operation.plan
    if not are_log_exports_due(operation):
        return None
    asked = operation.asked_by_cleanup().get(LOG_EXPORTS_KIND) or operation.asked(LOG_EXPORTS_KIND)
    next_act = decide_log_exports(plan, target, asked, ports.clock.now())
    if isinstance(next_act, Done):
        return _seen_to(target, "cluster.log_exports_changed", next_act.reason)
    if isinstance(next_act, Leave):
        return _left(operation, target, next_act.reason)
    if isinstance(next_act, Wait):
        return waiting(next_act)
    try:
        answered = guard.ask(next_act)
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, next_act.percent, next_act.waits_for))
    except (StepFailed, RequestRefused) as refused:
        # An error of the record's table says nothing of the
        # logs. Any other costs the logs, and not the restore.
        if refused.is_of_record:
            raise
        return _left(operation, target, refused.message)
    return asked_for(next_act, answered)


def _left(operation: Operation, target: DbCluster, reason: str) -> StepOutcome:
    warning = log_exports_warning(operation.plan, target, reason)
    return _seen_to(
        target,
        "cluster.log_exports_left",
        f"the export of logs is left as it is: {reason}",
        with_warnings(operation.record, warning),
    )


def _seen_to(target: DbCluster, event: str, reason: str, changes: Changes | None = None) -> StepOutcome:
    """The record says what is exported in the end, and by that, that nothing is left to do."""
    found = changed(RestoreDetails, cloudwatch_logs_exports=tuple(target.cloudwatch_logs_exports))
    return StepOutcome(
        in_progress(reason, 10, "change"), {**found, **(changes or {})}, (Event(event, {"reason": reason}),)
    )
