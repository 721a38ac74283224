"""What the deployed functions may do, as grants: a service, one of its requests, and a resource.

A group of grants that several functions have is a managed policy (`MANAGED_POLICIES`). Resources are patterns of ARNs,
in which `${…}` is what CloudFormation puts in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.naming import (
    AUDIT_TABLE,
    CLEANUP_STATE_MACHINE,
    LOCK_TABLE,
    STATE_MACHINE,
    STATE_TABLE,
)


@dataclass(frozen=True)
class Grant:
    """A request that may be made of a service, as boto3 spells both, and the resource that it is about.

    `by_aws`: a service of AWS makes the request in the function's name; the code does not. `condition` is a name in
    `CONDITIONS`, `only_if` a condition of the template. `why` becomes a comment in the template.
    """

    service: str
    request: str
    resource: str
    by_aws: bool = False
    condition: str = ""
    only_if: str = ""
    why: str = ""

    @property
    def action(self) -> str:
        """The request as IAM spells it: `rds:ModifyDBCluster` for `modify_db_cluster` of `rds`."""
        words = ("DB" if word == "db" else word.capitalize() for word in self.request.split("_"))
        return f"{_IAM_SERVICES.get(self.service, self.service)}:{''.join(words)}"


_IAM_SERVICES = {"stepfunctions": "states"}

Grants = tuple[Grant, ...]


def grants(
    service: str,
    requests: str,
    *resources: str,
    by_aws: bool = False,
    condition: str = "",
    only_if: str = "",
    why: str = "",
) -> Grants:
    """A grant of each of the requests (words) on each of the resources."""
    return tuple(
        Grant(service, request, resource, by_aws, condition, only_if, why)
        for request in requests.split()
        for resource in resources
    )


def here(service: str, resource: str) -> str:
    """The ARN of a resource in the account and the Region of the stack."""
    # `*`: the partition is another one in China and in GovCloud, and an account has resources in one alone.
    return f"arn:*:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def _in_any_region(resource: str) -> str:
    return f"arn:*:rds:*:${{AWS::AccountId}}:{resource}"


# For requests that IAM cannot restrict to resources.
EVERYTHING = "*"

STATE = here("dynamodb", f"table/{STATE_TABLE}")
STATE_INDEXES = here("dynamodb", f"table/{STATE_TABLE}/index/*")
AUDIT = here("dynamodb", f"table/{AUDIT_TABLE}")
LOCKS = here("dynamodb", f"table/{LOCK_TABLE}")
TOPIC = "${NotificationTopicArn}"
LOG_STREAMS = here("logs", "log-group:/aws/lambda/aurora-restore-*:log-stream:*")
RUNS = here("states", f"execution:{STATE_MACHINE}:*")
RESTORES = here("states", f"stateMachine:{STATE_MACHINE}")
CLEANUP = here("states", f"stateMachine:{CLEANUP_STATE_MACHINE}")

CLUSTERS = here("rds", "cluster:${TargetClusterPrefix}*")
ANY_CLUSTER = here("rds", "cluster:*")
ANY_CLUSTER_ANYWHERE = _in_any_region("cluster:*")
INSTANCES = here("rds", "db:${TargetClusterPrefix}*")
ANY_INSTANCE = here("rds", "db:*")
# The names that Application Auto Scaling gives to the readers that it adds.
SCALED_INSTANCES = here("rds", "db:application-autoscaling-*")
# Copies and final snapshots that the pipeline made: it may delete no other snapshots.
COPIES = here("rds", "cluster-snapshot:aurora-restore-*")
ANY_SNAPSHOT = here("rds", "cluster-snapshot:*")
ANY_SNAPSHOT_ANYWHERE = _in_any_region("cluster-snapshot:*")
ANY_INSTANCE_SNAPSHOT = here("rds", "snapshot:*")
AUTOMATED_BACKUPS = here("rds", "cluster-auto-backup:*")
ENDPOINTS = here("rds", "cluster-endpoint:*")
# A global cluster does not belong to a Region.
GLOBAL_CLUSTERS = "arn:*:rds::${AWS::AccountId}:global-cluster:*"
CLUSTER_GROUPS = here("rds", "cluster-pg:*")
# Parameter groups that the pipeline made: it may change no others.
QUIET_GROUPS = here("rds", "cluster-pg:aurora-restore-*-quiet-*")
INSTANCE_GROUPS = here("rds", "pg:*")
SUBNET_GROUPS = here("rds", "subgrp:*")
DEFAULT_OPTION_GROUPS = here("rds", "og:default*")

SECRETS = here("secretsmanager", "secret:${SecretPrefix}*")
# Secrets Manager appends a hyphen and six characters to a name.
ADMIN_SECRET = here("secretsmanager", "secret:${AdminSecretId}-??????")
# The names that RDS gives to the secrets that it manages.
MASTER_SECRETS = here("secretsmanager", "secret:rds!cluster-*")
# Any account: a key may be shared by another one. Its own policy then decides.
KEYS = "arn:*:kms:${AWS::Region}:*:key/*"
KEYS_ANYWHERE = "arn:*:kms:*:*:key/*"
GIVEN_KEY = "${KmsKeyArn}"
TOPIC_KEY = "${TopicKeyArn}"
ROLES = "arn:*:iam::${AWS::AccountId}:role/*"
SCALABLE_TARGETS = here("application-autoscaling", "scalable-target/*")

_SECRETS_SERVICE = "secretsmanager.${AWS::Region}.amazonaws.com"
_RDS_SERVICE = "rds.${AWS::Region}.amazonaws.com"
# KMS grants for AWS's resources only: the code itself cannot hand out the use of a key.
_FOR_A_RESOURCE = {"Bool": {"kms:GrantIsForAWSResource": "true"}}

CONDITIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "through Secrets Manager": {"StringEquals": {"kms:ViaService": _SECRETS_SERVICE}},
    "through RDS anywhere": {"StringLike": {"kms:ViaService": "rds.*.amazonaws.com"}},
    "through RDS anywhere, for a resource": {
        "StringLike": {"kms:ViaService": "rds.*.amazonaws.com"},
        **_FOR_A_RESOURCE,
    },
    "through either": {"StringEquals": {"kms:ViaService": [_SECRETS_SERVICE, _RDS_SERVICE]}},
    "through either, for a resource": {
        "StringEquals": {"kms:ViaService": [_SECRETS_SERVICE, _RDS_SERVICE]},
        **_FOR_A_RESOURCE,
    },
    "to RDS and its monitoring": {
        "StringEquals": {"iam:PassedToService": ["rds.amazonaws.com", "monitoring.rds.amazonaws.com"]}
    },
    "readers of Aurora": {
        "StringEquals": {
            "application-autoscaling:service-namespace": "rds",
            "application-autoscaling:scalable-dimension": "rds:cluster:ReadReplicaCount",
        }
    },
    "through a service": {"Bool": {"aws:ViaAWSService": "true"}},
}

# What every function has: its log, its trace, the record and the audit events.
# What a function needs that only logs.
LOG: Grants = (
    *grants("logs", "create_log_stream put_log_events", LOG_STREAMS, by_aws=True),
    *grants(
        "xray", "put_trace_segments put_telemetry_records", EVERYTHING, by_aws=True,
        why="X-Ray cannot be restricted to resources.",
    ),
    *grants("kms", "decrypt generate_data_key", GIVEN_KEY, by_aws=True, only_if="HasKey"),
)  # fmt: skip
RECORD: Grants = (
    *grants("logs", "create_log_stream put_log_events", LOG_STREAMS, by_aws=True),
    *grants("dynamodb", "get_item update_item", STATE),
    *grants("dynamodb", "put_item", AUDIT),
    *grants(
        "rds", "list_tags_for_resource", CLUSTERS, INSTANCES, COPIES, by_aws=True,
        why="RDS may want it before it shows the tags by which our own things are known.",
    ),
    *grants(
        "xray", "put_trace_segments put_telemetry_records", EVERYTHING, by_aws=True,
        why="X-Ray cannot be restricted to resources.",
    ),
    *grants("kms", "decrypt generate_data_key", GIVEN_KEY, by_aws=True, only_if="HasKey"),
)  # fmt: skip

SEE_CLUSTER = grants("rds", "describe_db_clusters", CLUSTERS)
SEE_INSTANCES = grants("rds", "describe_db_instances", ANY_INSTANCE)
READ_SECRETS: Grants = (
    *grants("secretsmanager", "get_secret_value", SECRETS, ADMIN_SECRET),
    *grants("kms", "decrypt", KEYS, by_aws=True, condition="through Secrets Manager"),
)
# RDS encrypts a copy and a restored cluster in the caller's name, with keys that may be another account's.
USE_KEYS: Grants = (
    *grants(
        "kms",
        "describe_key decrypt encrypt generate_data_key generate_data_key_without_plaintext re_encrypt_from "
        "re_encrypt_to",
        KEYS_ANYWHERE,
        by_aws=True,
        condition="through RDS anywhere",
    ),
    *grants(
        "kms", "create_grant", KEYS_ANYWHERE, by_aws=True, condition="through RDS anywhere, for a resource"
    ),
)

# RDS checks the right on everything that a restore names, and on what a new cluster has by default.
_RESTORED_FROM = (
    CLUSTERS,
    INSTANCES,
    ANY_SNAPSHOT,
    CLUSTER_GROUPS,
    INSTANCE_GROUPS,
    SUBNET_GROUPS,
    DEFAULT_OPTION_GROUPS,
)
RESTORE: Grants = (
    *grants(
        "rds",
        "restore_db_cluster_from_snapshot create_db_instance modify_db_cluster",
        *_RESTORED_FROM,
    ),
    *grants("rds", "modify_db_instance", *_RESTORED_FROM, by_aws=True),
    *grants(
        "rds",
        "add_tags_to_resource add_role_to_db_cluster enable_http_endpoint start_db_cluster",
        CLUSTERS,
        INSTANCES,
    ),
    *grants(
        "iam", "pass_role", ROLES, by_aws=True, condition="to RDS and its monitoring",
        why="The roles that the replaced cluster had, for its successor.",
    ),
)  # fmt: skip

REMOVE_QUIET_GROUP: Grants = (
    *grants("rds", "describe_db_cluster_parameter_groups", CLUSTER_GROUPS),
    *grants("rds", "list_tags_for_resource delete_db_cluster_parameter_group", QUIET_GROUPS),
)

_RETIRED = (CLUSTERS, INSTANCES, COPIES, ANY_INSTANCE_SNAPSHOT)
RETIRE: Grants = (
    *grants("rds", "describe_global_clusters", GLOBAL_CLUSTERS),
    *grants("rds", "describe_db_cluster_snapshots", ANY_CLUSTER, COPIES),
    *grants(
        "rds",
        "modify_db_cluster create_db_cluster_snapshot add_tags_to_resource remove_tags_from_resource "
        "start_db_cluster stop_db_cluster delete_db_instance delete_db_cluster",
        *_RETIRED,
        why="RDS wants the right on the final snapshot too, whether one is asked for or not.",
    ),
    *grants("rds", "modify_db_instance create_db_snapshot", *_RETIRED, by_aws=True),
    *grants(
        "rds", "create_db_cluster_endpoint describe_db_cluster_endpoints", CLUSTERS, ENDPOINTS,
        why="The name of a custom endpoint is free; the code takes away only those that the replaced cluster shows.",
    ),
    *grants("rds", "delete_db_cluster_endpoint", ENDPOINTS),
    *grants(
        "secretsmanager", "create_secret tag_resource", MASTER_SECRETS, by_aws=True,
        why="RDS makes the master secret in the name of who asks for it.",
    ),
    *grants("kms", "describe_key decrypt generate_data_key", KEYS, by_aws=True, condition="through either"),
    *grants("kms", "create_grant", KEYS, by_aws=True, condition="through either, for a resource"),
    *grants(
        "rds", "delete_db_instance", SCALED_INSTANCES,
        why="Readers that Application Auto Scaling added to the cluster that goes.",
    ),
)  # fmt: skip

SCALE: Grants = (
    *grants("application-autoscaling", "describe_scalable_targets", EVERYTHING),
    *grants(
        "application-autoscaling", "register_scalable_target", SCALABLE_TARGETS, condition="readers of Aurora",
        why="ARNs of Application Auto Scaling hold no names: the dimension restricts it to readers of Aurora.",
    ),
    *grants(
        "rds",
        "create_db_instance delete_db_instance add_tags_to_resource describe_db_clusters describe_db_instances",
        EVERYTHING,
        by_aws=True,
        condition="through a service",
        why="It tries these in the caller's name, with requests that change nothing; the role itself cannot use them.",
    ),
    *grants(
        "cloudwatch", "put_metric_alarm describe_alarms delete_alarms", EVERYTHING, by_aws=True,
        condition="through a service",
    ),
)  # fmt: skip
SEE_SCALING = grants("application-autoscaling", "describe_scaling_policies", EVERYTHING)

PUBLISH: Grants = (
    *grants("dynamodb", "delete_item", LOCKS),
    *grants("sns", "publish", TOPIC),
    *grants("kms", "decrypt generate_data_key", TOPIC_KEY, by_aws=True, only_if="NoKey"),
)
# The end of an operation: the record, the lock, the message.
CLOSE: Grants = (*grants("dynamodb", "put_item", STATE), *PUBLISH)

# Written out once, since the policies of a role's own may have 10,240 characters altogether.
MANAGED_POLICIES: Mapping[str, Grants] = {
    "RecordsPolicy": RECORD,
    "ClusterPolicy": SEE_CLUSTER,
    "InstancesPolicy": SEE_INSTANCES,
    "SecretsPolicy": READ_SECRETS,
    "KeysPolicy": USE_KEYS,
    "RestorePolicy": RESTORE,
    "GroupsPolicy": REMOVE_QUIET_GROUP,
    "RetirePolicy": RETIRE,
    "ScalingPolicy": SCALE,
    "ClosingPolicy": CLOSE,
}
