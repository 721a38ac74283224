"""The tables of the local IAM: which actions a request needs, and on what."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from local_aurora import scaling
from local_aurora.model import OPERATIONS
from local_stack.permissions import aurora_requests, gateway_requests
from local_stack.permissions.aurora_requests import AuroraRequest, UnknownRequest
from local_stack.permissions.check import Check
from local_stack.permissions.gateway_requests import GatewayRequest

REGION, ACCOUNT = "us-west-2", "123456789012"
RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
RDS_MODEL = botocore.session.get_session().get_service_model("rds")
# boto3's names of services whose prefix in IAM is another one.
SERVICES = {"states": "stepfunctions", "tag": "resourcegroupstaggingapi"}
# Actions of which the request has another name.
OTHER_NAMES = {"lambda:InvokeFunction": "Invoke", "dynamodb:ConditionCheckItem": "TransactWriteItems"}


def asked(action: str, **params: Any) -> list[tuple[str, str]]:
    """The actions and the resources that a request is checked for; ARNs of RDS here without their beginning."""
    checks = AuroraRequest(action, REGION, ACCOUNT, params).checks()
    return [(check.action, check.resource.removeprefix(f"{RDS}:")) for check in checks]


def found(action: str, path: str = "/", **params: Any) -> str:
    return gateway_requests.RESOURCES[action](GatewayRequest(path, params, REGION, ACCOUNT))


@pytest.mark.parametrize("action", OPERATIONS)
def test_every_request_that_the_local_aurora_answers_has_a_row(action: str) -> None:
    checks = AuroraRequest(action, REGION, ACCOUNT, {}).checks()

    assert checks[0].action == f"rds:{action}"


@pytest.mark.parametrize("action", scaling.OPERATIONS)
def test_so_has_every_request_of_application_auto_scaling(action: str) -> None:
    checks = AuroraRequest(action, REGION, ACCOUNT, {}).scaling_checks()

    assert checks[0].action == f"application-autoscaling:{action}"


def test_a_request_without_a_row_is_not_known() -> None:
    with pytest.raises(UnknownRequest):
        AuroraRequest("DeleteGlobalCluster", REGION, ACCOUNT, {}).checks()


@pytest.mark.parametrize("action", OPERATIONS)
def test_a_row_names_parameters_that_its_request_has(action: str) -> None:
    shape: Any = RDS_MODEL.operation_model(action).input_shape
    known = set(shape.members) if shape else set()

    assert {named.parameter for named in aurora_requests._RDS[action] if named.parameter} <= known


@pytest.mark.parametrize("action", gateway_requests.RESOURCES)
def test_an_action_of_the_gateway_is_a_request_of_its_service(action: str) -> None:
    prefix, _, name = action.partition(":")
    model = botocore.session.get_session().get_service_model(SERVICES.get(prefix, prefix))

    assert OTHER_NAMES.get(action, name) in model.operation_names


def test_what_is_named_nowhere_is_everything_of_its_kind() -> None:
    assert asked("DescribeDBClusters") == [("rds:DescribeDBClusters", "cluster:*")]
    assert asked("DescribeDBClusters", DBClusterIdentifier="Mine") == [
        ("rds:DescribeDBClusters", "cluster:mine")
    ]


def test_an_arn_stands_for_itself() -> None:
    snapshot = f"arn:aws:rds:eu-central-1:{ACCOUNT}:cluster-snapshot:rds:production-2023-06-15"

    assert asked(
        "CopyDBClusterSnapshot",
        SourceDBClusterSnapshotIdentifier=snapshot,
        TargetDBClusterSnapshotIdentifier="aurora-restore-1",
    ) == [
        ("rds:CopyDBClusterSnapshot", "cluster-snapshot:aurora-restore-1"),
        ("rds:CopyDBClusterSnapshot", snapshot),
    ]


def test_a_restore_is_asked_about_everything_that_it_names_or_gets_by_default() -> None:
    checked = asked(
        "RestoreDBClusterFromSnapshot",
        DBClusterIdentifier="new",
        SnapshotIdentifier="copy",
        DBSubnetGroupName="mine",
        Tags=[{"Key": "a", "Value": "b"}],
    )

    assert checked == [
        ("rds:RestoreDBClusterFromSnapshot", "cluster:new"),
        ("rds:RestoreDBClusterFromSnapshot", "cluster-pg:default.of-the-engine"),
        ("rds:RestoreDBClusterFromSnapshot", "og:default:of-the-engine"),
        ("rds:RestoreDBClusterFromSnapshot", "subgrp:mine"),
        ("rds:RestoreDBClusterFromSnapshot", "cluster-snapshot:copy"),
        ("rds:AddTagsToResource", "cluster:new"),
    ]


def test_a_rename_is_asked_about_both_names() -> None:
    assert asked("ModifyDBCluster", DBClusterIdentifier="old", NewDBClusterIdentifier="new") == [
        ("rds:ModifyDBCluster", "cluster:old"),
        ("rds:ModifyDBCluster", "cluster:new"),
    ]


def test_a_deletion_that_takes_a_final_snapshot_needs_the_right_to_take_one() -> None:
    checked = asked("DeleteDBCluster", DBClusterIdentifier="old", FinalDBSnapshotIdentifier="last")

    assert ("rds:CreateDBClusterSnapshot", "cluster:old") in checked
    assert ("rds:CreateDBClusterSnapshot", "cluster-snapshot:last") in checked


def test_a_role_that_is_handed_over_has_to_be_passed_to_the_service_that_gets_it() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/import"
    checks = AuroraRequest("AddRoleToDBCluster", REGION, ACCOUNT, {"RoleArn": role}).checks()

    assert Check("iam:PassRole", role, {"iam:PassedToService": "rds.amazonaws.com"}) in checks


def test_a_key_is_used_through_rds() -> None:
    checks = AuroraRequest("CopyDBClusterSnapshot", REGION, ACCOUNT, {"KmsKeyId": "1234"}).checks()
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
    through = {"kms:ViaService": f"rds.{REGION}.amazonaws.com"}

    assert Check("kms:DescribeKey", key, through) in checks
    assert Check("kms:CreateGrant", key, {**through, "kms:GrantIsForAWSResource": "true"}) in checks


def test_a_master_secret_is_made_in_the_name_of_who_asks_for_it() -> None:
    checked = asked("ModifyDBCluster", DBClusterIdentifier="mine", ManageMasterUserPassword=True)

    assert {"secretsmanager:CreateSecret", "secretsmanager:TagResource"} <= {action for action, _ in checked}


def test_auto_scaling_tries_what_it_will_do_in_the_name_of_who_registers() -> None:
    params = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"}
    own, *tried = AuroraRequest("RegisterScalableTarget", REGION, ACCOUNT, params).scaling_checks()

    assert own.context["application-autoscaling:scalable-dimension"] == "rds:cluster:ReadReplicaCount"
    assert {"rds:CreateDBInstance", "rds:DeleteDBInstance"} <= {check.action for check in tried}
    assert all(check.context == {"aws:ViaAWSService": "true"} for check in tried)


@pytest.mark.parametrize(
    ("action", "path", "params", "expected"),
    [
        ("dynamodb:Query", "/", {"TableName": "T", "IndexName": "I"}, "dynamodb:{}:table/T/index/I"),
        ("logs:FilterLogEvents", "/", {"logGroupName": "/aws/lambda/f"}, "logs:{}:log-group:/aws/lambda/f:log-stream:"),
        ("logs:DescribeLogGroups", "/", {"logGroupNamePrefix": "/aws"}, "logs:{}:log-group::log-stream:"),
        ("states:StartExecution", "/", {"stateMachineArn": "arn:m", "name": "run"}, "arn:m"),
        ("events:DescribeRule", "/", {"Name": "sweep"}, "events:{}:rule/sweep"),
        ("scheduler:GetSchedule", "/schedules/n", {"groupName": ["g"]}, "scheduler:{}:schedule/g/n"),
        ("scheduler:CreateSchedule", "/schedules/n", {"GroupName": "g"}, "scheduler:{}:schedule/g/n"),
        ("lambda:InvokeFunction", "/2015-03-31/functions/f/invocations", {}, "lambda:{}:function:f"),
        ("cloudformation:DescribeStacks", "/", {"StackName": ["s"]}, "cloudformation:{}:stack/s/*"),
        ("cloudwatch:DescribeAlarms", "/", {}, "cloudwatch:{}:alarm:*"),
        ("secretsmanager:ListSecrets", "/", {}, "*"),
    ],
)  # fmt: skip
def test_a_request_to_the_gateway_is_about(
    action: str, path: str, params: dict[str, Any], expected: str
) -> None:
    arn = expected if expected == "*" or expected.startswith("arn:") else f"arn:aws:{expected}"

    assert found(action, path, **params) == arn.format(f"{REGION}:{ACCOUNT}")


def test_a_role_that_a_schedule_gets_is_found_in_its_target() -> None:
    target = {"Target": {"Arn": "arn:f", "RoleArn": "arn:role"}}

    assert gateway_requests.passed_roles("scheduler:CreateSchedule", target) == (
        Check("iam:PassRole", "arn:role", {"iam:PassedToService": "scheduler.amazonaws.com"}),
    )
    assert gateway_requests.passed_roles("states:StartExecution", {"roleArn": "arn:role"}) == ()
