"""The policies for people: within the quotas of IAM, each with what its people need and nothing of the next."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from tests.support.granted_requests import AUDIT, MAIN_MACHINE, RUN, STATE
from tests.support.template_policies import ACCOUNT, REGION, ROOT, Template
from tests.unit.cli.document_permissions import documented_actions, documented_commands

from aurora_restore.deployment.access import POLICIES_OF_PEOPLE, ROLES_OF_PEOPLE, access_template
from local_stack.permissions import aurora_requests, gateway_requests, template_requests

BUILT = ROOT / "infrastructure" / "access.yaml"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:aurora-restore-notifications"
SCHEDULE = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/aurora-restore/nightly"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:aurora-restore/admin-credentials-AbCdEf"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/aurora-restore-pipeline/1a2b"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/aurora-restore-sweep"

# Who is the first that may do it.
FIRST = {
    ("dynamodb:GetItem", STATE): "viewer",
    ("dynamodb:Query", AUDIT): "viewer",
    ("states:DescribeExecution", RUN): "viewer",
    ("scheduler:GetSchedule", SCHEDULE): "viewer",
    ("states:StartExecution", MAIN_MACHINE): "operator",
    ("states:StopExecution", RUN): "operator",
    ("sns:Publish", TOPIC): "operator",
    ("scheduler:UpdateSchedule", SCHEDULE): "operator",
    ("scheduler:CreateSchedule", SCHEDULE): "admin",
    ("scheduler:DeleteSchedule", SCHEDULE): "admin",
    ("secretsmanager:GetSecretValue", SECRET): "admin",
    ("events:EnableRule", RULE): "admin",
    ("dynamodb:PutItem", STATE): "admin",
    ("dynamodb:DeleteItem", AUDIT): "admin",
    ("cloudformation:ExecuteChangeSet", STACK): "admin",
}
OUT_OF_REACH = [
    ("states:StartExecution", MAIN_MACHINE.replace("aurora-restore-state-machine", "payroll")),
    ("states:StopExecution", RUN.replace("aurora-restore-state-machine", "payroll")),
    ("rds:DeleteDBCluster", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:aurora-restored-cluster"),
    ("rds:ModifyDBCluster", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:production"),
    ("dynamodb:DeleteItem", STATE.replace("AuroraRestoreState", "Payroll")),
    ("secretsmanager:GetSecretValue", SECRET.replace("aurora-restore/admin-credentials", "payroll")),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/payroll"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/payroll"),
    ("cloudformation:DeleteStack", STACK.replace("aurora-restore-pipeline", "payroll")),
    ("scheduler:UpdateSchedule", SCHEDULE.replace("aurora-restore", "payroll")),
    ("sns:Publish", TOPIC.replace("aurora-restore-notifications", "payroll")),
]


@pytest.fixture(scope="module")
def policies() -> dict[str, Any]:
    return Template(path=BUILT).resources("AWS::IAM::ManagedPolicy")


def may(policies: dict[str, Any], people: str, action: str, arn: str) -> bool:
    statements = [
        each for name in ROLES_OF_PEOPLE[people] for each in policies[name]["PolicyDocument"]["Statement"]
    ]
    return any(
        fnmatchcase(action, granted) and fnmatchcase(arn, resource)
        for statement in statements
        for granted in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    )


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_the_template_is_what_the_table_makes() -> None:
    assert BUILT.read_text(encoding="utf-8") == access_template()


def test_each_policy_is_within_the_quota_of_iam(policies: dict[str, Any]) -> None:
    """docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html; white space is not counted."""
    sizes = {
        name: len(json.dumps(policy["PolicyDocument"], separators=(",", ":")))
        for name, policy in policies.items()
    }

    assert {name: size for name, size in sizes.items() if size > 6_144} == {}
    assert policies.keys() == POLICIES_OF_PEOPLE.keys()


@pytest.mark.parametrize(("action", "arn"), FIRST)
def test_a_right_begins_with_those_who_need_it(policies: dict[str, Any], action: str, arn: str) -> None:
    people = list(ROLES_OF_PEOPLE)
    expected = people[people.index(FIRST[action, arn]) :]

    assert [each for each in people if may(policies, each, action, arn)] == expected


@pytest.mark.parametrize("people", ROLES_OF_PEOPLE)
@pytest.mark.parametrize(("action", "arn"), OUT_OF_REACH)
def test_what_is_not_of_the_pipeline_is_out_of_reach(
    policies: dict[str, Any], action: str, arn: str, people: str
) -> None:
    assert not may(policies, people, action, arn)


# What names another resource of the templates, which is its logical id here: its type, and what it is called there.
NAMED_BY = {
    "FunctionName": ("AWS::Lambda::Function", "FunctionName"),
    "LogGroupName": ("AWS::Logs::LogGroup", "LogGroupName"),
    "GroupName": ("AWS::Scheduler::ScheduleGroup", "Name"),
}


def with_names(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with the names of other resources for their logical ids."""
    found = dict(properties)
    for field, (resource_type, name) in NAMED_BY.items():
        other = PARTS.resources(resource_type).get(str(properties.get(field)))
        if other:
            found[field] = other[name]
    return found


PARTS = Template(
    {
        "NightlyScheduleExpression": "rate(1 days)",
        "NightlyRequest": "{}",
        "NotificationEmail": "a@example.com",
    }
)
RESOURCES = [
    (resource_type, name, with_names(properties))
    for resource_type in sorted(template_requests.known_types())
    for name, properties in PARTS.resources(resource_type).items()
]


def test_every_type_of_resource_in_the_templates_has_a_row() -> None:
    templates = [PARTS, PARTS.nested("Permissions"), PARTS.nested("Monitoring"), Template(path=BUILT)]
    types = {resource["Type"] for template in templates for resource in template.raw["Resources"].values()}

    assert types <= template_requests.known_types()


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_an_administrator_may_do_what_cloudformation_does_in_a_deployment(
    policies: dict[str, Any], change: str
) -> None:
    place = template_requests.Place(REGION, ACCOUNT)
    end = template_requests.GENERATED if change == "create" else ""
    checks = [
        (check.action, check.resource)
        for resource_type, name, found in RESOURCES
        for check in template_requests.checks(
            place,
            change,
            resource_type,
            f"aurora-restore-pipeline-Permissions-1A2B-{name}{end}",
            found,
        )
    ]

    # A role that is passed is named by its logical id here, which is not an ARN.
    named = [(action, arn) for action, arn in checks if arn == "*" or arn.startswith("arn:")]
    assert [(action, arn) for action, arn in named if not may(policies, "admin", action, arn)] == []
    assert len(named) >= len(RESOURCES) - 1
    assert len(RESOURCES) > 70


@pytest.mark.parametrize("command", documented_commands())
def test_operators_may_do_what_the_reference_says_that_a_command_needs(command: str) -> None:
    granted = {
        f"{right.service}:{action}"
        for name in ("ViewerPolicy", "OperatorPolicy")
        for right in POLICIES_OF_PEOPLE[name][1]
        for action in right.actions.split()
    }

    # `check` reports a secret as not known where the user may not read it.
    missing = documented_actions(command) - granted - {"secretsmanager:GetSecretValue"}
    assert missing == set(), "grant them in deployment/access.py"


def test_viewers_have_nothing_that_changes_anything() -> None:
    reading = ("Get", "List", "Describe", "Query", "Scan", "Filter", "Decrypt", "StartQuery", "StopQuery")
    actions = [action for right in POLICIES_OF_PEOPLE["ViewerPolicy"][1] for action in right.actions.split()]

    assert [action for action in actions if not action.startswith(reading)] == []


def test_what_viewers_and_operators_are_granted_is_enforced_in_the_local_stack() -> None:
    granted = {
        f"{right.service}:{action}"
        for name in ("ViewerPolicy", "OperatorPolicy")
        for right in POLICIES_OF_PEOPLE[name][1]
        for action in right.actions.split()
    }
    of_rds = {f"rds:{action}" for action in aurora_requests._RDS}

    # The right to pass a role is asked for beside a request.
    unknown = {each for each in granted - of_rds - {"iam:PassRole"} if not gateway_requests.is_known(each)}
    assert unknown == set()
