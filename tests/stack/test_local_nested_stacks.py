"""Stacks in stacks on the local stack: made, changed, taken away, and listed as CloudFormation lists them."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from tests.stack.polling import poll_until

from aurora_restore.deployment.deployer import (
    Deployer,
    DeploymentClients,
    DeploymentLimits,
    DeploymentRequest,
)
from aurora_restore.deployment.model import STACK_NAME, ChangePlan, PlanKind
from local_stack.stack_info import StackInfo

LIMITS = DeploymentLimits(change_set_seconds=30, stack_seconds=60, pause_seconds=0.2)
ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture
def name() -> str:
    return f"nested-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bucket(empty_boto: Any, empty_stack: StackInfo, name: str) -> str:
    empty_boto("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": empty_stack.region}
    )
    return name


@pytest.fixture
def deployer(empty_boto: Any, empty_stack: StackInfo) -> Deployer:
    clients = (empty_boto(service) for service in ("cloudformation", "s3", "secretsmanager"))
    return Deployer(DeploymentClients(empty_stack.account_id, empty_stack.region, *clients), LIMITS)


def alarm(name: str, threshold: int = 1) -> dict[str, Any]:
    properties = {
        "AlarmName": name, "Namespace": "Tests", "MetricName": "Any", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    return {"Type": ALARM, "Properties": properties}


def request(boto: Any, bucket: str, resources: dict[str, Any], scheme: str = "https") -> DeploymentRequest:
    """A stack with a nested one of these resources, whose template lies under a name of its content."""
    template = {"Parameters": {"Word": {"Type": "String"}}, "Resources": resources,
                "Outputs": {"Said": {"Value": {"Fn::Sub": "${Word} said"}}}}  # fmt: skip
    key = f"templates/{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(template)).hex}.json"
    boto("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": f"{scheme}://s3.us-west-2.amazonaws.com/{bucket}/{key}",
            "Parameters": {"Word": "A word"},
        },
    }
    outer = {
        "Resources": {"Inner": nested},
        "Outputs": {"Said": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Said"]}}},
    }
    return DeploymentRequest(json.dumps(outer), bucket)


def alarms(boto: Any, prefix: str) -> dict[str, float]:
    found = boto("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    return {each["AlarmName"]: each["Threshold"] for each in found}


def inner_resources(boto: Any, outer: str) -> dict[str, str]:
    """The resources of the nested stack, by logical id; asked for by the ARN that the outer one lists."""
    (listed,) = boto("cloudformation").describe_stack_resources(StackName=outer)["StackResources"]
    assert listed["ResourceType"] == "AWS::CloudFormation::Stack"
    inner = boto("cloudformation").describe_stack_resources(StackName=listed["PhysicalResourceId"])
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in inner["StackResources"]}


def test_a_nested_stack_is_made_and_its_outputs_reach_the_outer_one(
    empty_boto: Any, deployer: Deployer, bucket: str
) -> None:
    outcome = deployer.apply(deployer.plan(request(empty_boto, bucket, {"Alarm": alarm(f"{bucket}-first")})))

    assert (outcome.stack_status, outcome.outputs) == ("CREATE_COMPLETE", {"Said": "A word said"})
    assert inner_resources(empty_boto, bucket) == {"Alarm": f"{bucket}-first"}
    assert alarms(empty_boto, bucket) == {f"{bucket}-first": 1.0}


def test_a_new_template_changes_what_is_in_it(empty_boto: Any, deployer: Deployer, bucket: str) -> None:
    deployer.apply(deployer.plan(request(empty_boto, bucket, {"Alarm": alarm(f"{bucket}-first")})))
    changed = {"Alarm": alarm(f"{bucket}-first", threshold=5), "Second": alarm(f"{bucket}-second")}

    plan = deployer.plan(request(empty_boto, bucket, changed))
    outcome = deployer.apply(plan)

    assert [(c.action, c.logical_id, c.properties) for c in plan.changes] == [
        ("Modify", "Inner", ("TemplateURL",))
    ]
    assert outcome.stack_status == "UPDATE_COMPLETE"
    assert alarms(empty_boto, bucket) == {f"{bucket}-first": 5.0, f"{bucket}-second": 1.0}


def test_a_nested_stack_is_in_every_change_set_and_alone_is_nothing_to_change(
    empty_boto: Any, deployer: Deployer, bucket: str
) -> None:
    same = request(empty_boto, bucket, {"Alarm": alarm(f"{bucket}-first")})
    deployer.apply(deployer.plan(same))
    cloudformation = empty_boto("cloudformation")

    cloudformation.create_change_set(
        StackName=bucket, ChangeSetName="same", ChangeSetType="UPDATE", TemplateBody=same.template_body
    )
    cloudformation.get_waiter("change_set_create_complete").wait(StackName=bucket, ChangeSetName="same")
    (listed,) = cloudformation.describe_change_set(StackName=bucket, ChangeSetName="same")["Changes"]

    assert listed["ResourceChange"]["LogicalResourceId"] == "Inner"
    assert [d["ChangeSource"] for d in listed["ResourceChange"]["Details"]] == ["Automatic"]
    plan: ChangePlan = deployer.plan(same)
    assert (plan.kind, plan.changes, plan.change_set_id) == (PlanKind.NOTHING, (), None)


def test_a_deleted_stack_takes_the_nested_one_along(empty_boto: Any, deployer: Deployer, bucket: str) -> None:
    deployer.apply(deployer.plan(request(empty_boto, bucket, {"Alarm": alarm(f"{bucket}-first")})))

    empty_boto("cloudformation").delete_stack(StackName=bucket)

    poll_until(lambda: alarms(empty_boto, bucket) == {}, "the alarm of the nested stack to be gone", 30)


@pytest.mark.parametrize("fault", ["a name that is taken", "a location that is not https"])
def test_a_nested_stack_that_fails_leaves_nothing(
    empty_boto: Any, deployer: Deployer, bucket: str, fault: str
) -> None:
    resources = {"Alarm": alarm(f"{bucket}-first"), "Later": alarm(f"{bucket}-taken")}
    resources["Later"]["DependsOn"] = "Alarm"
    taken = {}
    if fault == "a name that is taken":
        empty_boto("cloudwatch").put_metric_alarm(**resources["Later"]["Properties"])
        taken = {f"{bucket}-taken": 1.0}
    scheme = "http" if fault == "a location that is not https" else "https"
    asked = request(empty_boto, bucket, resources, scheme)

    empty_boto("cloudformation").create_stack(StackName=asked.stack_name, TemplateBody=asked.template_body)

    assert ended(empty_boto, bucket) == "ROLLBACK_COMPLETE"
    assert alarms(empty_boto, bucket) == taken


def ended(boto: Any, stack: str) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        status = str(boto("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.1)
    raise AssertionError(f"{stack} does not come to rest")


def role() -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}},
    }


def test_a_role_in_a_nested_stack_goes_with_the_outer_one(
    empty_boto: Any, deployer: Deployer, bucket: str
) -> None:
    deployer.apply(deployer.plan(request(empty_boto, bucket, {"Role": role()})))
    made = inner_resources(empty_boto, bucket)["Role"]
    assert made in roles(empty_boto)

    empty_boto("cloudformation").delete_stack(StackName=bucket)

    poll_until(lambda: made not in roles(empty_boto), "the role of the nested stack to be gone", 30)


def test_a_role_without_a_name_has_another_one_in_each_region(empty_boto: Any) -> None:
    template, before = json.dumps({"Resources": {"Role": role()}}), roles(empty_boto)
    for region in ("us-west-2", "us-east-1"):
        cloudformation = empty_boto("cloudformation", region)
        cloudformation.create_stack(
            StackName="regional", TemplateBody=template, Capabilities=["CAPABILITY_IAM"]
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="regional", WaiterConfig={"Delay": 1}
        )

    made = roles(empty_boto) - before
    empty_boto("cloudformation", "us-east-1").delete_stack(StackName="regional")
    poll_until(lambda: len(roles(empty_boto) - before) == 1, "the role of one Region to be gone", 30)
    empty_boto("cloudformation").delete_stack(StackName="regional")

    assert len(made) == 2


def test_a_role_in_a_nested_stack_needs_the_capability_of_the_outer_one(empty_boto: Any, bucket: str) -> None:
    before = roles(empty_boto)
    asked = request(empty_boto, bucket, {"Role": role()})

    empty_boto("cloudformation").create_stack(StackName=bucket, TemplateBody=asked.template_body)

    assert ended(empty_boto, bucket) == "ROLLBACK_COMPLETE"
    assert roles(empty_boto) == before


def roles(boto: Any) -> set[str]:
    return {
        each["RoleName"]
        for page in boto("iam").get_paginator("list_roles").paginate()
        for each in page["Roles"]
    }


def test_the_pipeline_has_its_roles_its_alarms_and_its_dashboard_in_stacks_of_their_own(boto: Any) -> None:
    listed = boto("cloudformation").describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    nested = {
        each["LogicalResourceId"]: boto("cloudformation").describe_stack_resources(
            StackName=each["PhysicalResourceId"]
        )["StackResources"]
        for each in listed
        if each["ResourceType"] == "AWS::CloudFormation::Stack"
    }

    watching = {each["PhysicalResourceId"] for each in nested["Monitoring"]}
    assert {"AuroraRestorePipelineDashboard", "aurora-restore-executions-failed"} <= watching
    roles = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in nested["Permissions"]}
    function = boto("lambda").get_function(FunctionName="aurora-restore-copy-snapshot")["Configuration"]
    assert function["Role"].endswith(f":role/{roles['CopySnapshotRole']}")
    (stack,) = boto("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["DashboardUrl"].endswith("#dashboards:name=AuroraRestorePipelineDashboard")
