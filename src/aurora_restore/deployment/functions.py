"""The functions that are deployed, one row each.

A row is the source of the log group, the role, the function and the handler in the templates, of what a state machine
may call, and of the tests of the permissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aurora_restore.deployment import grants as may
from aurora_restore.deployment.grants import Grants, grants
from aurora_restore.domain.naming import AUDIT_TABLE, STATE_TABLE

PREFIX = "aurora-restore-"

# The variables of every function; CloudFormation puts in `${…}`.
ENVIRONMENT: Mapping[str, str] = {
    "STATE_TABLE_NAME": STATE_TABLE,
    "AUDIT_TABLE_NAME": AUDIT_TABLE,
    "SNS_TOPIC_ARN": "${NotificationTopic}",
    "ADMIN_SECRET_ID": "${AdminSecretId}",
    "DEFAULT_DB_INSTANCE_CLASS": "${DefaultDbInstanceClass}",
    "DEFAULT_SOURCE_REGION": "${DefaultSourceRegion}",
    "TARGET_CLUSTER_PREFIX": "${TargetClusterPrefix}",
    "COPY_RETENTION_DAYS": "${CopyRetentionDays}",
    "RECORD_RETENTION_DAYS": "${RecordRetentionDays}",
    "PHASE_TIMEOUT_HOURS": "${PhaseTimeoutHours}",
    "QUARANTINE_SECURITY_GROUP_IDS": "${QuarantineSecurityGroupIds}",
}


@dataclass(frozen=True)
class Function:
    """A function: its name without the prefix, what it does, its limit in seconds, and what it may do.

    `role` is the function whose role it shares; its own where that is empty. `environment` are variables besides those
    that every function has.
    """

    name: str
    purpose: str
    timeout: int
    grants: Grants
    memory: int = 256
    in_vpc: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    role: str = ""

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    @property
    def logical_id(self) -> str:
        """The beginning of the names of its resources in the template: `CopySnapshot`."""
        return logical_id(self.name)

    @property
    def handler(self) -> str:
        return f"aurora_restore.handlers.{self.name.replace('-', '_')}"

    @property
    def role_owner(self) -> str:
        return self.role or self.name


def logical_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "snapshot-check", "Checks the request and writes the plan", 120,
        (
            *may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES, *may.READ_SECRETS,
            *grants("dynamodb", "get_item put_item", may.STATE, may.LOCKS),
            *grants("dynamodb", "query", may.STATE_INDEXES),
            *grants("rds", "describe_db_cluster_snapshots", may.ANY_CLUSTER_ANYWHERE, may.ANY_SNAPSHOT_ANYWHERE),
            *grants("rds", "describe_global_clusters", may.GLOBAL_CLUSTERS),
            *grants("rds", "describe_db_cluster_endpoints", may.CLUSTERS, may.ENDPOINTS),
            *grants("rds", "describe_db_cluster_automated_backups", may.AUTOMATED_BACKUPS),
            *grants(
                "rds", "describe_db_subnet_groups describe_db_cluster_parameter_groups describe_db_parameter_groups",
                may.SUBNET_GROUPS, may.CLUSTER_GROUPS, may.INSTANCE_GROUPS,
            ),
            *grants(
                "rds",
                "describe_db_engine_versions describe_orderable_db_instance_options describe_account_attributes",
                may.EVERYTHING, why="These actions cannot be restricted to resources.",
            ),
            *grants("ec2", "describe_security_groups", may.EVERYTHING),
            *grants("application-autoscaling", "describe_scalable_targets", may.EVERYTHING),
            *may.SEE_SCALING,
            *grants(
                "kms", "describe_key", may.KEYS_ANYWHERE,
                why="The key of the snapshot is in the source Region, whichever that is.",
            ),
        ),
        # The plan says when the functions that talk to databases have no network of their own.
        environment={"DATABASE_SUBNET_IDS": "${SubnetIds}"},
    ),
    Function(
        "copy-snapshot", "Copies the snapshot into this Region", 60,
        (
            *may.RECORD, *may.USE_KEYS,
            *grants("rds", "describe_db_cluster_snapshots", may.ANY_CLUSTER_ANYWHERE, may.ANY_SNAPSHOT_ANYWHERE),
            *grants(
                "rds", "copy_db_cluster_snapshot", may.ANY_SNAPSHOT_ANYWHERE,
                why="The source may have any name in any Region; a copy never overwrites anything.",
            ),
            *grants("rds", "add_tags_to_resource", may.COPIES),
        ),
    ),
    Function(
        "restore-cluster", "Restores the cluster and its instances", 120,
        (
            *may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES, *may.READ_SECRETS, *may.USE_KEYS, *may.RESTORE,
            *may.REMOVE_QUIET_GROUP,
            *grants(
                "rds",
                "create_db_cluster_parameter_group modify_db_cluster_parameter_group reset_db_cluster_parameter_group "
                "describe_db_cluster_parameters add_tags_to_resource",
                may.QUIET_GROUPS,
            ),
            *grants("rds", "copy_db_cluster_parameter_group", may.CLUSTER_GROUPS),
            *grants("rds", "reboot_db_instance", may.INSTANCES),
        ),
        in_vpc=True,
    ),
    Function(
        # The longest limit: it works through every database of the server, and there may be hundreds.
        "setup-db-users", "Makes the database users and checks them", 600,
        (*may.RECORD, *may.SEE_CLUSTER, *may.READ_SECRETS),
        in_vpc=True,
    ),
    Function(
        "verify-restore", "Compares what was asked with what exists", 60,
        (*may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES),
    ),
    Function(
        "switch-over", "Renames the old cluster away and the new one into place", 120,
        (
            *may.RECORD, *may.SEE_CLUSTER, *may.SCALE, *may.SEE_SCALING,
            *grants("rds", "modify_db_cluster", may.CLUSTERS, may.INSTANCES),
            *grants(
                "rds", "modify_db_instance", may.CLUSTERS, may.INSTANCES, by_aws=True,
                why="RDS may want a change of a cluster on its instances too.",
            ),
        ),
    ),
    Function(
        "prove-endpoint", "Looks at the new cluster as its clients do", 120,
        (
            *may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES, *may.READ_SECRETS,
            *grants(
                "rds", "reboot_db_instance", may.INSTANCES,
                why="What renews the certificate of a cluster that was renamed.",
            ),
            # Stopping and starting renews a certificate, too, where a restart did not.
            *grants("rds", "stop_db_cluster start_db_cluster", may.CLUSTERS),
        ),
        in_vpc=True,
    ),
    Function(
        "retire-replaced", "Keeps the old cluster for a while, or deletes it; deletes that of a rehearsal", 120,
        (*may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES, *may.RETIRE, *may.SCALE, *may.SEE_SCALING),
    ),
    Function(
        "archive-snapshot", "Marks the copy with its last day", 60,
        (
            *may.RECORD,
            *grants("rds", "describe_db_cluster_snapshots", may.ANY_CLUSTER, may.COPIES),
            *grants("rds", "add_tags_to_resource", may.COPIES),
        ),
    ),
    Function("notify", "Publishes the message and closes the record", 60, (*may.RECORD, *may.PUBLISH)),
    # Both close an operation, so that they share a role.
    Function(
        "record-failure", "Records a failure and publishes the message", 60, (*may.RECORD, *may.CLOSE),
        role="notify",
    ),
    Function(
        "cleanup", "Cleans up after an abnormal end", 120,
        (
            *may.RECORD, *may.SEE_CLUSTER, *may.SEE_INSTANCES, *may.USE_KEYS, *may.RESTORE, *may.REMOVE_QUIET_GROUP,
            *may.RETIRE, *may.SCALE, *may.CLOSE,
            *grants("rds", "delete_db_cluster_snapshot", may.COPIES),
            *grants("dynamodb", "get_item put_item", may.LOCKS),
            *grants("stepfunctions", "describe_execution stop_execution", may.RUNS),
        ),
    ),
    Function(
        "sweep", "Finds lost ends and what has expired", 300,
        (
            *may.RECORD, *may.REMOVE_QUIET_GROUP,
            *grants("dynamodb", "query", may.STATE_INDEXES),
            *grants("rds", "describe_db_clusters describe_db_cluster_snapshots", may.ANY_CLUSTER, may.ANY_SNAPSHOT),
            *grants("rds", "describe_account_attributes", may.EVERYTHING),
            *grants("rds", "delete_db_cluster_snapshot", may.COPIES),
            *grants("stepfunctions", "describe_execution", may.RUNS),
            *grants("stepfunctions", "start_execution", may.CLEANUP),
            *grants("dynamodb", "scan delete_item", may.LOCKS),
        ),
        environment={"CLEANUP_STATE_MACHINE_ARN": "${CleanupStateMachine}"},
    ),
    Function(
        "start-scheduled", "Starts what a schedule asks for, once", 60,
        (
            *may.LOG,
            *grants("stepfunctions", "start_execution", may.RESTORES),
            *grants("stepfunctions", "describe_execution", may.RUNS),
        ),
        environment={"STATE_MACHINE_ARN": "${StateMachine}"},
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Function] = {function.name: function for function in FUNCTIONS}
