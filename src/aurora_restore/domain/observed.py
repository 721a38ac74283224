"""What was observed: objects of RDS in the words of RDS, reduced to what decisions need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aurora_restore.domain.cluster_settings import ClusterSettings, InstanceSettings
from aurora_restore.domain.engines import POSTGRESQL
from aurora_restore.domain.rds_statuses import SERVING_STATUSES
from aurora_restore.domain.states import ExecutionStatus


@dataclass(frozen=True)
class ClusterSnapshot:
    """An Aurora DB cluster snapshot. `snapshot_create_time` is absent while it is being created."""

    db_cluster_snapshot_identifier: str
    db_cluster_snapshot_arn: str
    db_cluster_identifier: str
    status: str
    snapshot_type: str
    engine: str
    engine_version: str
    master_username: str
    db_cluster_resource_id: str = ""
    snapshot_create_time: datetime | None = None
    percent_progress: int = 0
    port: int | None = None
    storage_encrypted: bool = False
    kms_key_id: str | None = None
    source_db_cluster_snapshot_arn: str | None = None
    iam_authentication: bool = False
    storage_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DbCluster(ClusterSettings):
    """An Aurora DB cluster as DescribeDBClusters shows it.

    `pending_modified_values`: what RDS has accepted and does not show yet, by the names that it has here.
    """

    db_cluster_identifier: str
    db_cluster_arn: str
    status: str
    engine: str
    engine_version: str
    master_username: str
    db_cluster_resource_id: str = ""
    endpoint: str | None = None
    reader_endpoint: str | None = None
    percent_progress: int | None = None
    storage_encrypted: bool = False
    custom_endpoints: tuple[str, ...] = ()
    member_identifiers: tuple[str, ...] = ()
    parameter_group_statuses: Mapping[str, str] = field(default_factory=dict)
    managed_master_secret: str | None = None
    managed_master_secret_status: str | None = None
    managed_master_secret_kms_key_id: str | None = None
    kerberos_domains: tuple[str, ...] = ()
    activity_stream_mode: str | None = None
    local_write_forwarding: bool = False
    pending_modified_values: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


# So Application Auto Scaling names the readers that it adds to a cluster. They come and go with the load.
AUTO_SCALED_PREFIX = "application-autoscaling-"


def is_auto_scaled(db_instance_identifier: str) -> bool:
    """Whether a reader was added by Application Auto Scaling, which goes by the cluster's name and adds its own."""
    return db_instance_identifier.startswith(AUTO_SCALED_PREFIX)


@dataclass(frozen=True)
class DbInstance(InstanceSettings):
    """A member of an Aurora DB cluster as DescribeDBInstances shows it."""

    db_instance_identifier: str
    db_instance_arn: str
    db_cluster_identifier: str
    status: str
    db_instance_class: str
    engine: str
    promotion_tier: int | None = None
    port: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def not_serving(cluster: DbCluster, instances: Iterable[DbInstance]) -> list[str]:
    """What of a cluster does not serve now, each with its status, in words.

    A list and not a map by name: an instance may have the name of its cluster.
    """
    statuses = [
        (cluster.db_cluster_identifier, cluster.status),
        *((item.db_instance_identifier, item.status) for item in instances),
    ]
    return [f"{name} is `{status}`" for name, status in statuses if status not in SERVING_STATUSES]


@dataclass(frozen=True)
class SubnetGroup:
    db_subnet_group_name: str
    vpc_id: str
    status: str
    availability_zones: tuple[str, ...]


@dataclass(frozen=True)
class SecurityGroup:
    group_id: str
    group_name: str
    vpc_id: str


@dataclass(frozen=True)
class ParameterGroup:
    name: str
    family: str
    arn: str = ""


@dataclass(frozen=True)
class KmsKey:
    """`key_state` as KMS spells it: Enabled, Disabled, PendingDeletion, …"""

    key_id: str
    arn: str
    key_state: str
    key_usage: str = "ENCRYPT_DECRYPT"


@dataclass(frozen=True)
class Quota:
    """One account quota of RDS, as DescribeAccountAttributes names it (`DBClusters`, `ManualClusterSnapshots`)."""

    name: str
    used: int
    maximum: int

    @property
    def room(self) -> int:
        return max(0, self.maximum - self.used)


@dataclass(frozen=True)
class Credentials:
    """A database login. Its repr does not show the password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class DatabaseEndpoint:
    """Where a database server answers: `host` is the name that its certificate must carry."""

    host: str
    port: int
    engine: str = POSTGRESQL


INVALID_AUTHORIZATION = "28000"


class LoginOutcome(StrEnum):
    """BUSY: the server answers, and takes no login just now (it is starting, or all its connections are in use)."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    BUSY = "BUSY"
    UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True)
class LoginAttempt:
    """How a login went, and why, in words that hold no secret. `sqlstate` is the server's own, where it refused.

    `helps_no_password`: whether any password would be refused, where the SQLSTATE does not show it.
    """

    outcome: LoginOutcome
    reason: str
    sqlstate: str | None = None
    helps_no_password: bool | None = None

    @property
    def is_refused_for_no_password(self) -> bool:
        """Whether no password would help: the account may not log in, logs in by IAM, or comes from a host that is
        not let in.

        MySQL has error numbers for it. PostgreSQL says 28P01 of a password, and 28000 of all else: PAM, which is how
        Aurora checks members of rds_iam, a role that may not log in, a host that is not let in.
        """
        if self.helps_no_password is not None:
            return self.outcome is LoginOutcome.REFUSED and self.helps_no_password
        return self.outcome is LoginOutcome.REFUSED and self.sqlstate == INVALID_AUTHORIZATION


class EndpointAnswerKind(StrEnum):
    """LOGGED_IN, LOGIN_REFUSED: over TLS that was verified with the host name. OTHER_CERTIFICATE: a trusted authority
    vouches for other names than this. NO_ANSWER: no connection. UNKNOWN_NAME: DNS does not know the host."""

    LOGGED_IN = "LOGGED_IN"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    OTHER_CERTIFICATE = "OTHER_CERTIFICATE"
    NO_ANSWER = "NO_ANSWER"
    UNKNOWN_NAME = "UNKNOWN_NAME"


@dataclass(frozen=True)
class EndpointAnswer:
    """Who answers at an endpoint. `instance_identifier` is what the database itself says that it is."""

    kind: EndpointAnswerKind
    reason: str
    instance_identifier: str | None = None
    certificate_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExecutionState:
    """An execution of the main state machine; `error` and `cause` are set once it ended badly."""

    execution_arn: str
    name: str
    status: str
    start_time: datetime
    stop_time: datetime | None = None
    error: str | None = None
    cause: str | None = None
    input: object = None

    @property
    def is_running(self) -> bool:
        return self.status == ExecutionStatus.RUNNING
