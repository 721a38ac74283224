"""Step Functions: executions of the state machine, for the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.failures import AWS_ERRORS, error_code, error_message, translate
from aurora_restore.aws.pipeline_executions import execution_state
from aurora_restore.domain.errors import RequestRefused, RestoreError
from aurora_restore.domain.naming import STATE_MACHINE
from aurora_restore.domain.observed import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from aurora_restore.aws.clients import Clients


class ExecutionAlreadyExists(RequestRefused):
    """Step Functions knows an execution of this name, running, or ended less than 90 days ago."""

    code = "EXECUTION_ALREADY_EXISTS"
    default_hint = "Choose another operation id: a name can be used again 90 days after its execution ended."


class ExecutionNotFound(RequestRefused):
    """There is no execution of this name; Step Functions forgets one 90 days after its end."""

    code = "EXECUTION_NOT_FOUND"
    default_hint = "Look at the operations that there are: `aurora-restore list`."


class StateMachineNotFound(RequestRefused):
    """The pipeline is not deployed in this account and Region."""

    code = "STATE_MACHINE_NOT_FOUND"
    default_hint = "Check the Region and the account, or deploy the pipeline: `aurora-restore deploy`."


class ExecutionRefused(RequestRefused):
    """Step Functions does not take the name or the input."""

    code = "EXECUTION_REFUSED"
    default_hint = "An operation id has 1 to 80 letters, digits, hyphens and underscores; the input is JSON."


class AwsExecutions:
    """The executions of one state machine in the account and Region of the clients."""

    def __init__(self, clients: Clients, account_id: str, state_machine_name: str = STATE_MACHINE) -> None:
        self._clients = clients
        self._arn_stem = f"arn:{clients.partition}:states:{clients.region}:{account_id}"
        self._name = state_machine_name

    @property
    def state_machine_arn(self) -> str:
        return f"{self._arn_stem}:stateMachine:{self._name}"

    def execution_arn(self, operation_id: str) -> str:
        return f"{self._arn_stem}:execution:{self._name}:{operation_id}"

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        """Start a run; returns the execution's ARN.

        Step Functions answers a repetition with the same name and input like the first, while that runs.

        Raises:
            ExecutionAlreadyExists, StateMachineNotFound, ExecutionRefused.
        """
        try:
            response = self._states.start_execution(
                stateMachineArn=self.state_machine_arn, name=operation_id, input=json.dumps(request)
            )
        except AWS_ERRORS as error:
            raise self._translated(operation_id, error) from error
        return response["executionArn"]

    def describe(self, operation_id: str) -> ExecutionState:
        """Raises ExecutionNotFound."""
        try:
            response = self._states.describe_execution(executionArn=self.execution_arn(operation_id))
        except AWS_ERRORS as error:
            raise self._translated(operation_id, error) from error
        return execution_state(response)

    def stop(self, operation_id: str, cause: str, error: str = "ManualCancellation") -> None:
        """Abort a run; one that ended already stays as it is. Raises ExecutionNotFound."""
        try:
            self._states.stop_execution(
                executionArn=self.execution_arn(operation_id), error=error, cause=cause
            )
        except AWS_ERRORS as failure:
            raise self._translated(operation_id, failure) from failure

    @property
    def _states(self) -> SFNClient:
        return self._clients.stepfunctions()

    def _translated(self, operation_id: str, error: BaseException) -> RestoreError:
        code = error_code(error)
        if code == "ExecutionAlreadyExists":
            return ExecutionAlreadyExists(f"there is an operation {operation_id} already")
        if code == "ExecutionDoesNotExist":
            return ExecutionNotFound(f"there is no operation {operation_id} in {self._clients.region}")
        if code in {"StateMachineDoesNotExist", "StateMachineDeleting"}:
            return StateMachineNotFound(f"there is no {self._name} in {self._clients.region}")
        if code in {"InvalidName", "InvalidExecutionInput"}:
            return ExecutionRefused(f"the operation {operation_id} cannot be started: {error_message(error)}")
        return translate("states", error)
