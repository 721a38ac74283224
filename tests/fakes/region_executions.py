"""The executions of the main state machine as the command line sees them.

Held to the adapter by tests/contract/aws/test_fakes_behave_alike.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.states import ExecutionStatus

STARTED = datetime(2026, 11, 22, 11, 42, 30, tzinfo=UTC)


MACHINE = "arn:aws:states:us-west-2:123456789012:execution:aurora-restore-state-machine"


@dataclass
class FakeRegionExecutions:
    """By operation id. `started`: the requests of those that were started here; `stopped`: the causes given."""

    executions: dict[str, ExecutionState] = field(default_factory=dict)
    started: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        existing = self.executions.get(operation_id)
        # As AWS documents StartExecution; ministack, which stands for the real one, refuses a repetition too.
        if existing and (not existing.is_running or existing.input != request):
            raise ExecutionAlreadyExists(f"there is an operation {operation_id} already")
        self.started[operation_id] = request
        made = self.executions.setdefault(
            operation_id,
            ExecutionState(
                f"{MACHINE}:{operation_id}", operation_id, ExecutionStatus.RUNNING, STARTED, input=request
            ),
        )
        return made.execution_arn

    def find(self, operation_id: str) -> ExecutionState | None:
        return self.executions.get(operation_id)

    def stop(self, operation_id: str, cause: str) -> bool:
        existing = self.executions.get(operation_id)
        if existing is None:
            return False
        if existing.is_running:
            self.stopped[operation_id] = cause
            self.executions[operation_id] = replace(
                existing,
                status=ExecutionStatus.ABORTED,
                stop_time=STARTED,
                error="ManualCancellation",
                cause=cause,
            )
        return True
