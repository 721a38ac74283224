"""Everything that can be done to RDS, and to the auto scaling of its readers: one frozen type for each.

An act is a value: a rule decides on it, a test compares it, and `steps/perform.py` alone carries it out. It says under
which word the record keeps when it was asked for, what is waited for afterwards, and why. `describe` says what was
done, for the audit event and the message about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from aurora_restore.domain.values import Value

if TYPE_CHECKING:
    # A function compiles what its own step needs at its cold start, and not all of the domain.
    from aurora_restore.domain.cluster_settings import ClusterRole, SettingValues
    from aurora_restore.domain.custom_endpoints import CustomEndpoint
    from aurora_restore.domain.observed import ClusterSnapshot
    from aurora_restore.domain.restoring import ClusterToRestore, InstanceToCreate
    from aurora_restore.domain.scaling import ScalableTarget, Suspension


class Change(Value):
    """What every act has.

    Attributes:
        name: what is changed, as the record keeps it.
        kind: the word under which the record keeps when it was asked for, e.g. `rename_new_in`.
        reason: why, or what goes on from now: the message of the step.
        event: what its audit event calls it, after whose it is: `reboot` in `certificate.reboot`.
        waits_for: the wait that begins with it.
        percent: the progress that the step reports.
        also: what else the record is to say before the request is made.
        makes: whether something comes to exist that did not before.
        is_timed: whether a cleanup writes down when it asked for it, as a run does for everything: RDS may show it
            late, or refuse it for a while, so that a later call needs the time.
    """

    name: str
    kind: str = field(default="", kw_only=True)
    reason: str = field(default="", kw_only=True)
    event: str = field(default="", kw_only=True)
    waits_for: str = field(default="change", kw_only=True)
    percent: int = field(default=50, kw_only=True)
    also: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    makes: ClassVar[bool] = False
    is_timed: ClassVar[bool] = False

    def describe(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Wait:
    """Nothing to do yet, and why.

    `reported_percent`: what RDS says of it. `subject`: what exactly is waited for, where the reason may change while it
    is. `is_unseen`: a cluster that must exist shows under none of its names.
    """

    waits_for: str
    reason: str
    percent: int = 50
    reported_percent: int | None = None
    subject: str = ""
    is_unseen: bool = False


@dataclass(frozen=True)
class Done:
    """Nothing is left to do, and why: where that is what a person reads."""

    reason: str


@dataclass(frozen=True)
class Leave:
    """It is not as it should be, and is left so, and why: a warning says it."""

    reason: str


# --- Clusters ---------------------------------------------------------------------------------------------------
class RestoreCluster(Change):
    """`cluster`: what RDS is asked for."""

    snapshot: str
    cluster: ClusterToRestore
    kind: str = field(default="cluster", kw_only=True)
    waits_for: str = field(default="cluster", kw_only=True)
    makes: ClassVar[bool] = True

    def describe(self) -> str:
        return f"restored {self.name} from {self.snapshot}"


class RenameCluster(Change):
    new_name: str
    waits_for: str = field(default="rename", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"renamed {self.name} to {self.new_name}"


class StartCluster(Change):
    kind: str = field(default="start", kw_only=True)
    event: str = field(default="start", kw_only=True)
    waits_for: str = field(default="start", kw_only=True)

    def describe(self) -> str:
        return f"started {self.name}"


class StopCluster(Change):
    kind: str = field(default="stop", kw_only=True)
    event: str = field(default="stop", kw_only=True)
    waits_for: str = field(default="stop", kw_only=True)

    def describe(self) -> str:
        return f"stopped {self.name}"


class DeleteCluster(Change):
    """`may_lose_backups`: its last state is proved to be in its final snapshot, so that it may go without its automated
    backups where there is no room for them."""

    keep_backups: bool
    may_lose_backups: bool
    kind: str = field(default="delete_cluster", kw_only=True)
    event: str = field(default="delete_cluster", kw_only=True)
    waits_for: str = field(default="cluster_deleted", kw_only=True)

    def describe(self) -> str:
        return f"deleted the cluster {self.name}"


class ModifyCluster(Change):
    settings: SettingValues
    event: str = field(default="change_cluster", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"gave {self.name} its {', '.join(self.settings)}"


class ChangePort(Change):
    """The fence, which ends all sessions, and its lifting."""

    port: int
    is_fence: bool
    event: str = field(default="fence", kw_only=True)
    waits_for: str = field(default="fence", kw_only=True)

    @property
    def settings(self) -> SettingValues:
        return {"port": self.port}

    def describe(self) -> str:
        return (
            f"ended the sessions of {self.name}" if self.is_fence else f"let clients reach {self.name} again"
        )


class LiftProtection(Change):
    @property
    def settings(self) -> SettingValues:
        return {"deletion_protection": False}

    def describe(self) -> str:
        return f"lifted the protection of {self.name}"


class ChangeMasterPassword(Change):
    password: str = field(repr=False)
    kind: str = field(default="password", kw_only=True)
    waits_for: str = field(default="password", kw_only=True)

    def describe(self) -> str:
        return f"changed the master password of {self.name}"


class ManageMasterPassword(Change):
    """RDS manages the password from now on, in a secret of its own under this key."""

    kms_key_id: str | None
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"let RDS manage the password of the master user of {self.name}"


class ExportLogs(Change):
    log_types: Sequence[str]
    is_timed: ClassVar[bool] = True

    @property
    def settings(self) -> SettingValues:
        return {"cloudwatch_logs_exports": self.log_types}

    def describe(self) -> str:
        return f"let {self.name} export its logs: {', '.join(self.log_types)}"


class AddRole(Change):
    role: ClusterRole
    event: str = field(default="add_role", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"gave {self.name} the role {self.role.role_arn}"


class EnableDataApi(Change):
    arn: str
    event: str = field(default="data_api", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"turned on the Data API of {self.name}"


# --- Instances --------------------------------------------------------------------------------------------------
class CreateInstance(Change):
    """`instance`: what RDS is asked for."""

    instance: InstanceToCreate
    waits_for: str = field(default="instances", kw_only=True)
    makes: ClassVar[bool] = True

    def describe(self) -> str:
        return f"created the instance {self.name}"


class RebootInstance(Change):
    event: str = field(default="reboot", kw_only=True)
    waits_for: str = field(default="reboot", kw_only=True)

    def describe(self) -> str:
        return f"rebooted the instance {self.name}"


class DeleteInstance(Change):
    cluster: str
    event: str = field(default="delete_instance", kw_only=True)
    waits_for: str = field(default="instances_deleted", kw_only=True)

    def describe(self) -> str:
        return f"deleted the instance {self.name} of {self.cluster}"


# --- Snapshots and tags -----------------------------------------------------------------------------------------
class CopySnapshot(Change):
    """`name`: that of the copy."""

    source: ClusterSnapshot
    source_region: str
    kms_key_id: str | None
    tags: Mapping[str, str]
    kind: str = field(default="copy", kw_only=True)
    waits_for: str = field(default="copy", kw_only=True)
    makes: ClassVar[bool] = True

    def describe(self) -> str:
        return f"started the copy {self.name}"


class TakeSnapshot(Change):
    """The final snapshot of a cluster. `name`: that of the cluster."""

    snapshot: str
    tags: Mapping[str, str]
    kind: str = field(default="take_final_snapshot", kw_only=True)
    event: str = field(default="take_final_snapshot", kw_only=True)
    waits_for: str = field(default="final_snapshot", kw_only=True)

    def describe(self) -> str:
        return f"took the snapshot {self.snapshot}"


class DeleteSnapshot(Change):
    """`what`: which snapshot it is, in words."""

    what: str = "the snapshot"
    waits_for: str = field(default="snapshot_deleted", kw_only=True)

    def describe(self) -> str:
        return f"deleted {self.what} {self.name}"


class Tag(Change):
    arn: str
    tags: Mapping[str, str]
    waits_for: str = field(default="mark", kw_only=True)

    def describe(self) -> str:
        return f"marked {self.name} as replaced"


class Untag(Change):
    arn: str
    keys: Sequence[str]
    waits_for: str = field(default="mark", kw_only=True)

    def describe(self) -> str:
        return f"marked {self.name} as no longer replaced"


# --- Parameter groups -------------------------------------------------------------------------------------------
class MakeParameterGroup(Change):
    """With the values of the group `source`, or with the defaults of the family where that is None."""

    source: str | None
    family: str
    description: str
    tags: Mapping[str, str]
    waits_for: str = field(default="quiet_group", kw_only=True)
    makes: ClassVar[bool] = True

    def describe(self) -> str:
        return f"made the parameter group {self.name}"


class SetParameters(Change):
    values: Mapping[str, str]
    waits_for: str = field(default="quiet_group", kw_only=True)

    def describe(self) -> str:
        return f"set {', '.join(self.values)} of the parameter group {self.name}"


class ResetParameters(Change):
    parameters: Sequence[str]
    waits_for: str = field(default="quiet_group", kw_only=True)

    def describe(self) -> str:
        return f"gave the parameter group {self.name} the defaults of its family"


class DeleteParameterGroup(Change):
    waits_for: str = field(default="quiet_group", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"deleted the parameter group {self.name}"


# --- Custom endpoints and auto scaling --------------------------------------------------------------------------
class MakeEndpoint(Change):
    cluster: str
    endpoint: CustomEndpoint
    event: str = field(default="make", kw_only=True)
    waits_for: str = field(default="custom_endpoints", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"gave the custom endpoint {self.name} to {self.cluster}"


class DropEndpoint(Change):
    """From the cluster that has it, for `cluster`."""

    cluster: str
    event: str = field(default="drop", kw_only=True)
    waits_for: str = field(default="custom_endpoints", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"took the custom endpoint {self.name} for {self.cluster}"


class SuspendScaling(Change):
    """`suspension`: what is suspended of it from now on; setting it back is the same request."""

    suspension: Suspension
    waits_for: str = field(default="scaling", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"{'suspended' if self.suspension.is_complete else 'set back'} the auto scaling of {self.name}"


class RegisterScaling(Change):
    target: ScalableTarget
    waits_for: str = field(default="scaling", kw_only=True)
    is_timed: ClassVar[bool] = True

    def describe(self) -> str:
        return f"registered the scalable target of {self.name}"


ClusterAct = RestoreCluster | RenameCluster | StartCluster | StopCluster | DeleteCluster
SettingsAct = ModifyCluster | ChangePort | LiftProtection | ExportLogs
OtherSettingsAct = ManageMasterPassword | ChangeMasterPassword | AddRole | EnableDataApi
InstanceAct = CreateInstance | RebootInstance | DeleteInstance
SnapshotAct = CopySnapshot | TakeSnapshot | DeleteSnapshot | Tag | Untag
GroupAct = MakeParameterGroup | SetParameters | ResetParameters | DeleteParameterGroup
NameAct = MakeEndpoint | DropEndpoint | SuspendScaling | RegisterScaling
Act = ClusterAct | SettingsAct | OtherSettingsAct | InstanceAct | SnapshotAct | GroupAct | NameAct
