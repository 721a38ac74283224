"""The nested template of the functions' roles and of the managed policies that they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aurora_restore.deployment.functions import FUNCTIONS, Function, logical_id
from aurora_restore.deployment.grants import CONDITIONS, MANAGED_POLICIES, Grant, Grants, here
from aurora_restore.deployment.rendering import Commented, Short, text, yaml_block

VERSION = "2012-10-17"
# What the template is given by the one that it is nested in.
PARAMETERS: Mapping[str, str] = {
    "TargetClusterPrefix": "${TargetClusterPrefix}",
    "SecretPrefix": "${SecretPrefix}",
    "AdminSecretId": "${AdminSecretId}",
    "KmsKeyArn": "${KmsKeyArn}",
    "SubnetIds": "${SubnetIds}",
    "NotificationTopicArn": "${NotificationTopic}",
}
HEAD = """\
# Written by `make build` from src/aurora_restore/deployment (functions.py, grants.py): change it there.
AWSTemplateFormatVersion: "2010-09-09"
Description: Aurora Restore Pipeline - what its functions may do. Nested in aurora-restore-pipeline.yaml.
"""
ASSUMED_BY_LAMBDA = {
    "Version": VERSION,
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
NO_VALUE = Short("Ref", "AWS::NoValue")


def permissions_template() -> str:
    given = Short("Ref", "KmsKeyArn")
    body = {
        "Parameters": {name: {"Type": "String"} for name in (*PARAMETERS, "TopicKeyArn")},
        "Conditions": {
            "HasKey": Short("Not", [Short("Equals", [given, ""])]),
            "NoKey": Short("Equals", [given, ""]),
            "InVpc": Short("Not", [Short("Equals", [Short("Ref", "SubnetIds"), ""])]),
        },
        "Resources": {
            **{
                name: {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {"PolicyDocument": _document(shared)},
                }
                for name, shared in MANAGED_POLICIES.items()
            },
            "VpcPolicy": _vpc_policy(),
            **{role_id(owner): _role(owner) for owner in role_owners()},
        },
        "Outputs": {
            f"{role_id(owner)}Arn": {"Value": Short("GetAtt", f"{role_id(owner)}.Arn")}
            for owner in role_owners()
        },
    }
    return HEAD + "".join(f"\n{name}:\n{yaml_block(section, 1)}\n" for name, section in body.items())


def nested_parameters() -> dict[str, Any]:
    """What the template that this one is nested in gives it."""
    return {
        **{name: text(value) for name, value in PARAMETERS.items()},
        "TopicKeyArn": Short("If", ["HasKey", "", text("${TopicKey.Arn}")]),
    }


def role_id(owner: str) -> str:
    return f"{logical_id(owner)}Role"


def role_owners() -> tuple[str, ...]:
    """The functions that roles are named after, in the order of the table."""
    return tuple(dict.fromkeys(function.role_owner for function in FUNCTIONS))


def _of_role(owner: str) -> list[Function]:
    return [function for function in FUNCTIONS if function.role_owner == owner]


def _role(owner: str) -> dict[str, Any]:
    """The managed policies of which a role has every grant, and what is left in a policy of its own."""
    granted = list(dict.fromkeys(grant for function in _of_role(owner) for grant in function.grants))
    shared = [name for name, of_policy in MANAGED_POLICIES.items() if set(of_policy) <= set(granted)]
    covered = {grant for name in shared for grant in MANAGED_POLICIES[name]}
    own = tuple(grant for grant in granted if grant not in covered)
    attached: list[Any] = [Short("Ref", name) for name in shared]
    # Without subnets in the parameters no function is in a VPC, and its role needs no network interfaces.
    if any(function.in_vpc for function in _of_role(owner)):
        attached.append(Short("If", ["InVpc", Short("Ref", "VpcPolicy"), NO_VALUE]))
    properties: dict[str, Any] = {
        "ManagedPolicyArns": attached,
        "AssumeRolePolicyDocument": ASSUMED_BY_LAMBDA,
    }
    # IAM refuses a policy without statements.
    if own:
        properties["Policies"] = [{"PolicyName": owner, "PolicyDocument": _document(own)}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _document(granted: Grants) -> dict[str, Any]:
    """A policy: one statement for all requests that are granted on the same resources under the same conditions."""
    resources: dict[tuple[str, str, str], list[Grant]] = {}
    for grant in granted:
        resources.setdefault((grant.action, grant.condition, grant.only_if), []).append(grant)
    together: dict[tuple[frozenset[str], str, str], list[list[Grant]]] = {}
    for (_, condition, only_if), of_action in resources.items():
        about = frozenset(grant.resource for grant in of_action)
        together.setdefault((about, condition, only_if), []).append(of_action)
    statements: list[Any] = []
    for (_, condition, only_if), actions in together.items():
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": _one_or_all([of_action[0].action for of_action in actions]),
            "Resource": _one_or_all(dict.fromkeys(text(grant.resource) for grant in actions[0])),
        }
        if condition:
            statement["Condition"] = _with_texts(CONDITIONS[condition])
        node = Short("If", [only_if, statement, NO_VALUE]) if only_if else statement
        why = " ".join(dict.fromkeys(grant.why for of_action in actions for grant in of_action if grant.why))
        statements.append(Commented(why, node) if why else node)
    return {"Version": VERSION, "Statement": statements}


def _one_or_all(values: Iterable[Any]) -> Any:
    listed = list(values)
    return listed[0] if len(listed) == 1 else listed


def _with_texts(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _with_texts(value) for name, value in node.items()}
    return [text(each) for each in node] if isinstance(node, list) else text(node)


def _vpc_policy() -> dict[str, Any]:
    """What Lambda needs to put a function into a VPC; the function itself may use none of it."""
    functions = here("lambda", "function:aurora-restore-*")
    network = [
        "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets",
        "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses",
    ]  # fmt: skip
    allowed = {"Effect": "Allow", "Action": [f"ec2:{action}" for action in network], "Resource": "*"}
    # Lambda makes these requests before the function runs, so that a refusal of the function's own stops only its code.
    denied = {
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {"ArnLike": {"lambda:SourceFunctionArn": text(functions)}},
    }
    skipped = {"id": "CKV_AWS_111", "comment": "Lambda's guide wants these on every resource."}
    why = "Lambda wants them on everything, since a subnet may be another account's; the code itself may use none."
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Condition": "InVpc",
        "Metadata": {"checkov": {"skip": [skipped]}},
        "Properties": {
            "PolicyDocument": {"Version": VERSION, "Statement": [Commented(why, allowed), denied]},
        },
    }
