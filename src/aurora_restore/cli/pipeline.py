"""The deployed pipeline of one Region, as the command line reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aurora_restore.domain.log_entries import LogEntry
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.record import ErrorState, Record, changed
from aurora_restore.domain.states import ExecutionStatus, OperationStatus
from aurora_restore.steps.ports import Records


class NamedExecutions(Protocol):
    """The executions of the restore state machine in one Region, each by the name of its operation."""

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        """StartExecution, the request saying who asks; returns the execution's ARN. Raises ExecutionAlreadyExists, …"""

    def find(self, operation_id: str) -> ExecutionState | None:
        """The execution of that name; None where there is none."""

    def stop(self, operation_id: str, cause: str) -> bool:
        """StopExecution, as a manual cancellation, the cause saying who asks; one that has ended stays as it ended.
        False where there is none."""


class Found(Protocol):
    """`is_complete`: whether there are no more than these."""

    @property
    def items(self) -> Sequence[dict[str, Any]]: ...
    @property
    def is_complete(self) -> bool: ...


class ListedRecords(Records, Protocol):
    """The state table, with what only people ask of it."""

    def find(
        self,
        statuses: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        target_cluster_id: str | None,
        limit: int,
    ) -> Found:
        """Records of these statuses that began from `since` to `until`, of one target or of all, newest first."""


class AuditTrail(Protocol):
    """The audit table, as it is read."""

    def trail(self, operation_id: str) -> Sequence[Mapping[str, Any]]:
        """All events of an operation, oldest first."""

    def events_of_day(self, event_date: str) -> Sequence[Mapping[str, Any]]:
        """All events of a UTC day (`YYYY-MM-DD`), across operations. The index follows the table within moments."""


class Logs(Protocol):
    """The logs of the pipeline's functions."""

    def of_operation(self, operation_id: str, begin: datetime, end: datetime) -> Sequence[LogEntry]:
        """What all functions logged about an operation between two times, oldest first."""


@dataclass(frozen=True)
class Pipeline:
    region: str
    records: ListedRecords
    executions: NamedExecutions
    audit: AuditTrail
    logs: Logs


def record_of_execution(operation_id: str, execution: ExecutionState) -> dict[str, Any]:
    """What a record would say, from the execution alone: where no step could write one, or close it."""
    record = changed(
        Record,
        operation_id=operation_id,
        execution_arn=execution.execution_arn,
        status=OperationStatus.RUNNING.value,
        start_time=execution.start_time,
    )
    if execution.is_running:
        return record
    if execution.stop_time:
        record |= changed(Record, end_time=execution.stop_time)
    # A run that timed out has failed, as any that is not named here.
    endings: Mapping[str, OperationStatus] = {
        ExecutionStatus.SUCCEEDED: OperationStatus.SUCCEEDED,
        ExecutionStatus.ABORTED: OperationStatus.CANCELLED,
    }
    record |= changed(Record, status=endings.get(execution.status, OperationStatus.FAILED).value)
    if execution.status != ExecutionStatus.SUCCEEDED:
        error = ErrorState(
            code=execution.error or f"EXECUTION_{execution.status}",
            message=execution.cause or f"The execution ended {execution.status}, and gave no cause.",
            hint=f"Look at the execution's history in Step Functions: {execution.execution_arn}",
        )
        record |= changed(Record, error=error)
    return record
