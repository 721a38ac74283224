"""The port `Executions` on the interpreted state machines.

Held to the adapter by tests/contract/aws/test_fakes_behave_alike.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from tests.fakes.fault_injector import FaultInjector
from tests.states_language.interpreter import ExecutionAlreadyExists, StepFunctions

from aurora_restore.aws.pipeline_executions import cleanup_execution_name
from aurora_restore.domain.observed import ExecutionState

MAIN_MACHINE = "aurora-restore-state-machine"
CLEANUP_MACHINE = "aurora-restore-cleanup-state-machine"


class FakeExecutions:
    """Describes and stops executions of any machine, and starts the cleanup one."""

    def __init__(self, step_functions: StepFunctions, injector: FaultInjector | None = None) -> None:
        self._step_functions = step_functions
        self._injector = injector or FaultInjector()

    def describe_arn(self, execution_arn: str) -> ExecutionState | None:
        return self._injector.call_translated(
            "states", "DescribeExecution", lambda: self._state(execution_arn)
        )

    def stop_arn(self, execution_arn: str, error: str, cause: str) -> None:
        def act() -> None:
            with contextlib.suppress(KeyError):
                self._step_functions.stop(execution_arn, error, cause)

        self._injector.call_translated("states", "StopExecution", act)

    def start_cleanup(self, operation_id: str, execution_arn: str, attempt: str) -> None:
        def act() -> None:
            with contextlib.suppress(ExecutionAlreadyExists):
                self._step_functions.start(
                    CLEANUP_MACHINE,
                    cleanup_execution_name(operation_id, attempt),
                    {"detail": {"name": operation_id, "executionArn": execution_arn}},
                )

        self._injector.call_translated("states", "StartExecution", act)

    def start_restore(self, operation_id: str, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        def act() -> bool:
            try:
                self._step_functions.start(MAIN_MACHINE, operation_id, dict(request))
            except ExecutionAlreadyExists:
                return False
            return True

        if self._injector.call_translated("states", "StartExecution", act):
            return None
        return self._injector.call_translated(
            "states", "DescribeExecution", lambda: self._request_of(operation_id)
        )

    def _request_of(self, operation_id: str) -> Mapping[str, Any]:
        running = self._step_functions.executions.values()
        return next(each.input for each in running if each.name == operation_id)

    def _state(self, execution_arn: str) -> ExecutionState | None:
        found = self._step_functions.executions.get(execution_arn)
        if found is None:
            return None
        return ExecutionState(
            execution_arn=found.execution_arn,
            name=found.name,
            status=found.status,
            start_time=found.start_time,
            stop_time=found.stop_time,
            error=found.error,
            cause=found.cause,
            input=found.input,
        )
