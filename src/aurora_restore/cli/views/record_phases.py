"""The phases of a record, read for display: which are shown, and the state of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aurora_restore.domain.errors import Cancelled, ManualIntervention
from aurora_restore.domain.record import PhaseState, Record, TransientErrorState, WaitState
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import ExecutionStatus, OperationStatus, PhaseStatus, Strategy
from aurora_restore.domain.waiting import current_wait

# Phases that only some runs have: others do not list them.
_OF_SOME_RUNS = frozenset(
    {
        Phase.CLEAR_TARGET,
        Phase.APPLY_PARAMETER_GROUP,
        Phase.SWITCH_OVER,
        Phase.RETIRE_REPLACED,
        Phase.END_REHEARSAL,
    }
)
_OF_NO_UNDO = frozenset(
    {
        Phase.COPY_SNAPSHOT,
        Phase.CLEAR_TARGET,
        Phase.DEFUSE,
        Phase.SETUP_DB_USERS,
        Phase.APPLY_PARAMETER_GROUP,
        Phase.VERIFY_RESTORE,
        Phase.ARCHIVE_SNAPSHOT,
        Phase.END_REHEARSAL,
    }
)
# Errors that are an operator's decision: the phase was stopped in the middle, and did not fail.
_STOPPED_BY_HAND = frozenset({Cancelled.code, ManualIntervention.code})
_ENDED_STATES = {
    PhaseStatus.DONE: "done",
    PhaseStatus.SKIPPED: "skipped",
    PhaseStatus.FAILED: "failed",
    PhaseStatus.CANCELLED: "stopped",
}
# Of a phase that has not ended, by how its execution did; empty: it still runs.
_BY_EXECUTION: Mapping[str, str] = {
    "": "running",
    ExecutionStatus.ABORTED: "stopped",
    ExecutionStatus.SUCCEEDED: "stopped",
}
_FAILED_EXECUTIONS = frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT})


@dataclass(frozen=True)
class PhaseView:
    """One phase. `state` is `waiting`, `running`, `done`, `skipped`, `failed` or `stopped`."""

    name: str
    state: str
    recorded: PhaseState
    ended: datetime | None = None

    @property
    def message(self) -> str:
        return self.recorded.message

    @property
    def progress_percent(self) -> int:
        return self.recorded.progress_percent

    @property
    def lasting_error(self) -> TransientErrorState | None:
        """The transient error that the phase is waiting out now: no call has succeeded since."""
        transient, updated = self.recorded.last_transient_error, self.recorded.last_updated_time
        if self.state != "running" or transient is None or transient.time is None:
            return None
        return transient if updated is None or transient.time > updated else None

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken until now; None before its start."""
        if self.recorded.start_time is None:
            return None
        return max(0.0, ((self.ended or now) - self.recorded.start_time).total_seconds())

    @property
    def current_wait(self) -> WaitState | None:
        """What is waited for now."""
        return current_wait(self.recorded.waits.values())


def read_phases(record: Record, execution_status: str) -> tuple[PhaseView, ...]:
    """The phases that this run has, in their order; those of a newer release at the end."""
    known = [phase.value for phase in Phase]
    names = known + [name for name in record.phases if name not in known]
    # The state of a phase that has begun and did not come to its end.
    if record.status == OperationStatus.RUNNING:
        unfinished = _BY_EXECUTION.get(execution_status, "failed")
    elif record.status == OperationStatus.CLEANING_UP and not record.has_error:
        # A run that fails writes its error down before its cleanup begins; one that is stopped has none.
        unfinished = "failed" if execution_status in _FAILED_EXECUTIONS else "stopped"
    else:
        by_hand = record.error is not None and record.error.code in _STOPPED_BY_HAND
        has_failed = record.status in (OperationStatus.FAILED, OperationStatus.CLEANING_UP)
        unfinished = "failed" if has_failed and not by_hand else "stopped"
    phases = []
    for name in filter(lambda name: _is_shown(name, record), names):
        recorded = record.phase(name)
        # The step is written before the phase itself is.
        state = unfinished if recorded or record.step == name else "waiting"
        if recorded.status is not None:
            state = _ENDED_STATES.get(recorded.status, state)
        end = recorded.end_time
        if end and recorded.status in (PhaseStatus.FAILED, PhaseStatus.CANCELLED):
            # It was closed with the record, which happens only after the cleanup.
            end = min(end, record.cleanup.ended_time or end)
        elif not end and recorded and unfinished != "running":
            # It was broken off with the run. The end of a record that was cleaned up is that of the cleanup.
            closed = None if record.cleanup else record.end_time
            end = closed or recorded.last_updated_time
        phases.append(PhaseView(name, state, recorded, end))
    return tuple(phases)


def _is_shown(name: str, record: Record) -> bool:
    is_undo, recorded = bool(record.parameters.undo_operation_id), record.phase(name)
    if recorded:
        return recorded.status is not PhaseStatus.SKIPPED or not (is_undo or name in _OF_SOME_RUNS)
    if record.step == name:
        return True
    if is_undo:
        return name not in _OF_NO_UNDO
    if name == Phase.APPLY_PARAMETER_GROUP:
        return record.plan.quiet_start or bool(record.plan.cluster.quarantine_security_group_ids)
    if name not in _OF_SOME_RUNS:
        return True
    if name == Phase.END_REHEARSAL:
        return record.parameters.rehearsal is not None
    # What is left are the phases of a replacement, each of one of the two strategies.
    strategy = record.plan.replacement.strategy or record.parameters.replace_strategy
    return bool(record.replaced) and (name == Phase.CLEAR_TARGET) == (strategy == Strategy.DELETE_FIRST)
