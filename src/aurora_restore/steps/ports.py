"""The ports: what the steps may call. The adapters are in `aws` and `database`.

Every method observes or acts once. "Not there" is an answer (None, an empty tuple), never an error. What a
repetition can mend is raised as `TransientError`; everything else as the error of the domain that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from aurora_restore.domain.user_progress import always

if TYPE_CHECKING:
    # A function compiles what its own step needs at its cold start, and not all of the domain.
    from aurora_restore.domain.cluster_settings import SettingValues
    from aurora_restore.domain.custom_endpoints import CustomEndpoint
    from aurora_restore.domain.measures import Measured
    from aurora_restore.domain.observed import (
        ClusterSnapshot,
        Credentials,
        DatabaseEndpoint,
        DbCluster,
        DbInstance,
        EndpointAnswer,
        ExecutionState,
        KmsKey,
        LoginAttempt,
        ParameterGroup,
        Quota,
        SecurityGroup,
        SubnetGroup,
    )
    from aurora_restore.domain.restoring import ClusterToRestore, InstanceToCreate
    from aurora_restore.domain.scaling import ScalableTarget, Suspension
    from aurora_restore.domain.settings import PipelineSettings
    from aurora_restore.domain.user_progress import SetupProgress
    from aurora_restore.domain.users import DbUserLogin, UsersReport

if TYPE_CHECKING:
    from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""


class Rds(Protocol):
    """RDS in one Region."""

    @property
    def region(self) -> str: ...

    def list_cluster_snapshots(
        self, db_cluster_identifier: str | None = None, *, with_backups: bool = False
    ) -> Sequence[ClusterSnapshot]:
        """All automated and manual cluster snapshots of the account, or of one cluster; every page.

        `with_backups`: those of AWS Backup too.
        """

    def find_cluster_snapshot(self, identifier_or_arn: str) -> ClusterSnapshot | None: ...

    def copy_cluster_snapshot(
        self,
        source: ClusterSnapshot,
        source_region: str,
        target_identifier: str,
        kms_key_id: str | None,
        tags: Mapping[str, str],
    ) -> None:
        """Start a copy in this (the destination) Region.

        Raises:
            CopySlotsInUse: five copies are in flight already; wait.
            QuotaExceeded: no room for another manual cluster snapshot.
            KmsKeyNotAccessible, SnapshotNotFound, StepFailed.
        """

    def find_cluster(self, db_cluster_identifier: str) -> DbCluster | None: ...

    def restore_cluster_from_snapshot(self, cluster: ClusterToRestore) -> None:
        """Raises QuotaExceeded, …"""

    def list_clusters(self) -> Sequence[DbCluster]:
        """All Aurora clusters of the account in this Region; every page."""

    def rename_cluster(self, db_cluster_identifier: str, new_db_cluster_identifier: str) -> None:
        """Begin a rename. Raises ResourceBusy where the cluster is not `available`; a cluster that is gone or a
        name that is taken is left to the next observation."""

    def modify_cluster(self, db_cluster_identifier: str, settings: SettingValues) -> None:
        """Ask for settings, applied immediately. Raises ResourceBusy, …"""

    def manage_master_secret(self, db_cluster_identifier: str, kms_key_id: str | None) -> None:
        """Let RDS manage the master user's password from now on. Raises ResourceBusy, …"""

    def add_role(self, db_cluster_identifier: str, role_arn: str, feature_name: str) -> None: ...

    def enable_data_api(self, db_cluster_arn: str) -> None: ...

    def list_custom_endpoints(self, cluster: DbCluster) -> Sequence[CustomEndpoint]:
        """Those of a cluster that shows any."""

    def custom_endpoint_statuses(self, cluster: DbCluster) -> Mapping[str, str]:
        """The RDS statuses of a cluster's custom endpoints, by identifier."""

    def create_custom_endpoint(self, db_cluster_identifier: str, endpoint: CustomEndpoint) -> None:
        """Raises ResourceBusy where the cluster is busy, or the endpoint's name is taken."""

    def delete_custom_endpoint(self, identifier: str) -> None: ...

    def start_cluster(self, db_cluster_identifier: str) -> None: ...

    def stop_cluster(self, db_cluster_identifier: str) -> None: ...

    def delete_instance(self, db_instance_identifier: str) -> None: ...

    def delete_cluster(self, db_cluster_identifier: str, *, keep_automated_backups: bool) -> None:
        """Delete a cluster without a final snapshot: the caller has made and proved one, or is to make none."""

    def create_cluster_snapshot(
        self, db_cluster_identifier: str, cluster_snapshot_identifier: str, tags: Mapping[str, str]
    ) -> None:
        """Raises QuotaExceeded, ResourceBusy, …; an existing snapshot of that name is left to the next call."""

    def delete_cluster_snapshot(self, cluster_snapshot_identifier: str) -> None: ...

    def find_global_cluster_of(self, db_cluster_arn: str) -> str | None:
        """The identifier of the global cluster that a cluster is a member of."""

    def modify_cluster_master_password(self, db_cluster_identifier: str, password: str) -> None: ...

    def list_cluster_instances(self, db_cluster_identifier: str) -> Sequence[DbInstance]: ...

    def reboot_instance(self, db_instance_identifier: str) -> None:
        """Raises ResourceBusy where it is not `available`."""

    def find_instance(self, db_instance_identifier: str) -> DbInstance | None: ...

    def create_instance(self, instance: InstanceToCreate) -> None:
        """Raises QuotaExceeded, …"""

    def find_subnet_group(self, db_subnet_group_name: str) -> SubnetGroup | None: ...

    def find_cluster_parameter_group(self, name: str) -> ParameterGroup | None: ...

    def list_cluster_parameter_groups(self) -> Sequence[ParameterGroup]:
        """All of the account in this Region; every page."""

    def group_tags(self, group: ParameterGroup) -> Mapping[str, str]:
        """The tags of a cluster parameter group; empty where it is gone."""

    def cluster_parameters(self, name: str) -> Mapping[str, str | None]:
        """The parameters of a group that can be changed, and their values; every page."""

    def create_cluster_parameter_group(
        self, name: str, family: str, description: str, tags: Mapping[str, str]
    ) -> None:
        """With the defaults of the family. Raises QuotaExceeded, …; an existing one is left to the next call."""

    def copy_cluster_parameter_group(
        self, source: str, name: str, description: str, tags: Mapping[str, str]
    ) -> None:
        """Raises ParameterGroupNotFound, QuotaExceeded, …; an existing one is left to the next call."""

    def set_cluster_parameters(self, name: str, values: Mapping[str, str]) -> None:
        """Raises ResourceBusy where the group has changes pending."""

    def reset_cluster_parameters(self, name: str, parameters: Sequence[str]) -> None:
        """Back to the defaults of the family. Raises ResourceBusy where the group has changes pending."""

    def delete_cluster_parameter_group(self, name: str) -> None:
        """Raises ResourceBusy where a cluster has it, or had it until a while ago."""

    def find_parameter_group(self, name: str) -> ParameterGroup | None: ...

    def parameter_group_family(self, engine: str, engine_version: str) -> str | None:
        """The family that the engine version belongs to; None where the Region does not offer the version."""

    def is_instance_class_orderable(
        self, engine: str, engine_version: str, db_instance_class: str
    ) -> bool: ...

    def count_retained_backups(self) -> int:
        """How many automated backups of deleted clusters are retained in the Region."""

    def quotas(self) -> Mapping[str, Quota]: ...

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None: ...

    def remove_tags(self, arn: str, keys: Sequence[str]) -> None: ...


class Scaling(Protocol):
    """Application Auto Scaling of the readers of Aurora clusters in the target Region. A target goes by the name."""

    def find_target(self, db_cluster_identifier: str) -> ScalableTarget | None: ...

    def policy_names(self, db_cluster_identifier: str) -> Sequence[str]:
        """Of the policies that scale it; every page."""

    def suspend(self, db_cluster_identifier: str, suspension: Suspension) -> None:
        """Set what of a registered target is suspended, and nothing else of it. Raises AwsRequestFailed where no
        cluster has the name, or no target is registered."""

    def register(self, target: ScalableTarget) -> None:
        """Register it anew, or set all of it. Raises QuotaExceeded, AwsRequestFailed."""


class Network(Protocol):
    def find_security_groups(self, group_ids: Sequence[str]) -> Mapping[str, SecurityGroup]:
        """The groups that exist, by id; those that do not are left out."""


class Keys(Protocol):
    def find_key(self, kms_key_id: str, region: str | None = None) -> KmsKey | None:
        """Accepts a key id, a key ARN, an alias name or an alias ARN. Raises KmsKeyNotAccessible.

        Without a Region: in the target Region.
        """


class Secrets(Protocol):
    def read_credentials(self, secret_id: str) -> Credentials:
        """Raises SecretNotFound, SecretNotAccessible, SecretMalformed. Never puts the value in a message."""


class Records(Protocol):
    """The state table. Items are plain JSON-like mappings (str, int, float, bool, None, list, dict)."""

    def create(self, item: Mapping[str, Any]) -> bool:
        """Write a new record; False where one with this `operation_id` exists."""

    def load(self, operation_id: str) -> dict[str, Any] | None:
        """Consistent read."""

    def update(
        self,
        operation_id: str,
        changes: Mapping[str, Any],
        only_if_status: str | None = None,
        only_if: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set fields (`phases.CopySnapshot` reaches into a map); False where a condition fails.

        `only_if`: the values that fields must have, by their paths; None for one that must be missing.
        """

    def list_by_status(self, status: str, since: datetime | None, limit: int) -> Sequence[dict[str, Any]]:
        """Newest first, through the index."""


class Audit(Protocol):
    def append(self, item: Mapping[str, Any]) -> None:
        """Add one audit event, by its `operation_id` and `event_id`. One that exists stays as it is."""

    def trail(self, operation_id: str) -> Sequence[dict[str, Any]]:
        """All events of an operation, oldest first, every page."""


class Locks(Protocol):
    def acquire(
        self, target_cluster_id: str, operation_id: str, now: datetime, replaces: str | None = None
    ) -> bool:
        """Take the lock, or find it ours; with `replaces`, take it over from exactly that owner."""

    def owner(self, target_cluster_id: str) -> str | None: ...

    def list_owners(self) -> Mapping[str, str]:
        """The operation id that owns the lock of each target."""

    def release(self, target_cluster_id: str, operation_id: str) -> None:
        """Give it back if it is ours; otherwise nothing happens."""


class Notifications(Protocol):
    def publish(
        self, subject: str, text: str, message: Mapping[str, Any], attributes: Mapping[str, str]
    ) -> str:
        """One message: `text` for readers, then `message` as JSON for programs. Returns its id."""


class Databases(Protocol):
    """The database servers behind clusters, over verified TLS."""

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt: ...

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        """Resolve the host, verify its certificate, log in, and ask the database which instance it is."""

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
        begun: SetupProgress | None = None,
        has_time: Callable[[], bool] = always,
    ) -> UsersReport:
        """Bring the users to what was requested and check each; a second call changes nothing.

        `begun`: what an earlier call, which did not finish, has reported. `has_time`: asked again and again; once it
        says no, the call ends as soon as it can, and its report is `unfinished`.

        Raises:
            DatabaseUnreachable: no answer (retryable).
            DbUserSetupFailed: a user could not be made, or a check did not hold.
        """

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        """What came along beside rows, and what of it would act. A database that is closed fails nothing.

        `begun`: what an earlier call, which did not finish, has reported. `has_time`: asked again and again; once it
        says no, the call ends as soon as it can, and its survey is `unfinished`. So it is where enough was found of
        what the caller takes out first (`is_wanted`).

        Raises:
            DatabaseBusy, DatabaseUnreachable: the server takes no work now, or gives no answer (both retryable).
            MasterLoginRefused: user or password is wrong, or no database lets the master in.
            CopyNotQuiet: the server refuses the survey itself, so that it is unknown whether the copy acts.
        """

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        """Take out what a survey found; a second call changes nothing. Reports what was refused, and what is left.

        Each is taken out whole or not at all. Once `has_time` says no, the rest is left. Raises as `survey_copy`.
        """


class Executions(Protocol):
    """The executions of the main state machine, and the starts of both."""

    def describe_arn(self, execution_arn: str) -> ExecutionState | None:
        """None where Step Functions does not know it (any more)."""

    def stop_arn(self, execution_arn: str, error: str, cause: str) -> None:
        """Stop one that runs; one that has ended stays as it ended."""

    def start_cleanup(self, operation_id: str, execution_arn: str, attempt: str) -> None:
        """Start the cleanup machine for an operation. The same `attempt` made twice is one execution."""

    def start_restore(self, operation_id: str, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Start the main machine, and return None; where an execution has the name already, return its request."""


class Metrics(Protocol):
    """Where measures go."""

    def put(self, measured: Measured) -> None:
        """Publish. It asks nothing of AWS and raises nothing: no run waits for a measure."""


class RdsRegions(Protocol):
    def __call__(self, region: str) -> Rds:
        """RDS of a Region."""


@dataclass(frozen=True)
class Ports:
    """Everything that a step may reach, put together by the entry points and by the tests."""

    settings: PipelineSettings
    clock: Clock
    rds: RdsRegions
    network: Network
    scaling: Scaling
    keys: Keys
    secrets: Secrets
    records: Records
    audit: Audit
    locks: Locks
    notifications: Notifications
    databases: Databases
    executions: Executions
    metrics: Metrics

    @property
    def target_rds(self) -> Rds:
        return self.rds(self.settings.target_region)
