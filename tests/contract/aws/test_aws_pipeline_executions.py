"""The executions as the functions see them, through the wire."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions, cleanup_execution_name
from aurora_restore.domain.errors import AccessDenied, AwsThrottled

MAIN, CLEANUP = "aurora-restore-state-machine", "aurora-restore-cleanup-state-machine"
WAITING: dict[str, Any] = {
    "StartAt": "Hold",
    "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}},
}
REQUEST = {"target_cluster_id": "aurora-restored-cluster"}


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def executions(aws: InProcessAws) -> AwsPipelineExecutions:
    return AwsPipelineExecutions(aws.clients(), aws.create_state_machine(CLEANUP, WAITING))


@pytest.fixture
def execution_arn(aws: InProcessAws) -> str:
    machine = aws.create_state_machine(MAIN, WAITING)
    with aws.setting_up():
        states = aws.clients().stepfunctions()
        started = states.start_execution(
            stateMachineArn=machine,
            name="restore-1",
            input='{"target_cluster_id": "aurora-restored-cluster"}',
        )
    return str(started["executionArn"])


def cleanups(aws: InProcessAws) -> list[str]:
    with aws.setting_up():
        states = aws.clients().stepfunctions()
        machine = f"arn:aws:states:us-west-2:{aws.account_id}:stateMachine:{CLEANUP}"
        return [item["name"] for item in states.list_executions(stateMachineArn=machine)["executions"]]


def test_a_running_execution_shows_its_name_and_input(
    executions: AwsPipelineExecutions, execution_arn: str
) -> None:
    seen = executions.describe_arn(execution_arn)
    assert seen is not None
    assert (seen.is_running, seen.name, seen.input) == (True, "restore-1", REQUEST)
    assert seen.stop_time is None


def test_a_stopped_one_shows_who_stopped_it_and_why(
    executions: AwsPipelineExecutions, execution_arn: str
) -> None:
    executions.stop_arn(execution_arn, "ManualCancellation", "Ada needs the window")
    seen = executions.describe_arn(execution_arn)
    assert seen is not None
    assert (seen.status, seen.error, seen.cause) == ("ABORTED", "ManualCancellation", "Ada needs the window")
    assert seen.stop_time is not None


def test_stopping_twice_changes_nothing(executions: AwsPipelineExecutions, execution_arn: str) -> None:
    executions.stop_arn(execution_arn, "First", "one")
    executions.stop_arn(execution_arn, "Second", "two")
    seen = executions.describe_arn(execution_arn)
    assert seen is not None
    assert seen.error == "First"


def test_one_that_step_functions_does_not_know_is_none_of_an_error(
    executions: AwsPipelineExecutions, execution_arn: str
) -> None:
    unknown = execution_arn.replace("restore-1", "restore-2")
    assert executions.describe_arn(unknown) is None
    executions.stop_arn(unknown, "Any", "any")


def test_the_same_attempt_starts_one_cleanup_and_another_one_a_second(
    aws: InProcessAws, executions: AwsPipelineExecutions, execution_arn: str
) -> None:
    for attempt in ("sweep-1", "sweep-1", "sweep-2"):
        executions.start_cleanup("restore-1", execution_arn, attempt)
    assert sorted(cleanups(aws)) == [
        cleanup_execution_name("restore-1", "sweep-1"),
        cleanup_execution_name("restore-1", "sweep-2"),
    ]


def test_the_names_of_cleanups_fit_and_differ_however_long_an_operation_id_is() -> None:
    names = {cleanup_execution_name("r" * 79 + end, "sweep-202611241900") for end in "ab"}
    assert len(names) == 2
    assert all(len(name) <= 80 for name in names)


def test_without_a_cleanup_machine_none_is_started(aws: InProcessAws) -> None:
    with pytest.raises(ValueError, match="no cleanup state machine"):
        AwsPipelineExecutions(aws.clients(), None).start_cleanup("restore-1", "arn", "sweep-1")


def test_throttling_and_missing_rights_are_distinguished(
    aws: InProcessAws, executions: AwsPipelineExecutions, execution_arn: str
) -> None:
    aws.before(is_operation("DescribeExecution"), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        executions.describe_arn(execution_arn)
    aws.before(is_operation("StopExecution"), FaultKind.DENIED)
    with pytest.raises(AccessDenied, match="states:StopExecution"):
        executions.stop_arn(execution_arn, "Any", "any")
