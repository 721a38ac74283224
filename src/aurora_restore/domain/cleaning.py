"""Deciding how an operation that ended abnormally is to end: by a rollback to what existed before, or by a roll
forward."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aurora_restore.domain.cluster_settings import cluster_settings_of, instance_settings_of
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.errors import (
    ERRORS_BY_NAME,
    Cancelled,
    ExecutionLost,
    ExecutionTimedOut,
    ManualIntervention,
    Problem,
    RestoreError,
)
from aurora_restore.domain.naming import PUT_BACK_TAG
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import PlannedCluster, PlannedInstance, RestorePlan
from aurora_restore.domain.record import (
    Changes,
    Cleanup,
    ErrorState,
    Record,
    changed,
    phase_ended,
    with_warnings,
)
from aurora_restore.domain.rehearsal import asked_of, is_restored
from aurora_restore.domain.results import Phase
from aurora_restore.domain.retention import is_past_return
from aurora_restore.domain.states import Ending, ExecutionStatus, OperationStatus, PhaseStatus

# A function that was at work when its execution was stopped goes on to its end, the longest for two minutes.
LATE_ARRIVALS = timedelta(seconds=150)
CLOSED_MEANWHILE = timedelta(minutes=1)
REPORT_IT = RestoreError.default_hint
# While a cleanup fails, the sweep begins it again every few minutes. Once nothing is due any more, it does not.
FAILURE_SHOWS = timedelta(hours=1)
# What RDS has accepted shows in its Describe calls within seconds.
SHOWS_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True)
class EndingDecision:
    ending: Ending
    reason: str


def decide_ending(
    operation: Operation, execution: ExecutionState | None, *, is_switched: bool
) -> EndingDecision:
    """Rollback or roll forward, decided once.

    Roll forward where the deletion of the old cluster has begun or it is kept, where the run had nothing left to do but
    to notify, where an operator cancelled what had succeeded, and where the restore that was rehearsed had succeeded.
    Everything else is rolled back.
    """
    is_cancelled = was_cancelled(operation, execution)
    # What an operator wrote by hand is kept: the guide's way of cancelling is to write FAILED.
    is_failure = operation.status == OperationStatus.FAILED or not is_cancelled
    back = EndingDecision(
        Ending.FAILED if is_failure else Ending.CANCELLED,
        "what existed before is put back, and what the run made is removed",
    )
    if not operation.is_planned:
        return back
    if operation.is_dry_run:
        return EndingDecision(Ending.SUCCEEDED, "the plan was complete: only the notification was left")
    if asked_of(operation.record) is not None:
        # Nothing is replaced, so that nothing can be lost: the scratch cluster is removed in either direction.
        if is_restored(operation.record):
            return EndingDecision(
                Ending.SUCCEEDED, "the rehearsal was measured: only its scratch cluster was left"
            )
        return back
    # Once the old cluster has begun to go, only the new one is whole: there is nothing to return to.
    if operation.plan.strategy.uses_staging_name and is_past_return(operation):
        return EndingDecision(
            Ending.SUCCEEDED, "the new cluster was in place and the old one kept or being retired"
        )
    if _has_ended(operation, Phase.RETIRE_REPLACED):
        return EndingDecision(Ending.SUCCEEDED, "the restore had succeeded: only the notification was left")
    # A cancel says that the run is to stop, not that a new cluster which serves clients already is to go.
    if is_cancelled and (is_switched or _has_ended(operation, Phase.SWITCH_OVER)):
        return EndingDecision(Ending.SUCCEEDED, "the restore had succeeded before it was cancelled")
    return back


def was_cancelled(operation: Operation, execution: ExecutionState | None) -> bool:
    """An operator stopped the execution, or marked the record by hand."""
    if operation.record.is_marked_by_hand:
        return True
    return execution is not None and execution.status == ExecutionStatus.ABORTED


def error_of(operation: Operation, execution: ExecutionState | None) -> ErrorState:
    """What the record is to say went wrong: what the step wrote, or what Step Functions knows."""
    record = operation.record
    if known := record.error:
        return known.completed(record.step, ManualIntervention.default_hint)
    step = record.step or Phase.SNAPSHOT_CHECK.value
    if record.error_by_hand:
        return ErrorState.of(ManualIntervention(record.error_by_hand), step)
    if record.is_marked_by_hand:
        marked = ManualIntervention("The record was marked by hand.", Cancelled.default_hint)
        return ErrorState.of(marked, step)
    # No step wrote what went wrong, so that only the execution can say it.
    error: RestoreError
    if execution is None:
        error = ExecutionLost("Step Functions does not know the execution of this operation.")
    elif execution.status == ExecutionStatus.ABORTED:
        reason = ": ".join(word for word in (execution.error, execution.cause) if word)
        error = Cancelled(f"An operator stopped the execution{f' ({reason})' if reason else ''}.")
    elif execution.status == ExecutionStatus.TIMED_OUT:
        error = ExecutionTimedOut("The execution reached the time limit of the state machine.")
    else:
        kind = ERRORS_BY_NAME.get(execution.error or "", RestoreError)
        message = execution.cause or f"The execution ended with {execution.error or execution.status}."
        # An error that is made of more than its message cannot be made again from the message alone.
        error = kind(message) if kind.__init__ is RestoreError.__init__ else RestoreError(message)
    return ErrorState.of(error, step)


def error_of_failure(operation: Operation, error_name: str, cause: str) -> ErrorState:
    """What the step wrote into the record; where it could not, what Step Functions knows."""
    record, hint = operation.record, RestoreError.default_hint
    known = record.error
    if not known and record.error_by_hand:
        # What an operator wrote into the record by hand may be no more than a sentence.
        known = ErrorState.of(ManualIntervention(record.error_by_hand, hint))
    kind = ERRORS_BY_NAME.get(error_name, RestoreError)
    # The error in a running record may be an earlier one, which the run has overcome: then it has another code.
    is_known = not operation.is_running or error_name not in ERRORS_BY_NAME
    if known and (is_known or known.code == kind.code):
        return known.completed(record.step, hint)
    # Lambda's cause is JSON with `errorMessage`; Step Functions' own causes are plain text.
    try:
        parsed = json.loads(cause)
    except ValueError:
        parsed = None
    message = str(parsed.get("errorMessage", cause)) if isinstance(parsed, dict) else cause
    message = message or f"The phase ended with {error_name}."
    # The problem alone: an error of this kind may be made of more than its message.
    problem = Problem(kind.code, message, kind.default_hint)
    return ErrorState.of(problem, record.step or Phase.SNAPSHOT_CHECK.value)


def failure_noted(
    operation: Operation, error: Exception, started: datetime, now: datetime, region: str
) -> Changes:
    """The change that says why a call of the cleanup, begun at `started`, failed; none where it has no say."""
    record = operation.record
    # Nothing is done for it by itself, and no call would take it back.
    if operation.is_out_of_reach(region):
        return {}
    # Another call has succeeded meanwhile, or closed the record; the clocks of two functions differ a little.
    if (record.cleanup.last_updated_time or started) > started:
        return {}
    if operation.is_closed and record.end_time and started - record.end_time <= CLOSED_MEANWHILE:
        return {}
    # What an unexpected error says of itself may have a secret in it.
    unexpected = f"The cleanup ended with an unexpected error, {type(error).__name__}."
    known = error if isinstance(error, RestoreError) else RestoreError(unexpected, cleanup_hint=REPORT_IT)
    state = ErrorState.of(known).having(hint=known.cleanup_hint)
    since = record.cleanup.failing_since if record.cleanup.error else None
    return changed(Cleanup, error=state, failing_since=since or now, failed_time=now)


def no_failure() -> Changes:
    """The change with which a record no longer says that its cleanup fails."""
    return changed(Cleanup, error=None, failing_since=None, failed_time=None)


def present_failure(record: Record, now: datetime) -> ErrorState | None:
    """Why the cleanup fails at present; None where it does not, as far as the record knows."""
    failed = record.cleanup.failed_time
    is_over = record.is_closed and (failed is None or now - failed > FAILURE_SHOWS)
    return None if is_over or record.is_left_behind else record.cleanup.error


def error_as_warning(operation: Operation) -> Changes:
    """A restore that had succeeded has no error; what ended its run early is a warning."""
    error = operation.record.error
    ended_by = f"{error.code}: {error.message}" if error else "unknown"
    warnings = [f"the run did not end by itself ({ended_by}), but the restore had succeeded"]
    if not operation.is_dry_run and not operation.phase(Phase.PROVE_ENDPOINT).has_ended_well:
        warnings.append(
            "the target's endpoint was not proved: its certificate may still name the cluster as it was called before, "
            "and refuse clients that verify it; a stop and a start of the cluster renew it"
        )
    return {**changed(Record, error=None), **with_warnings(operation.record, *warnings)}


def may_arrive_late(
    operation: Operation, execution: ExecutionState | None, ended_time: datetime, now: datetime
) -> bool:
    """Whether something that was asked for may still come to be.

    Either the Describe calls do not show yet what was accepted a moment ago, or a function was at work at the end.
    """
    # Asked for at the last moment: the Describe calls may not show it yet.
    asked = operation.all_asked().values()
    if any(not item.refused and now - item.last < SHOWS_WITHIN for item in asked):
        return True
    # A step that raised has come to its end: no function is at work any more.
    if execution is not None and execution.status == ExecutionStatus.FAILED:
        return False
    unanswered = any(not state.answered and not state.refused for state in operation.record.acts.values())
    return unanswered and now - ended_time < LATE_ARRIVALS


def plan_of_replaced(operation: Operation, configuration: ClusterConfiguration) -> RestorePlan:
    """The plan that makes the old cluster again, as it was, from its final snapshot: the rollback of delete_first."""
    plan = operation.plan
    # What the old cluster showed, but for what a restore must name or what its record may lack.
    settings = cluster_settings_of(configuration) | {
        "db_subnet_group_name": configuration.db_subnet_group_name or "",
        "port": configuration.port if plan.cluster.port else None,
        "engine_lifecycle_support": configuration.engine_lifecycle_support
        or plan.cluster.engine_lifecycle_support,
    }
    cluster = PlannedCluster(
        db_cluster_identifier=plan.target_cluster_id,
        tags={**configuration.tags, PUT_BACK_TAG: operation.operation_id},
        managed_master_secret=configuration.managed_master_secret is not None,
        master_secret_kms_key_id=configuration.managed_master_secret_kms_key_id,
        **settings,
    )
    source = replace(
        plan.source,
        engine=configuration.engine,
        engine_version=configuration.engine_version,
        master_username=configuration.master_username,
    )
    instances = tuple(
        PlannedInstance(
            db_instance_identifier=member.db_instance_identifier,
            db_instance_class=member.db_instance_class,
            promotion_tier=member.promotion_tier or 0,
            **instance_settings_of(member),
        )
        for member in configuration.members
    )
    return replace(
        plan, source=source, cluster=cluster, instances=instances, replacement=None, custom_endpoints=()
    )


def done_sentences(operation: Operation, sentence: str | None) -> tuple[str, ...]:
    """What the cleanup has done so far, with one more thing."""
    before = operation.record.cleanup.done
    return (*before, sentence) if sentence and sentence not in before else before


def ended_phases(operation: Operation, ending: Ending, time: datetime) -> Changes:
    """No phase of an ended operation is under way: whatever was, ended with it."""
    status = PhaseStatus.DONE if ending is Ending.SUCCEEDED else PhaseStatus(ending.value)
    changes: Changes = {}
    for name, state in operation.record.phases.items():
        if state.status is PhaseStatus.IN_PROGRESS:
            changes |= phase_ended(name, status, time)
    return changes


def _has_ended(operation: Operation, phase: Phase) -> bool:
    return operation.phase(phase).has_ended_well
