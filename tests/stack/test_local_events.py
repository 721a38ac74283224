"""Events of the local AWS as the cleanup leans on them: each end is sent once, to the targets that it may reach."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import STATE_MACHINE, Clients, await_execution
from tests.stack.polling import poll_until
from tests.stack.roles import WORK

from local_stack.stack_info import StackInfo

CODE = """
import time

class NotYet(Exception):
    pass

def handler(event, context):
    print("called with " + event.get("do", event.get("detail-type", "nothing")))
    if event.get("do") == "fail":
        raise NotYet("not yet")
    return {"status": "DONE"}
"""
TRUST = {"Version": "2012-10-17", "Statement": []}
CLEANUP_MACHINE = "aurora-restore-cleanup-state-machine"
DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
ENDS: dict[str, dict[str, Any]] = {
    "FAILED": {
        "StartAt": "No",
        "States": {"No": {"Type": "Fail", "Error": "SnapshotNotFound", "Cause": "none"}},
    },
    "TIMED_OUT": {
        "StartAt": "Wait",
        "TimeoutSeconds": 1,
        "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}},
    },
    "ABORTED": {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}},
    "SUCCEEDED": DONE,
}

Deployed = dict[str, str]
Start = Callable[[dict[str, Any]], str]


@pytest.fixture(scope="module")
def bucket(empty_stack: StackInfo, empty_boto: Clients) -> str:
    """A bucket with the code and the definitions of a small pipeline."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("work.py"), CODE)
    name = "events-of-the-tests"
    s3 = empty_boto("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": empty_stack.region})
    s3.put_object(Bucket=name, Key="work.zip", Body=packed.getvalue())
    for end, definition in ENDS.items():
        s3.put_object(Bucket=name, Key=f"{end}.json", Body=json.dumps(definition).encode())
    return name


def resources(bucket: str) -> dict[str, Any]:
    role = {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "work", "PolicyDocument": WORK}],
    }}  # fmt: skip
    machines = {
        f"{end.title().replace('_', '')}Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionS3Location": {"Bucket": bucket, "Key": f"{end}.json"},
            },
        }
        for end in ENDS
    }
    cleanup = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "DefinitionS3Location": {"Bucket": bucket, "Key": "SUCCEEDED.json"},
        },
    }
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "stateMachineArn": [{"Ref": name} for name in machines],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            },
            "Targets": [
                {"Id": "cleanup", "Arn": {"Ref": "Cleanup"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}
            ],
        },
    }
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "work.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"S3Bucket": bucket, "S3Key": "work.zip"},
        },
    }
    heard = {"Type": "AWS::Events::Rule", "Properties": {
        "EventPattern": {"source": ["tests"]},
        "Targets": [{"Id": name, "Arn": {"Fn::GetAtt": [name, "Arn"]}} for name in ("Admitting", "Silent")],
    }}  # fmt: skip
    permission = {"Type": "AWS::Lambda::Permission", "Properties": {
        "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Admitting"},
        "Principal": "events.amazonaws.com", "SourceArn": {"Fn::GetAtt": ["Heard", "Arn"]},
    }}  # fmt: skip
    powerless = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    # In this order: where the second target has the event, the first one was looked at.
    by_role = {"Type": "AWS::Events::Rule", "Properties": {
        "EventPattern": {"source": ["tests of roles"]},
        "Targets": [
            {"Id": "1", "Arn": {"Ref": "Forbidden"}, "RoleArn": {"Fn::GetAtt": ["Powerless", "Arn"]}},
            {"Id": "2", "Arn": {"Ref": "Cleanup"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
        ],
    }}  # fmt: skip
    return {
        "Powerless": powerless, "Forbidden": cleanup, "ByRole": by_role,
        "Role": role, **machines, "Cleanup": cleanup, "AbnormalEnd": rule,
        "Admitting": function, "Silent": function, "Heard": heard, "Permission": permission,
    }  # fmt: skip


@pytest.fixture(scope="module")
def deployed(empty_boto: Clients, bucket: str) -> Deployed:
    """A small pipeline by a template: physical ids by logical ones."""
    cloudformation, name = empty_boto("cloudformation"), "events"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources(bucket)}),
        Capabilities=["CAPABILITY_IAM"],
    )
    poll_until(lambda: _status(cloudformation, name) == "CREATE_COMPLETE", f"the creation of {name}", 30)
    listed = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}


def _status(cloudformation: Any, name: str) -> str:
    status = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    assert "ROLLBACK" not in status
    return status


@pytest.fixture
def end(empty_boto: Clients, deployed: Deployed) -> Callable[[str], str]:
    """`end("ABORTED")` makes an execution end so, and gives its name."""
    stepfunctions = empty_boto("stepfunctions")

    def make(status: str) -> str:
        machine = deployed[f"{status.title().replace('_', '')}Machine"]
        name = f"run-{uuid.uuid4().hex[:12]}"
        arn = stepfunctions.start_execution(stateMachineArn=machine, name=name)["executionArn"]
        if status == "ABORTED":
            stepfunctions.stop_execution(executionArn=arn, error="Cancelled", cause="by the operator")
        assert await_execution(stepfunctions, arn, 30).status == status
        return name

    return make


def inputs_of(stepfunctions: Any, machine: str) -> list[dict[str, Any]]:
    """The inputs of all executions of a machine."""
    pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine)
    arns = [each["executionArn"] for page in pages for each in page["executions"]]
    return [json.loads(stepfunctions.describe_execution(executionArn=arn)["input"]) for arn in arns]


def about(stepfunctions: Any, machine: str, name: str) -> list[dict[str, Any]]:
    return [given for given in inputs_of(stepfunctions, machine) if given["detail"]["name"] == name]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_abnormal_end_starts_the_target_once_with_the_event_as_its_input(
    empty_stack: StackInfo, empty_boto: Clients, deployed: Deployed, end: Callable[[str], str], status: str
) -> None:
    name, stepfunctions = end(status), empty_boto("stepfunctions")

    (event,) = poll_until(lambda: about(stepfunctions, deployed["Cleanup"], name), "the event")

    assert (event["source"], event["detail-type"]) == (
        "aws.states", "Step Functions Execution Status Change",
    )  # fmt: skip
    assert event["detail"]["status"] == status
    assert event["resources"] == [event["detail"]["executionArn"]]
    described = stepfunctions.describe_execution(executionArn=event["detail"]["executionArn"])
    assert (described["name"], described["status"]) == (name, status)
    assert event["region"] == empty_stack.region


def test_a_run_that_succeeds_starts_nothing(
    empty_boto: Clients, deployed: Deployed, end: Callable[[str], str]
) -> None:
    fine, failed = end("SUCCEEDED"), end("FAILED")
    stepfunctions = empty_boto("stepfunctions")

    poll_until(lambda: about(stepfunctions, deployed["Cleanup"], failed), "the event that came later")

    assert about(stepfunctions, deployed["Cleanup"], fine) == []


def test_a_rule_that_is_disabled_tells_nothing_until_it_is_enabled_again(
    empty_boto: Clients, deployed: Deployed, end: Callable[[str], str]
) -> None:
    events, stepfunctions = empty_boto("events"), empty_boto("stepfunctions")
    events.disable_rule(Name=deployed["AbnormalEnd"])
    try:
        unsettled = end("ABORTED")
    finally:
        events.enable_rule(Name=deployed["AbnormalEnd"])
    reported = end("ABORTED")

    poll_until(lambda: about(stepfunctions, deployed["Cleanup"], reported), "the event that came later")

    assert about(stepfunctions, deployed["Cleanup"], unsettled) == []


def test_what_an_operator_gave_as_the_reason_of_a_stop_can_be_read_afterwards(
    empty_boto: Clients, deployed: Deployed, end: Callable[[str], str]
) -> None:
    name, stepfunctions = end("ABORTED"), empty_boto("stepfunctions")

    (event,) = poll_until(lambda: about(stepfunctions, deployed["Cleanup"], name), "the event")
    seen = stepfunctions.describe_execution(executionArn=event["detail"]["executionArn"])

    assert (seen["error"], seen["cause"]) == ("Cancelled", "by the operator")
    assert seen["stopDate"] >= seen["startDate"]


def test_a_stopped_run_repeats_no_step(empty_boto: Clients, deployed: Deployed) -> None:
    stepfunctions, logs = empty_boto("stepfunctions"), empty_boto("logs")
    retry = {"ErrorEquals": ["NotYet"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 50}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": deployed["Silent"], "Payload": {"do": "fail"}},
        "Retry": [retry],
        "End": True,
    }
    clock = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}}
    role_arn = stepfunctions.describe_state_machine(stateMachineArn=deployed["Cleanup"])["roleArn"]
    made = [_machine(stepfunctions, role_arn, definition) for definition in (
        {"StartAt": "Work", "States": {"Work": task}}, clock,
    )]  # fmt: skip
    working = stepfunctions.start_execution(stateMachineArn=made[0])["executionArn"]
    poll_until(lambda: len(calls_of(logs, deployed["Silent"], "fail")) >= 2, "the first repetition")

    stepfunctions.stop_execution(executionArn=working)
    called = len(calls_of(logs, deployed["Silent"], "fail"))
    waiting = stepfunctions.start_execution(stateMachineArn=made[1])["executionArn"]
    await_execution(stepfunctions, waiting, 30)

    assert len(calls_of(logs, deployed["Silent"], "fail")) <= called + 1  # one may have been under way


def _machine(stepfunctions: Any, role_arn: str, definition: dict[str, Any]) -> str:
    made = stepfunctions.create_state_machine(
        name=f"machine-{uuid.uuid4().hex[:12]}",
        definition=json.dumps(definition),
        roleArn=role_arn,
    )
    return str(made["stateMachineArn"])


def calls_of(logs: Any, function: str, what: str) -> list[str]:
    """The lines that a function wrote when it was called."""
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found if f"called with {what}" in event["message"]]


def test_an_event_reaches_a_function_whose_policy_admits_the_rule_and_no_other(
    empty_boto: Clients, deployed: Deployed
) -> None:
    logs, kind = empty_boto("logs"), f"kind {uuid.uuid4().hex[:12]}"
    entry = {"Source": "tests", "DetailType": kind, "Detail": "{}"}

    assert empty_boto("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    poll_until(lambda: calls_of(logs, deployed["Admitting"], kind), "the call of the function")

    assert calls_of(logs, deployed["Silent"], kind) == []


def test_a_rule_starts_only_what_the_role_of_its_target_may_start(
    empty_boto: Clients, deployed: Deployed
) -> None:
    stepfunctions, name = empty_boto("stepfunctions"), f"event-{uuid.uuid4().hex[:12]}"
    entry = {"Source": "tests of roles", "DetailType": "tried", "Detail": json.dumps({"name": name})}

    empty_boto("events").put_events(Entries=[entry])
    poll_until(
        lambda: about(stepfunctions, deployed["Cleanup"], name), "the event at the target with the right"
    )

    assert inputs_of(stepfunctions, deployed["Forbidden"]) == []


def test_a_state_machine_is_not_a_target_without_a_role(empty_boto: Clients, deployed: Deployed) -> None:
    target = {"Id": "another", "Arn": deployed["Cleanup"]}

    with pytest.raises(ClientError, match="RoleArn is required for target") as refused:
        empty_boto("events").put_targets(Rule=deployed["AbnormalEnd"], Targets=[target])

    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.fixture
def failed_stack(empty_boto: Clients) -> Iterator[str]:
    name = f"stack-{uuid.uuid4().hex[:12]}"
    yield name
    empty_boto("cloudformation").delete_stack(StackName=name)


def test_a_template_may_not_leave_that_role_out_either(
    empty_boto: Clients, deployed: Deployed, failed_stack: str
) -> None:
    cloudformation = empty_boto("cloudformation")
    properties = {
        "ScheduleExpression": "rate(1 day)",
        "Targets": [{"Id": "cleanup", "Arn": deployed["Cleanup"]}],
    }
    rule = {"Type": "AWS::Events::Rule", "Properties": properties}

    cloudformation.create_stack(
        StackName=failed_stack, TemplateBody=json.dumps({"Resources": {"Rule": rule}}), OnFailure="DO_NOTHING"
    )

    def reasons() -> str:
        events = cloudformation.describe_stack_events(StackName=failed_stack)["StackEvents"]
        return " ".join(each.get("ResourceStatusReason", "") for each in events)

    poll_until(lambda: "RoleArn is required for target" in reasons(), "the refusal")


# What is deployed


def test_the_deployed_rules_are_at_work(stack: StackInfo, boto: Clients) -> None:
    events = boto("events")
    abnormal, sweep = (
        events.describe_rule(Name=f"aurora-restore-{name}") for name in ("abnormal-end", "sweep")
    )
    main = f"arn:aws:states:{stack.region}:{stack.account_id}:stateMachine:{STATE_MACHINE}"

    assert abnormal["State"] == sweep["State"] == "ENABLED"
    assert json.loads(abnormal["EventPattern"])["detail"]["stateMachineArn"] == [main]
    assert sweep["ScheduleExpression"] == "rate(5 minutes)"
    (target,) = events.list_targets_by_rule(Rule="aurora-restore-sweep")["Targets"]
    assert target["Arn"].endswith(":function:aurora-restore-sweep")


def test_a_restore_that_is_stopped_starts_the_deployed_cleanup(
    stack: StackInfo, boto: Clients, start_run: Callable[..., str]
) -> None:
    stepfunctions = boto("stepfunctions")
    cleanup = f"arn:aws:states:{stack.region}:{stack.account_id}:stateMachine:{CLEANUP_MACHINE}"
    arn = start_run({"target_cluster_id": "aurora-restored-stopped", "source_snapshot_date": "latest"})

    stepfunctions.stop_execution(executionArn=arn, error="Cancelled", cause="by the operator")

    name = arn.rpartition(":")[2]
    (given,) = poll_until(lambda: about(stepfunctions, cleanup, name), "the cleanup")
    assert given["detail"]["executionArn"] == arn


def test_the_sweep_can_be_called_at_any_time(boto: Clients) -> None:
    answer = boto("lambda").invoke(FunctionName="aurora-restore-sweep", Payload=b"{}")

    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert said["status"] == "DONE"
