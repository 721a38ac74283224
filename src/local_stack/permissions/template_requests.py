"""What CloudFormation asks IAM for in the name of who asks it, for the types of resources in the pipeline's templates.

Sources: the pages of the resource types and the service authorization reference, read in November 2026. A resource type
without a row is refused to every user and role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_stack.permissions.check import Check, pass_role

Properties = Mapping[str, Any]
GENERATED = "-GENERATED"
"""Stands for what CloudFormation appends to the name of a resource that has none in the template."""


class UnknownType(LookupError):
    """The table has no row for a type of resource."""


@dataclass(frozen=True)
class Place:
    region: str
    account_id: str

    def arn(self, service: str, resource: str, *, is_regional: bool = True) -> str:
        return f"arn:aws:{service}:{self.region if is_regional else ''}:{self.account_id}:{resource}"


Arn = Callable[[Place, str, Properties], str]


@dataclass(frozen=True)
class _Type:
    """The service, its actions (words) for each change, and the ARN of a resource by its name or physical id.

    `passes` is the property that names a role (of each target, for rules), and the service that gets it.
    """

    service: str
    create: str
    update: str
    delete: str
    arn: Arn
    name: str = ""
    passes: tuple[str, str] | None = None


def _of(service: str, kind: str, *, is_regional: bool = True) -> Arn:
    def arn(place: Place, name: str, _properties: Properties) -> str:
        return name if name.startswith("arn:") else place.arn(service, kind + name, is_regional=is_regional)

    return arn


def _everything(_place: Place, _name: str, _properties: Properties) -> str:
    return "*"


def _key(place: Place, name: str, _properties: Properties) -> str:
    # A key has no ARN before it is made.
    return "*" if name.endswith(GENERATED) else place.arn("kms", f"key/{name}")


def _function(place: Place, _name: str, properties: Properties) -> str:
    return _of("lambda", "function:")(place, str(properties.get("FunctionName", "")), properties)


def _log_group(place: Place, _name: str, properties: Properties) -> str:
    return place.arn("logs", f"log-group:{properties.get('LogGroupName', '')}:*")


def _topic(_place: Place, _name: str, properties: Properties) -> str:
    return str(properties.get("TopicArn", ""))


def _schedule(place: Place, name: str, properties: Properties) -> str:
    return place.arn(
        "scheduler", f"schedule/{properties.get('GroupName', 'default')}/{name.rpartition('/')[2]}"
    )


_TYPES: Mapping[str, _Type] = {
    "AWS::CloudFormation::Stack": _Type(
        "cloudformation", "CreateStack", "UpdateStack", "DeleteStack",
        lambda place, name, _: name if name.startswith("arn:") else place.arn("cloudformation", f"stack/{name}/*"),
    ),
    "AWS::CloudWatch::Alarm": _Type(
        "cloudwatch", "PutMetricAlarm", "PutMetricAlarm", "DeleteAlarms", _of("cloudwatch", "alarm:"), "AlarmName",
    ),
    "AWS::CloudWatch::Dashboard": _Type(
        "cloudwatch", "PutDashboard", "PutDashboard", "DeleteDashboards",
        _of("cloudwatch", "dashboard/", is_regional=False), "DashboardName",
    ),
    "AWS::DynamoDB::Table": _Type(
        "dynamodb", "CreateTable DescribeTable UpdateTimeToLive UpdateContinuousBackups", "UpdateTable", "DeleteTable",
        _of("dynamodb", "table/"), "TableName",
    ),
    "AWS::Events::Rule": _Type(
        "events", "PutRule PutTargets", "PutRule PutTargets", "RemoveTargets DeleteRule",
        _of("events", "rule/"), "Name",
        passes=("RoleArn", "events.amazonaws.com"),
    ),
    "AWS::IAM::ManagedPolicy": _Type(
        "iam", "CreatePolicy", "CreatePolicyVersion", "DeletePolicy",
        _of("iam", "policy/", is_regional=False), "ManagedPolicyName",
    ),
    "AWS::IAM::Role": _Type(
        "iam", "CreateRole PutRolePolicy AttachRolePolicy", "UpdateAssumeRolePolicy PutRolePolicy AttachRolePolicy",
        "DeleteRolePolicy DetachRolePolicy DeleteRole", _of("iam", "role/", is_regional=False), "RoleName",
    ),
    "AWS::KMS::Key": _Type("kms", "CreateKey", "PutKeyPolicy", "ScheduleKeyDeletion", _key),
    "AWS::Lambda::Function": _Type(
        "lambda", "CreateFunction GetFunction", "UpdateFunctionCode UpdateFunctionConfiguration", "DeleteFunction",
        _function, passes=("Role", "lambda.amazonaws.com"),
    ),
    "AWS::Lambda::Permission": _Type("lambda", "AddPermission", "AddPermission", "RemovePermission", _function),
    "AWS::Logs::LogGroup": _Type(
        "logs", "CreateLogGroup PutRetentionPolicy", "PutRetentionPolicy", "DeleteLogGroup", _log_group,
    ),
    "AWS::Logs::MetricFilter": _Type("logs", "PutMetricFilter", "PutMetricFilter", "DeleteMetricFilter", _log_group),
    "AWS::Logs::QueryDefinition": _Type(
        "logs", "PutQueryDefinition", "PutQueryDefinition", "DeleteQueryDefinition", _everything,
    ),
    "AWS::SNS::Subscription": _Type("sns", "Subscribe", "Subscribe", "Unsubscribe", _topic),
    "AWS::SNS::Topic": _Type(
        "sns", "CreateTopic", "SetTopicAttributes", "DeleteTopic", _of("sns", ""), "TopicName",
    ),
    "AWS::SSM::Parameter": _Type(
        "ssm", "PutParameter", "PutParameter", "DeleteParameter", _of("ssm", "parameter/"), "Name",
    ),
    "AWS::Scheduler::Schedule": _Type(
        "scheduler", "CreateSchedule", "UpdateSchedule", "DeleteSchedule", _schedule, "Name",
        passes=("RoleArn", "scheduler.amazonaws.com"),
    ),
    "AWS::Scheduler::ScheduleGroup": _Type(
        "scheduler", "CreateScheduleGroup", "TagResource", "DeleteScheduleGroup",
        _of("scheduler", "schedule-group/"), "Name",
    ),
    "AWS::StepFunctions::StateMachine": _Type(
        "states", "CreateStateMachine", "UpdateStateMachine", "DeleteStateMachine",
        _of("states", "stateMachine:"), "StateMachineName", passes=("RoleArn", "states.amazonaws.com"),
    ),
}  # fmt: skip


def known_types() -> frozenset[str]:
    return frozenset(_TYPES)


def checks(
    place: Place, change: str, resource_type: str, given: str, properties: Properties
) -> tuple[Check, ...]:
    """What a change (`create`, `update` or `delete`) of a resource asks for.

    `given` is the physical id, or what begins the name that CloudFormation would make. Raises UnknownType.
    """
    row = _TYPES.get(resource_type)
    if row is None:
        raise UnknownType(resource_type)
    name = str(properties.get(row.name) or "") if row.name else ""
    arn = row.arn(place, name or given, properties)
    actions: str = {"create": row.create, "update": row.update, "delete": row.delete}[change]
    own = tuple(Check(f"{row.service}:{action}", arn) for action in actions.split())
    return own if change == "delete" else (*own, *_passed(row, properties))


def _passed(row: _Type, properties: Properties) -> Iterator[Check]:
    if row.passes is None:
        return
    parameter, service = row.passes
    target = properties.get("Target")
    holders = (properties, *(properties.get("Targets") or ()), *((target,) if target else ()))
    for holder in holders:
        if role := holder.get(parameter):
            yield pass_role(str(role), service)
