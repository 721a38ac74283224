"""The resource that a request to the gateway is about, by its action: the table of what a role may be granted.

Source: the service authorization reference (docs.aws.amazon.com/service-authorization/latest/reference/), read in
November 2026. A request that is not in the table is refused to every role and user, whatever its policies say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local_stack.permissions.check import Check, pass_role


@dataclass(frozen=True)
class GatewayRequest:
    """A request: its path, and its parameters by name, wherever in it they are."""

    path: str
    params: Mapping[str, Any]
    region: str
    account_id: str

    def text(self, *names: str) -> str:
        """The first of the parameters that the request has; empty where it has none of them."""
        for name in names:
            value = self.params.get(name)
            # A parameter of a form or of a query is a list of its values.
            found = value[0] if isinstance(value, list) and value else value
            if isinstance(found, str) and found:
                return found
        return ""

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def after(self, segment: str) -> str:
        """What follows a segment of the path."""
        parts = [unquote(part) for part in self.path.split("/") if part]
        place = parts.index(segment) + 1 if segment in parts else len(parts)
        return parts[place] if place < len(parts) else ""


Finder = Callable[[GatewayRequest], str]


def _each(service: str, actions: str, find: Finder) -> dict[str, Finder]:
    return {f"{service}:{action}": find for action in actions.split()}


def _nothing(_request: GatewayRequest) -> str:
    """For actions that IAM cannot restrict to resources."""
    return "*"


def _named(service: str, kind: str, *parameters: str, everything: str = "*") -> Finder:
    """The resource that a parameter names, by its name or its ARN; `everything` where the request names none."""

    def find(request: GatewayRequest) -> str:
        name = request.text(*parameters) or everything
        return name if name.startswith("arn:") else request.arn(service, kind + name)

    return find


def _by_arn(*parameters: str) -> Finder:
    return lambda request: request.text(*parameters) or "*"


def _table(request: GatewayRequest) -> str:
    table = _named("dynamodb", "table/", "TableName", "TableArn", "ResourceArn")(request)
    index = request.text("IndexName")
    return f"{table}/index/{index}" if index else table


def _log_group(request: GatewayRequest) -> str:
    """The requests that read or write events are about the streams of a group."""
    group = request.text("logGroupName", "logGroupIdentifier")
    if group.startswith("arn:"):
        return f"{group.removesuffix(':*')}:log-stream:"
    return request.arn("logs", f"log-group:{group}:log-stream:{request.text('logStreamName')}")


def _stack(request: GatewayRequest) -> str:
    name = request.text("StackName")
    if not name and (change_set := request.text("ChangeSetName")).startswith("arn:"):
        # The ARN of a change set does not name its stack.
        return change_set
    if not name:
        return "*"
    return name if name.startswith("arn:") else request.arn("cloudformation", f"stack/{name}/*")


def _dashboard(request: GatewayRequest) -> str:
    # Dashboards belong to no Region.
    return f"arn:aws:cloudwatch::{request.account_id}:dashboard/{request.text('DashboardName') or '*'}"


def _function(request: GatewayRequest) -> str:
    name = request.after("functions") or request.text("FunctionName") or "*"
    return name if name.startswith("arn:") else request.arn("lambda", f"function:{name}")


def _schedule(request: GatewayRequest) -> str:
    group = request.text("groupName", "GroupName") or "default"
    return request.arn("scheduler", f"schedule/{group}/{request.after('schedules')}")


def _schedule_group(request: GatewayRequest) -> str:
    return request.arn("scheduler", f"schedule-group/{request.after('schedule-groups')}")


def _role(request: GatewayRequest) -> str:
    return f"arn:aws:iam::{request.account_id}:role/{request.text('RoleName')}"


def _policy(request: GatewayRequest) -> str:
    return (
        request.text("PolicyArn") or f"arn:aws:iam::{request.account_id}:policy/{request.text('PolicyName')}"
    )


_TOPIC = _named("sns", "", "TopicArn", "TargetArn", "Name")
_RULE = _named("events", "rule/", "Name", "Rule")
_ALARM = _named("cloudwatch", "alarm:", "AlarmName", "AlarmNames.member.1", "AlarmNames")
_MACHINE = _named("states", "stateMachine:", "stateMachineArn", "name")

_OF_S3 = (
    "ListAllMyBuckets CreateBucket DeleteBucket ListBucket ListBucketVersions GetBucketLocation GetObject "
    "GetObjectVersion PutObject PutObjectAcl DeleteObject DeleteObjectVersion AbortMultipartUpload "
    "ListBucketMultipartUploads ListMultipartUploadParts GetBucketPolicy PutBucketPolicy DeleteBucketPolicy "
    "GetBucketVersioning PutBucketVersioning GetEncryptionConfiguration PutEncryptionConfiguration "
    "GetBucketPublicAccessBlock PutBucketPublicAccessBlock GetBucketTagging PutBucketTagging GetLifecycleConfiguration "
    "PutLifecycleConfiguration"
)
FROM_THE_PATH = frozenset(f"s3:{action}" for action in _OF_S3.split())
"""Those of S3, whose paths are the names of their resources: ministack reads them as S3 does."""

RESOURCES: Mapping[str, Finder] = {
    **_each(
        "dynamodb",
        "GetItem PutItem UpdateItem DeleteItem ConditionCheckItem Query Scan BatchGetItem BatchWriteItem "
        "TransactGetItems TransactWriteItems DescribeTable CreateTable UpdateTable DeleteTable "
        "DescribeContinuousBackups UpdateContinuousBackups DescribeTimeToLive UpdateTimeToLive TagResource "
        "UntagResource ListTagsOfResource ExportTableToPointInTime ImportTable",
        _table,
    ),
    **_each("dynamodb", "DescribeExport", _by_arn("ExportArn")),
    **_each("dynamodb", "DescribeImport", _by_arn("ImportArn")),
    **_each("dynamodb", "ListTables ListExports ListImports DescribeLimits", _nothing),
    **_each(
        "logs",
        "FilterLogEvents GetLogEvents StartQuery DescribeLogStreams CreateLogStream PutLogEvents DescribeMetricFilters "
        "PutMetricFilter DeleteMetricFilter CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy "
        "DescribeLogGroups",
        _log_group,
    ),
    **_each("logs", "TagResource ListTagsForResource UntagResource", _by_arn("resourceArn")),
    **_each(
        "logs",
        "GetQueryResults StopQuery DescribeQueries DescribeQueryDefinitions PutQueryDefinition DeleteQueryDefinition",
        _nothing,
    ),
    **_each(
        "states",
        "StartExecution ListExecutions DescribeStateMachine UpdateStateMachine DeleteStateMachine CreateStateMachine",
        _MACHINE,
    ),
    **_each(
        "states",
        "DescribeExecution StopExecution GetExecutionHistory RedriveExecution",
        _by_arn("executionArn"),
    ),
    **_each("states", "DescribeStateMachineForExecution", _by_arn("executionArn")),
    **_each("states", "TagResource ListTagsForResource UntagResource", _by_arn("resourceArn")),
    **_each("states", "ListStateMachines ValidateStateMachineDefinition", _nothing),
    **_each(
        "sns",
        "Publish ListSubscriptionsByTopic Subscribe ConfirmSubscription GetTopicAttributes SetTopicAttributes "
        "CreateTopic DeleteTopic",
        _TOPIC,
    ),
    **_each("sns", "ListTopics ListSubscriptions Unsubscribe GetSubscriptionAttributes", _nothing),
    **_each(
        "secretsmanager",
        "GetSecretValue DescribeSecret PutSecretValue UpdateSecret DeleteSecret RestoreSecret TagResource "
        "ListSecretVersionIds CreateSecret",
        _named("secretsmanager", "secret:", "SecretId", "Name"),
    ),
    **_each("secretsmanager", "ListSecrets", _nothing),
    **_each(
        "kms",
        "DescribeKey Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext CreateGrant GetKeyPolicy",
        _named("kms", "key/", "KeyId"),
    ),
    **_each("kms", "CreateKey ListKeys ListAliases", _nothing),
    **_each(
        "cloudformation",
        "DescribeStacks DescribeStackEvents DescribeStackResource DescribeStackResources ListStackResources "
        "GetTemplate CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets CreateStack "
        "UpdateStack DeleteStack UpdateTerminationProtection GetTemplateSummary",
        _stack,
    ),
    **_each("cloudformation", "ListStacks ValidateTemplate", _nothing),
    **_each(
        "cloudwatch", "DescribeAlarms DescribeAlarmHistory PutMetricAlarm DeleteAlarms SetAlarmState", _ALARM
    ),
    **_each("cloudwatch", "GetDashboard PutDashboard DeleteDashboards", _dashboard),
    **_each(
        "cloudwatch",
        "GetMetricStatistics GetMetricData ListMetrics ListDashboards PutMetricData DescribeAlarmsForMetric",
        _nothing,
    ),
    **_each(
        "events",
        "DescribeRule ListTargetsByRule PutRule PutTargets RemoveTargets DeleteRule EnableRule DisableRule",
        _RULE,
    ),
    **_each("events", "ListRules", _nothing),
    **_each("scheduler", "GetSchedule CreateSchedule UpdateSchedule DeleteSchedule", _schedule),
    **_each("scheduler", "GetScheduleGroup CreateScheduleGroup DeleteScheduleGroup", _schedule_group),
    **_each("scheduler", "ListSchedules ListScheduleGroups", _nothing),
    **_each(
        "lambda",
        "InvokeFunction GetFunction GetFunctionConfiguration GetFunctionConcurrency GetPolicy ListVersionsByFunction "
        "UpdateFunctionCode UpdateFunctionConfiguration CreateFunction DeleteFunction AddPermission RemovePermission "
        "PutFunctionConcurrency PublishVersion",
        _function,
    ),
    **_each("lambda", "ListFunctions GetAccountSettings", _nothing),
    **_each(
        "iam",
        "GetRole CreateRole DeleteRole UpdateRole UpdateAssumeRolePolicy TagRole PutRolePolicy GetRolePolicy "
        "DeleteRolePolicy AttachRolePolicy DetachRolePolicy ListRolePolicies ListAttachedRolePolicies",
        _role,
    ),
    **_each("iam", "GetPolicy GetPolicyVersion CreatePolicy CreatePolicyVersion DeletePolicy", _policy),
    **_each("iam", "ListRoles ListPolicies", _nothing),
    **_each("sts", "AssumeRole", _by_arn("RoleArn")),
    **_each("sts", "GetCallerIdentity", _nothing),
    **_each(
        "ec2",
        "DescribeSecurityGroups DescribeSubnets DescribeVpcs DescribeRegions DescribeAvailabilityZones "
        "DescribeNetworkInterfaces DescribeRouteTables DescribeVpcEndpoints",
        _nothing,
    ),
    **_each("tag", "GetResources", _nothing),
}

_PASSED: Mapping[str, tuple[str, str]] = {
    "states:CreateStateMachine": ("roleArn", "states.amazonaws.com"),
    "states:UpdateStateMachine": ("roleArn", "states.amazonaws.com"),
    "lambda:CreateFunction": ("Role", "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda.amazonaws.com"),
    "events:PutTargets": ("RoleArn", "events.amazonaws.com"),
    "scheduler:CreateSchedule": ("RoleArn", "scheduler.amazonaws.com"),
    "scheduler:UpdateSchedule": ("RoleArn", "scheduler.amazonaws.com"),
    "cloudformation:CreateChangeSet": ("RoleARN", "cloudformation.amazonaws.com"),
    "cloudformation:CreateStack": ("RoleARN", "cloudformation.amazonaws.com"),
    "cloudformation:UpdateStack": ("RoleARN", "cloudformation.amazonaws.com"),
    "cloudformation:DeleteStack": ("RoleARN", "cloudformation.amazonaws.com"),
}
"""Requests that hand a role to a service: the parameter that names it, anywhere in the request, and the service."""


def is_known(action: str) -> bool:
    return action in RESOURCES or action in FROM_THE_PATH


def passed_roles(action: str, params: Mapping[str, Any]) -> tuple[Check, ...]:
    """The right to pass each role that a request names."""
    if action not in _PASSED:
        return ()
    name, service = _PASSED[action]
    return tuple(pass_role(role, service) for role in dict.fromkeys(_values(params, name)))


def _values(node: Any, name: str) -> Iterator[str]:
    """The texts that a parameter has, at any depth of the request."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == name and (text := value[0] if isinstance(value, list) and value else value):
                yield str(text)
            else:
                yield from _values(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from _values(each, name)
