"""How long things take, and what is under way."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_DURATION_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Durations:
    """How long each kind of work takes, in seconds. A change counts for work begun after it.

    The last nine are delays that RDS has where a client does not expect them; 0 switches each of them off.

    Attributes:
        status_lag: how long a cluster or an instance goes on showing `available` after RDS has accepted a change of
            it; meanwhile only `PendingModifiedValues` shows it (terraform-provider-aws #28339, boto3 #609).
        name_release: how long a name stays taken after a rename or a deletion has given it up
            (RDS user guide, "Renaming a Multi-AZ DB cluster": about two minutes for DNS).
        busy_after_creation: how long a cluster refuses changes with InvalidDBClusterStateFault after one of its new
            instances became available, while its status flickers (Aurora user guide, "Viewing DB cluster status").
        describe_lag: how long the Describe calls show what was there before an accepted request.
        endpoint: how long a custom endpoint is `creating`, and how long it is `deleting`; its name stays taken until it
            is gone (RDS API reference, DBClusterEndpoint, `Status`; terraform-provider-aws waits for both, for up to
            30 minutes).
        parameter_group_completion: how long a new cluster parameter group must not be used: a cluster that is made with
            it before begins with the family's defaults ("wait at least 5 minutes before creating a DB cluster that
            uses that DB cluster parameter group", AuroraUserGuide; what happens otherwise is not documented).
        parameter_group_pending: how long a group has changes pending after a change, and counts a cluster that is gone
            as a member; meanwhile RDS refuses changes and the deletion with InvalidDBParameterGroupState
            (hashicorp/terraform #15071; terraform-aws-rds #78).
        parameter_status_lag: how long the members of a cluster go on showing the former status of their parameter group
            after a change of the group, and after a reboot.
        parameter_applying: how long that status is `applying` after a change of the group.
        first_instance_lag: how much longer the first instance of a cluster takes than those that are asked for after
            it; the writer is whichever is ready first (aws-cdk #30260, terraform-provider-aws #11324).

    Raises:
        ValueError: a duration that is negative or longer than a week.
    """

    # What RDS needs for its work.
    copy: float = 4.0
    restore: float = 4.0
    create: float = 2.0
    instance: float = 3.0
    password_change: float = 1.0
    modify: float = 1.0
    rename: float = 1.0
    delete: float = 1.0
    snapshot_delete: float = 0.0
    stop: float = 1.0
    start: float = 1.0
    snapshot: float = 2.0
    reboot: float = 2.5
    endpoint: float = 1.0
    dns_lag: float = 2.0
    # The delays that a client does not expect.
    status_lag: float = 0.0
    name_release: float = 0.0
    busy_after_creation: float = 0.0
    describe_lag: float = 0.0
    first_instance_lag: float = 0.0
    parameter_group_completion: float = 0.0
    parameter_group_pending: float = 0.0
    parameter_status_lag: float = 0.0
    parameter_applying: float = 0.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            seconds = getattr(self, entry.name)
            if not 0 <= seconds <= MAX_DURATION_SECONDS:
                raise ValueError(
                    f"Duration {entry.name} is {seconds} s; it must lie between 0 and {MAX_DURATION_SECONDS:.0f} s."
                )

    def changed(self, changes: dict[str, Any]) -> Durations:
        """A copy with some durations replaced.

        Raises:
            ValueError: an unknown name, or a value out of range.
        """
        known = {entry.name for entry in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"Unknown durations {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        return replace(self, **{name: float(value) for name, value in changes.items()})

    def to_json(self) -> dict[str, float]:
        return asdict(self)


ON_A_LAPTOP = Durations(
    status_lag=0.5, name_release=0.5, busy_after_creation=0.5, first_instance_lag=0.5,
    parameter_group_completion=1.0, parameter_group_pending=0.3, parameter_status_lag=0.5, parameter_applying=0.3,
)  # fmt: skip
"""What the local stack begins with: quick, and with the delays of RDS. Its Describe calls do not lag, so that a command
that looks right after it has changed something finds it."""


@dataclass(frozen=True)
class Habits:
    """What is not verified about RDS, each way that it could be.

    Attributes:
        accepts_repeated_rename: whether the same rename, asked for again while it is under way, is accepted.
        iam_authentication_stays_pending: whether the switch of IAM authentication never leaves
            `PendingModifiedValues` (terraform-provider-aws #45575).
        changing_endpoints_show: whether a cluster shows a custom endpoint that is `creating` or `deleting`.
        pending_rename_shows: whether `PendingModifiedValues` shows a rename that the status does not show yet.
        scalable_target_lost_without_cluster: whether the scalable target of a cluster's name, and its policies, are
            gone once no cluster has that name.
        default_groups_need_a_cluster: whether `default.<family>` is there only once a cluster of the family was made
            that names no group (seen: aws-cdk #2512, terraform-aws-rds-aurora #50; not seen: floci #1805).
    """

    certificate_renewed_by_reboot: bool = False
    accepts_repeated_rename: bool = False
    iam_authentication_stays_pending: bool = False
    changing_endpoints_show: bool = True
    pending_rename_shows: bool = True
    scalable_target_lost_without_cluster: bool = False
    default_groups_need_a_cluster: bool = False

    def changed(self, changes: dict[str, Any]) -> Habits:
        """A copy with some replaced. Raises ValueError for an unknown name, or a value that is not a truth value."""
        known = {entry.name for entry in fields(self)}
        wrong = sorted(
            name for name, value in changes.items() if name not in known or type(value) is not bool
        )
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a habit ({', '.join(sorted(known))}) is true or false.")
        return replace(self, **changes)


class Kind(StrEnum):
    """What a transition is about."""

    SNAPSHOT_CREATE = "snapshot-create"
    SNAPSHOT_COPY = "snapshot-copy"
    SNAPSHOT_DELETE = "snapshot-delete"
    CLUSTER_CREATE = "cluster-create"
    CLUSTER_RESTORE = "cluster-restore"
    CLUSTER_PASSWORD = "cluster-password"  # noqa: S105 - the name of a transition
    CLUSTER_IAM = "cluster-iam"
    CLUSTER_PORT = "cluster-port"
    CLUSTER_RENAME = "cluster-rename"
    CLUSTER_DELETE = "cluster-delete"
    CLUSTER_STOP = "cluster-stop"
    CLUSTER_START = "cluster-start"
    INSTANCE_CREATE = "instance-create"
    INSTANCE_MODIFY = "instance-modify"
    INSTANCE_RENAME = "instance-rename"
    INSTANCE_REBOOT = "instance-reboot"
    INSTANCE_DELETE = "instance-delete"
    ENDPOINT_CREATE = "endpoint-create"
    ENDPOINT_DELETE = "endpoint-delete"


@dataclass
class Transition:
    """One object on its way to its next status.

    `subject` is the object's resource id (a snapshot's is its ARN; a custom endpoint's, which is never renamed, is
    made of its name), so a rename loses nothing. It is over when its time has come, its work is done and nothing holds
    it; `ends_as` replaces the status it leads to.
    Until `shows_at` the object's status says nothing of it.
    """

    number: int
    kind: Kind
    region: str
    subject: str
    started_at: datetime
    ends_at: datetime
    arguments: dict[str, str] = field(default_factory=dict)
    held_by: str | None = None
    ends_as: str | None = None
    shows_at: datetime | None = None
    work: Future[Any] | None = field(default=None, repr=False, compare=False)

    def time_is_over(self, now: datetime) -> bool:
        return self.held_by is None and now >= self.ends_at

    @property
    def work_is_done(self) -> bool:
        return self.work is None or self.work.done()

    def percent(self, now: datetime) -> int:
        """Linear in time; 100 belongs to what is finished."""
        whole = (self.ends_at - self.started_at) / timedelta(seconds=1)
        spent = (now - self.started_at) / timedelta(seconds=1)
        # A transition whose engine needs longer than its time stays at 99.
        return 0 if whole <= 0 else max(0, min(99, int(100 * spent / whole)))
