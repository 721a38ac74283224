"""Step Functions, for the functions: the executions of the main machine, and the starts of both."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.failures import Translating
from aurora_restore.domain.naming import short_hash
from aurora_restore.domain.observed import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

    from aurora_restore.aws.clients import Clients

NAME_CHARACTERS = 80
ERROR_CHARACTERS, CAUSE_CHARACTERS = 256, 32_768


class AwsPipelineExecutions:
    """Implements the port `Executions`."""

    def __init__(
        self, clients: Clients, cleanup_state_machine_arn: str | None, state_machine_arn: str | None = None
    ) -> None:
        self._clients = clients
        self._cleanup_state_machine_arn = cleanup_state_machine_arn
        self._state_machine_arn = state_machine_arn

    def describe_arn(self, execution_arn: str) -> ExecutionState | None:
        """The execution as Step Functions shows it; None where it does not know it (90 days after the end)."""
        with Translating("states", ignoring={"ExecutionDoesNotExist"}):
            seen = self._clients.stepfunctions().describe_execution(executionArn=execution_arn)
            return execution_state(seen)
        return None

    def stop_arn(self, execution_arn: str, error: str, cause: str) -> None:
        """Stop an execution. Step Functions lets one that has ended be as it is."""
        # The next call shows whether it runs: that it has just ended is not an error here.
        with Translating("states", ignoring={"ExecutionDoesNotExist", "ValidationException"}):
            self._clients.stepfunctions().stop_execution(
                executionArn=execution_arn, error=error[:ERROR_CHARACTERS], cause=cause[:CAUSE_CHARACTERS]
            )

    def start_cleanup(self, operation_id: str, execution_arn: str, attempt: str) -> None:
        """Start the cleanup machine with what the event of the execution's end would have brought it.

        Raises:
            ValueError: this function was given no cleanup machine.
        """
        if self._cleanup_state_machine_arn is None:
            raise ValueError("no cleanup state machine is configured for this function")
        event = {"detail": {"name": operation_id, "executionArn": execution_arn}}
        # The name is the same at each repetition, so that two of them start one cleanup.
        with Translating("states", ignoring={"ExecutionAlreadyExists"}):
            self._clients.stepfunctions().start_execution(
                stateMachineArn=self._cleanup_state_machine_arn,
                name=cleanup_execution_name(operation_id, attempt),
                input=json.dumps(event),
            )

    def start_restore(self, operation_id: str, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Start the main machine, and return None; where an execution has the name already, return its request.

        StartExecution answers a repetition with the same name and input like the first while that runs, and refuses
        the name for 90 days after it (API reference of StartExecution).

        Raises:
            ValueError: this function was given no state machine.
        """
        if self._state_machine_arn is None:
            raise ValueError("no state machine is configured for this function")
        with Translating("states", ignoring={"ExecutionAlreadyExists"}):
            # In one order: the same request is the same input, byte for byte.
            self._clients.stepfunctions().start_execution(
                stateMachineArn=self._state_machine_arn,
                name=operation_id,
                input=json.dumps(request, sort_keys=True),
            )
            return None
        # DescribeExecution is eventually consistent: where it does not know the execution yet, its error makes
        # Scheduler's delivery fail, and the repetition sees it.
        arn = f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{operation_id}"
        with Translating("states"):
            seen = self._clients.stepfunctions().describe_execution(executionArn=arn)
        request_of_it: Mapping[str, Any] = json.loads(seen["input"])
        return request_of_it


def execution_state(seen: DescribeExecutionOutputTypeDef) -> ExecutionState:
    """What DescribeExecution shows."""
    return ExecutionState(
        execution_arn=seen["executionArn"],
        name=seen.get("name", ""),
        status=seen["status"],
        start_time=seen["startDate"],
        stop_time=seen.get("stopDate"),
        error=seen.get("error"),
        cause=seen.get("cause"),
        input=json.loads(seen.get("input") or "null"),
    )


def cleanup_execution_name(operation_id: str, attempt: str) -> str:
    """The same operation and attempt give the same name, which Step Functions takes once in 90 days."""
    suffix = re.sub(r"[^A-Za-z0-9_-]+", "-", f"-{attempt}-{short_hash(operation_id)}")
    return operation_id[: NAME_CHARACTERS - len(suffix)] + suffix
