"""What people may do with a deployed pipeline, as managed policies: viewers, operators and administrators.

Each policy holds what its people may do beyond the ones before: an operator has that of viewers too, an administrator
all of them. The template is one of its own, since the stack of the pipeline is made with these rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora_restore.deployment import grants
from aurora_restore.deployment.grants import EVERYTHING, here
from aurora_restore.deployment.permissions import VERSION
from aurora_restore.deployment.rendering import Commented, Short, text, yaml_block
from aurora_restore.domain.naming import AUDIT_TABLE, NOTIFICATION_TOPIC


@dataclass(frozen=True)
class Right:
    """Actions of a service (words) on resources, under a condition of IAM; `why` becomes a comment in the template."""

    service: str
    actions: str
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str]] | None = None
    why: str = ""


Rights = tuple[Right, ...]


def may(
    service: str,
    actions: str,
    *resources: str,
    condition: Mapping[str, Mapping[str, str]] | None = None,
    why: str = "",
) -> Right:
    return Right(service, actions, resources or (EVERYTHING,), condition, why)


STACK = "${StackName}"
STACKS = tuple(
    here("cloudformation", f"stack/{STACK}{part}/*") for part in ("", "-Permissions-*", "-Monitoring-*")
)
LOCKS = grants.LOCKS
TABLES = (grants.STATE, grants.AUDIT, LOCKS)
INDEXES = (grants.STATE_INDEXES, here("dynamodb", f"table/{AUDIT_TABLE}/index/*"))
FUNCTIONS = here("lambda", "function:aurora-restore-*")
MACHINES = here("states", "stateMachine:aurora-restore-*")
EXECUTIONS = here("states", "execution:aurora-restore-*")
LOG_GROUPS = (
    here("logs", "log-group:/aws/lambda/aurora-restore-*"),
    here("logs", "log-group:/aws/vendedlogs/states/aurora-restore-*"),
)
TOPIC = here("sns", NOTIFICATION_TOPIC)
RULES = here("events", "rule/aurora-restore-*")
ALARMS = here("cloudwatch", "alarm:aurora-restore-*")
DASHBOARD = "arn:*:cloudwatch::${AWS::AccountId}:dashboard/AuroraRestorePipelineDashboard"
SCHEDULES = here("scheduler", "schedule/aurora-restore/*")
SCHEDULE_GROUP = here("scheduler", "schedule-group/aurora-restore")
SCHEDULER_ROLE = "arn:*:iam::${AWS::AccountId}:role/aurora-restore-scheduler-${AWS::Region}"
ROLES = (f"arn:*:iam::${{AWS::AccountId}}:role/{STACK}-*", SCHEDULER_ROLE)
POLICIES = f"arn:*:iam::${{AWS::AccountId}}:policy/{STACK}-*"
ARTIFACTS = "arn:*:s3:::${ArtifactsBucket}"
BACKUPS = "arn:*:s3:::${BackupBucket}"
KEYS = here("kms", "key/*")


def _through(service: str) -> Mapping[str, Mapping[str, str]]:
    """A key is used in the caller's name by a service alone."""
    return {"StringEquals": {"kms:ViaService": f"{service}.${{AWS::Region}}.amazonaws.com"}}


VIEWER: Rights = (
    may("dynamodb", "GetItem Query DescribeTable DescribeContinuousBackups", *TABLES, *INDEXES),
    may("dynamodb", "Scan", LOCKS),
    may("states", "DescribeExecution GetExecutionHistory", EXECUTIONS),
    may("states", "DescribeStateMachine ListExecutions", MACHINES),
    may(
        "logs", "FilterLogEvents GetLogEvents DescribeLogStreams StartQuery",
        *(f"{group}:*" for group in LOG_GROUPS),
    ),
    may(
        "logs", "DescribeLogGroups DescribeQueryDefinitions GetQueryResults StopQuery",
        why="CloudWatch Logs cannot restrict these to single groups.",
    ),
    may("cloudformation", "DescribeStacks DescribeStackEvents ListStackResources GetTemplate", *STACKS),
    may("lambda", "GetFunctionConfiguration", FUNCTIONS),
    may("sns", "ListSubscriptionsByTopic GetTopicAttributes", TOPIC),
    may("events", "DescribeRule ListTargetsByRule", RULES),
    may("scheduler", "ListSchedules"),
    may("scheduler", "GetSchedule", SCHEDULES),
    may("cloudwatch", "DescribeAlarms", here("cloudwatch", "alarm:*")),
    may("cloudwatch", "GetDashboard", DASHBOARD),
    may("cloudwatch", "GetMetricStatistics GetMetricData ListMetrics"),
    may("secretsmanager", "ListSecrets", why="That a secret is there; what it holds viewers do not see."),
    may(
        "rds", "DescribeDBClusters DescribeDBClusterSnapshots DescribeDBInstances",
        *(f"arn:*:rds:*:${{AWS::AccountId}}:{kind}:*" for kind in ("cluster", "cluster-snapshot", "db")),
        why="In the source Region, too.",
    ),
    may("rds", "DescribeEvents"),
    may("s3", "GetObject", f"{ARTIFACTS}/*", why="`check` compares the code that is deployed with its source."),
    may("kms", "Decrypt", KEYS, condition=_through("dynamodb"), why="Where the tables have a key of their own."),
)  # fmt: skip

OPERATOR: Rights = (
    may(
        "states", "StartExecution", grants.RESTORES, grants.CLEANUP,
        why="A plan is a run too: IAM cannot tell a dry run from a restore.",
    ),
    may("states", "StopExecution", EXECUTIONS),
    may("sns", "Publish", TOPIC),
    may("kms", "Decrypt GenerateDataKey", KEYS, condition=_through("sns"), why="The topic is encrypted."),
    may("scheduler", "UpdateSchedule", SCHEDULES),
    may(
        "iam", "PassRole", SCHEDULER_ROLE,
        condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        why="A schedule is paused and resumed by writing it anew, with its role.",
    ),
)  # fmt: skip

ADMIN: Rights = (
    may("scheduler", "CreateSchedule DeleteSchedule", SCHEDULES),
    may("events", "EnableRule DisableRule", RULES),
    may(
        "cloudwatch", "SetAlarmState EnableAlarmActions DisableAlarmActions", ALARMS,
    ),
    may(
        "secretsmanager", "GetSecretValue DescribeSecret CreateSecret PutSecretValue UpdateSecret",
        grants.SECRETS, grants.ADMIN_SECRET,
        why="`check` reads whether the secrets can be used.",
    ),
    may("lambda", "GetFunction InvokeFunction", FUNCTIONS),
    may("sns", "Subscribe", TOPIC),
    may("sns", "Unsubscribe"),
    may(
        "dynamodb",
        "Scan PutItem UpdateItem DeleteItem BatchWriteItem UpdateContinuousBackups ExportTableToPointInTime",
        *TABLES,
        why="Repairs by hand, `archive`, `backup` and `recover`. The functions cannot remove an audit event.",
    ),
    may("dynamodb", "DescribeExport", *(f"{table}/export/*" for table in TABLES)),
    may("dynamodb", "ListExports"),
    may("s3", "ListBucket GetBucketLocation", ARTIFACTS, BACKUPS),
    may("s3", "GetObject PutObject PutObjectAcl AbortMultipartUpload", f"{BACKUPS}/*"),
    may(
        "kms", "Decrypt GenerateDataKey", KEYS,
        condition={"StringLike": {"kms:ViaService": "*.${AWS::Region}.amazonaws.com"}},
        why="Where tables, secrets or buckets have a key of their own.",
    ),
)  # fmt: skip

# What CloudFormation does in the name of who deploys, where the stack has no service role.
DEPLOYER: Rights = (
    may(
        "cloudformation",
        "CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets CreateStack UpdateStack "
        "DeleteStack GetTemplateSummary TagResource UntagResource",
        *STACKS,
    ),
    may("cloudformation", "GetTemplateSummary ValidateTemplate", why="Of a template that is not deployed yet."),
    may(
        "s3",
        "CreateBucket DeleteBucket ListBucket PutBucketPolicy GetBucketPolicy PutBucketVersioning "
        "PutEncryptionConfiguration PutBucketPublicAccessBlock",
        ARTIFACTS,
        BACKUPS,
    ),
    may("s3", "PutObject DeleteObject DeleteObjectVersion", f"{ARTIFACTS}/*"),
    may(
        "ssm", "GetParameters PutParameter DeleteParameter AddTagsToResource",
        here("ssm", "parameter/aurora-restore-artifacts"),
    ),
    may(
        "iam",
        "GetRole CreateRole DeleteRole UpdateRole UpdateAssumeRolePolicy TagRole UntagRole GetRolePolicy PutRolePolicy "
        "DeleteRolePolicy AttachRolePolicy DetachRolePolicy ListRolePolicies ListAttachedRolePolicies",
        *ROLES,
        why="Who may make roles can give them any right: a deployment is to be in few hands, or in a service role.",
    ),
    may(
        "iam",
        "GetPolicy CreatePolicy DeletePolicy GetPolicyVersion CreatePolicyVersion DeletePolicyVersion "
        "ListPolicyVersions",
        POLICIES,
    ),
    may(
        "iam", "PassRole", *ROLES,
        condition={"StringLike": {"iam:PassedToService": "*.amazonaws.com"}},
        why="To Lambda, Step Functions, EventBridge and Scheduler.",
    ),
    may(
        "lambda",
        "CreateFunction DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration AddPermission RemovePermission "
        "GetPolicy TagResource UntagResource ListTags PutFunctionConcurrency DeleteFunctionConcurrency",
        FUNCTIONS,
    ),
    may(
        "states",
        "CreateStateMachine UpdateStateMachine DeleteStateMachine TagResource UntagResource ListTagsForResource",
        MACHINES,
    ),
    may(
        "dynamodb",
        "CreateTable UpdateTable DeleteTable UpdateTimeToLive DescribeTimeToLive TagResource UntagResource "
        "ListTagsOfResource",
        *TABLES,
    ),
    may(
        "sns", "CreateTopic DeleteTopic SetTopicAttributes TagResource UntagResource ListTagsForResource", TOPIC,
    ),
    may("kms", "CreateKey", why="A key has no name before it is made."),
    may(
        "kms", "DescribeKey PutKeyPolicy EnableKeyRotation TagResource ScheduleKeyDeletion GetKeyPolicy "
        "GetKeyRotationStatus ListResourceTags CreateGrant",
        KEYS,
    ),
    may("events", "PutRule DeleteRule PutTargets RemoveTargets TagResource ListTagsForResource", RULES),
    may(
        "scheduler", "CreateScheduleGroup GetScheduleGroup DeleteScheduleGroup TagResource ListTagsForResource",
        SCHEDULE_GROUP,
    ),
    may(
        "logs",
        "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey TagResource "
        "ListTagsForResource PutMetricFilter DeleteMetricFilter DescribeMetricFilters",
        *LOG_GROUPS, *(f"{group}:*" for group in LOG_GROUPS),
    ),
    may(
        "logs",
        "PutQueryDefinition DeleteQueryDefinition CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery "
        "ListLogDeliveries PutResourcePolicy DescribeResourcePolicies",
        why="CloudWatch Logs cannot restrict these to resources.",
    ),
    may("cloudwatch", "PutMetricAlarm DeleteAlarms TagResource ListTagsForResource", ALARMS),
    may("cloudwatch", "PutDashboard DeleteDashboards", DASHBOARD),
    may("ec2", "DescribeSubnets DescribeSecurityGroups DescribeVpcs", why="For functions in a VPC."),
)  # fmt: skip

POLICIES_OF_PEOPLE: Mapping[str, tuple[str, Rights]] = {
    "ViewerPolicy": ("See everything of the pipeline, and change nothing.", VIEWER),
    "OperatorPolicy": ("Beside that of viewers: plan, start, rehearse, cancel, undo, pause.", OPERATOR),
    "AdminPolicy": ("Beside those: schedules, secrets, repairs by hand, backups.", ADMIN),
    "DeployerPolicy": ("Beside those: deploy the pipeline, and take it away.", DEPLOYER),
}
ROLES_OF_PEOPLE: Mapping[str, tuple[str, ...]] = {
    "viewer": ("ViewerPolicy",),
    "operator": ("ViewerPolicy", "OperatorPolicy"),
    "admin": tuple(POLICIES_OF_PEOPLE),
}
"""The policies that each kind of people is given."""

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "StackName": {
        "Type": "String",
        "Default": "aurora-restore-pipeline",
        "Description": "Name of the pipeline's stack.",
    },
    "ArtifactsBucket": {
        "Type": "String",
        "Default": "aurora-restore-artifacts-*",
        "Description": "Bucket of the pipeline's code, as its stack was given it.",
    },
    "BackupBucket": {
        "Type": "String",
        "Default": "aurora-restore-dr-backup*",
        "Description": "Bucket for backups and archives.",
    },
    "SecretPrefix": {
        "Type": "String",
        "Default": "aurora-restore/",
        "Description": "As in the pipeline's stack.",
    },
    "AdminSecretId": {
        "Type": "String",
        "Default": "aurora-restore/admin-credentials",
        "Description": "As in the pipeline's stack.",
    },
}

HEAD = """\
# Written by `make build` from src/aurora_restore/deployment/access.py: change it there.
AWSTemplateFormatVersion: "2010-09-09"
Description: Aurora Restore Pipeline - policies for its viewers, operators and administrators. A stack of its own.
"""


def access_template() -> str:
    policies = {
        name: {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": Short(
                    "Sub", f"aurora-restore-{name.removesuffix('Policy').lower()}-${{AWS::Region}}"
                ),
                "Description": purpose,
                "PolicyDocument": {"Version": VERSION, "Statement": [_statement(right) for right in rights]},
            },
        }
        for name, (purpose, rights) in POLICIES_OF_PEOPLE.items()
    }
    body = {
        "Parameters": PARAMETERS,
        "Resources": policies,
        "Outputs": {f"{name}Arn": {"Value": Short("Ref", name)} for name in POLICIES_OF_PEOPLE},
    }
    return HEAD + "".join(f"\n{name}:\n{yaml_block(section, 1)}\n" for name, section in body.items())


def _statement(right: Right) -> Any:
    actions = [f"{right.service}:{action}" for action in right.actions.split()]
    resources = [text(resource) for resource in right.resources]
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": actions if len(actions) > 1 else actions[0],
        "Resource": resources if len(resources) > 1 else resources[0],
    }
    if right.condition:
        statement["Condition"] = {
            operator: {key: text(value) for key, value in keys.items()}
            for operator, keys in right.condition.items()
        }
    return Commented(right.why, statement) if right.why else statement
