"""Step Functions through the wire."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.executions import (
    AwsExecutions,
    ExecutionAlreadyExists,
    ExecutionNotFound,
    ExecutionRefused,
    StateMachineNotFound,
)
from aurora_restore.domain.errors import AccessDenied, AwsThrottled
from aurora_restore.domain.observed import ExecutionState

PASSING = {"StartAt": "Echo", "States": {"Echo": {"Type": "Pass", "End": True}}}
FAILING = {
    "StartAt": "Refuse",
    "States": {"Refuse": {"Type": "Fail", "Error": "TargetExists", "Cause": "it exists"}},
}
WAITING = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}}}


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def executions(aws: InProcessAws) -> AwsExecutions:
    return AwsExecutions(aws.clients(), aws.account_id)


def deploy(aws: InProcessAws, definition: dict[str, Any]) -> None:
    aws.create_state_machine("aurora-restore-state-machine", definition)


def ended(executions: AwsExecutions, operation_id: str) -> ExecutionState:
    """The execution once it ended; ministack runs it in a thread."""
    deadline = time.monotonic() + 10
    while (execution := executions.describe(operation_id)).status == "RUNNING":
        assert time.monotonic() < deadline, "the execution did not end"
        time.sleep(0.01)
    return execution


def test_the_state_machine_is_named_by_account_and_region(
    executions: AwsExecutions, aws: InProcessAws
) -> None:
    stem = f"arn:aws:states:us-west-2:{aws.account_id}"
    assert executions.state_machine_arn == f"{stem}:stateMachine:aurora-restore-state-machine"
    assert executions.execution_arn("r") == f"{stem}:execution:aurora-restore-state-machine:r"


def test_a_run_is_started_and_described_to_its_end(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, PASSING)
    arn = executions.start("restore-1", {"target_cluster_id": "t"})
    execution = ended(executions, "restore-1")
    assert (execution.execution_arn, execution.name, execution.status) == (arn, "restore-1", "SUCCEEDED")
    assert execution.input == {"target_cluster_id": "t"}
    assert execution.stop_time is not None


def test_a_failed_run_shows_error_and_cause(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, FAILING)
    executions.start("restore-1", {})
    execution = ended(executions, "restore-1")
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "TargetExists", "it exists")


def test_a_name_that_was_used_is_refused(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, PASSING)
    executions.start("restore-1", {"a": 1})
    ended(executions, "restore-1")
    with pytest.raises(ExecutionAlreadyExists, match="restore-1"):
        executions.start("restore-1", {"a": 2})


def test_a_name_that_is_none_is_refused(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, PASSING)
    aws.before(is_operation("StartExecution"), Refusal("InvalidName", "Invalid Name: 'a b'"))
    with pytest.raises(ExecutionRefused, match="Invalid Name"):
        executions.start("a b", {})


def test_a_pipeline_that_is_not_deployed_says_so(executions: AwsExecutions) -> None:
    with pytest.raises(StateMachineNotFound, match="us-west-2"):
        executions.start("restore-1", {})


def test_an_unknown_run_is_not_found(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, PASSING)
    for request in (
        lambda: executions.describe("none"),
        lambda: executions.stop("none", "no reason"),
    ):
        with pytest.raises(ExecutionNotFound, match="none"):
            request()


def test_a_run_is_stopped(aws: InProcessAws, executions: AwsExecutions) -> None:
    deploy(aws, WAITING)
    executions.start("restore-1", {})
    executions.stop("restore-1", "asked for")
    execution = executions.describe("restore-1")
    assert (execution.status, execution.error, execution.cause) == (
        "ABORTED",
        "ManualCancellation",
        "asked for",
    )


def test_faults_are_the_domain_s(aws: InProcessAws, executions: AwsExecutions) -> None:
    aws.before(is_operation("DescribeExecution"), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        executions.describe("restore-1")
    aws.before(is_operation("StartExecution"), FaultKind.DENIED)
    with pytest.raises(AccessDenied, match="states:StartExecution"):
        executions.start("restore-1", json.loads("{}"))
