"""What the pipeline measures of itself: pure functions of an operation's record, and of what a sweep has seen.

Each is one line in a log, from which CloudWatch makes metrics (`aws/metrics.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.observed import ClusterSnapshot, Quota
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.rds_statuses import FAILED_SNAPSHOT_STATUSES, GOING_STATUSES
from aurora_restore.domain.rehearsal import asked_of, with_hold
from aurora_restore.domain.results import Phase
from aurora_restore.domain.retention import is_being_retired
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.states import OperationStatus, PhaseStatus, RehearsalVerdict
from aurora_restore.domain.wording import duration_words

# What a run uses up; the names are RDS's.
WATCHED_QUOTAS = ("DBClusters", "DBInstances", "ManualClusterSnapshots", "DBClusterParameterGroups")
# TimeoutSeconds of the cleanup's state machine. A cleanup has no phases, so that this is the limit of all of it.
CLEANUP_LIMIT = timedelta(hours=48)


@dataclass(frozen=True)
class Measured:
    """The values of one moment.

    Attributes:
        values: numbers by the name of their metric; the name ends with the unit, where it has one.
        dimensions: each combination of their values is a metric of its own, which costs.
        facts: what a reader of the line wants to know besides; no metric is made of it.
    """

    time: datetime
    message: str
    values: Mapping[str, float]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepView:
    """What a sweep has seen.

    Attributes:
        ended: operations that began within `looks_back` and have ended.
        locks: since when each target is locked.
        quotas: empty where RDS did not say.
    """

    now: datetime
    open_operations: Sequence[Operation]
    ended: Sequence[Operation]
    looks_back: timedelta
    snapshots: Sequence[ClusterSnapshot]
    locks: Mapping[str, datetime]
    quotas: Mapping[str, Quota] = field(default_factory=dict)


def operation_measures(operation: Operation) -> tuple[Measured, ...]:
    """Of an operation that has ended: one line about all of it, and one about each phase that was done.

    Nothing of a dry run and of an undo, which restore nothing; of a rehearsal its verdict. All have the time of the
    operation's end, so that lines which are written again are about the same moment.
    """
    record = operation.record
    started, ended = record.start_time, record.end_time
    if ended is not None and asked_of(record) is not None:
        return _rehearsal_measures(operation, ended)
    if not _is_restore(operation) or started is None or ended is None:
        return ()
    values = {"RestoreMinutes": _minutes(ended - started)}
    proved = record.proof.proved_time
    # The objective is about restores that clients can use.
    if operation.status == OperationStatus.SUCCEEDED and proved is not None:
        values["RtoMinutes"] = _minutes(proved - started)
    phases = {
        name: _minutes(state.end_time - state.start_time)
        for name, state in record.phases.items()
        # A phase that was skipped or broken off says nothing of how long it takes.
        if state.status is PhaseStatus.DONE and state.start_time and state.end_time
    }
    whole = Measured(
        ended,
        f"the operation ended {operation.status} after {_words(values['RestoreMinutes'])}",
        values,
        {"Outcome": operation.status},
        {"phase_minutes": phases, "target_cluster_id": operation.target_cluster_id},
    )
    return (
        whole,
        *(
            Measured(ended, f"{name} took {_words(minutes)}", {"PhaseMinutes": minutes}, {"Phase": name})
            for name, minutes in phases.items()
        ),
    )


def _rehearsal_measures(operation: Operation, ended: datetime) -> tuple[Measured, ...]:
    """One line about a rehearsal; nothing of one that was cancelled before it could be measured."""
    state = operation.record.rehearsal
    if state.verdict is None or state.verdict is RehearsalVerdict.NOT_MEASURED:
        return ()
    values = {"RehearsalsPassed": float(state.verdict is RehearsalVerdict.PASSED)}
    if state.rto_seconds is not None:
        values["RehearsalRtoMinutes"] = _minutes(timedelta(seconds=state.rto_seconds))
    if state.rpo_seconds is not None:
        values["RehearsalRpoHours"] = round(state.rpo_seconds / 3600, 2)
    facts = {"verdict": state.verdict.value, "missed": list(state.missed)}
    return (Measured(ended, f"the rehearsal ended {state.verdict}", values, facts=facts),)


def sweep_measures(view: SweepView, settings: PipelineSettings) -> Measured:
    """How things are at the end of a sweep."""
    now = view.now
    ages = {each.operation_id: now - (each.record.start_time or now) for each in view.open_operations}
    oldest = max(ages, key=lambda name: ages[name], default=None)
    late = [each.operation_id for each in view.open_operations if is_beyond_limit(each, settings, now)]
    held = {target: now - since for target, since in view.locks.items()}
    longest = max(held, key=lambda target: held[target], default=None)
    over = {"available", *FAILED_SNAPSHOT_STATUSES, *GOING_STATUSES}
    # Five may be in flight in a Region, and those that others began count as well.
    copies = [
        each
        for each in view.snapshots
        if each.source_db_cluster_snapshot_arn is not None and each.status not in over
    ]
    restored = [
        end
        for each in view.ended
        if each.status == OperationStatus.SUCCEEDED and (end := each.record.end_time) and _is_restore(each)
    ]
    # Where there was none, it is as long ago as the sweep looks back, at least.
    since = now - max(restored, default=now - view.looks_back)
    values: dict[str, float] = {
        "OperationsRunning": len(view.open_operations),
        "OldestOperationMinutes": _minutes(ages[oldest]) if oldest else 0,
        "OperationsBeyondLimit": len(late),
        "OldestLockMinutes": _minutes(held[longest]) if longest else 0,
        "CopiesInFlight": len(copies),
        "HoursSinceLastRestore": round(since.total_seconds() / 3600, 2),
    }
    facts: dict[str, Any] = {"oldest_operation": oldest, "beyond_limit": late, "oldest_lock": longest}
    used = {
        name: round(100 * quota.used / quota.maximum, 1)
        for name in WATCHED_QUOTAS
        if (quota := view.quotas.get(name)) and quota.maximum
    }
    # Without an answer of RDS there is no value, and not one that looks good.
    if used:
        values["QuotaUsedPercent"] = max(used.values())
        facts |= {"quota_used_percent": used, "fullest_quota": max(used, key=lambda name: used[name])}
    return Measured(now, f"{len(view.open_operations)} operation(s) run", values, facts=facts)


def audit_failure(event: str, error: RestoreError, now: datetime) -> Measured:
    """An audit event that could not be written."""
    facts = {"audit_event": event, "error_code": error.code}
    message = f"the audit event {event} was not written: {error.message}"
    return Measured(now, message, {"AuditWritesFailed": 1}, facts=facts)


def is_beyond_limit(operation: Operation, settings: PipelineSettings, now: datetime) -> bool:
    """Whether an open operation is still in a phase, or in its cleanup, after the limit of that.

    A phase that is called after its limit ends with PHASE_TIMED_OUT: this one is no longer called, or was not yet.
    """
    record = operation.record
    if not operation.is_running:
        ended = record.cleanup.ended_time
        return ended is not None and now - ended > CLEANUP_LIMIT
    if record.step not in set(Phase):
        return False
    phase = Phase(record.step)
    state = operation.phase(phase)
    if state.start_time is None or state.has_ended_well:
        return False
    return now - state.start_time > with_hold(record, phase, settings.phase_limit(phase))


def locked_since(operation: Operation) -> datetime | None:
    """Since when an operation has needed the lock that it owns, as far as its record shows."""
    if operation.is_closed and is_being_retired(operation):
        # It took the lock anew when the time to keep the old cluster was over.
        return operation.record.retirement.keep_until or operation.record.end_time
    return operation.record.start_time


def _is_restore(operation: Operation) -> bool:
    # A rehearsal leaves no cluster that people could use.
    is_rehearsal = asked_of(operation.record) is not None
    return not operation.is_dry_run and not operation.record.parameters.is_undo and not is_rehearsal


def _words(minutes: float) -> str:
    return duration_words(60 * minutes)


def _minutes(duration: timedelta) -> float:
    return round(duration.total_seconds() / 60, 2)
