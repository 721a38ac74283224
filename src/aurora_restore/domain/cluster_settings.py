"""The settings of a cluster and of its instances: one row for each. All code that handles them loops over these rows.

CONTRIBUTING.md lists what a new setting needs besides its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from aurora_restore.domain import request_fields as parse
from aurora_restore.domain.naming import is_quiet_group, short_hash

DEFAULT_GROUP_PREFIX = "default."
PAID_SUPPORT, NO_PAID_SUPPORT = (
    "open-source-rds-extended-support",
    "open-source-rds-extended-support-disabled",
)
# Under these the record keeps when a change of settings was asked for.
RETENTION_KIND, WINDOWS_KIND, INSIGHTS_KIND = "retention", "windows", "insights"
# Values of settings, by the settings' names here. What asks RDS for something holds them, and only `aws`
# knows RDS's names. `aws` refuses a name that belongs to no setting.
SettingValues = Mapping[str, object]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Afterwards:
    """What RestoreDBClusterFromSnapshot does not take, and ModifyDBCluster does.

    `kind`: the record keeps under it when it was asked for. Each setting has its own, but for the windows, which are
    asked for together. `reason`: why, with the value at `{}`. `may_be_left`: a run goes on where RDS does not take it,
    and a warning names it.
    """

    kind: str
    reason: str = ""
    may_be_left: bool = False


@dataclass(frozen=True)
class Setting:
    """A row: what the pipeline does with one setting.

    `default`: the value where neither the request nor the replaced cluster has one.
    `asked`: how the request's field of this name is read; None: a request has no such field.
    `is_inherited`: what the request does not name is as on the replaced cluster.
    `kept`: what is kept of the value that the replaced cluster shows.
    `is_restored`: the request that makes the cluster, or the instance, takes it.
    `rds_default`: the value that such a request need not name.
    `only_with`: the setting that has to be on; a request that names this one turns that one on.
    `afterwards`: it is asked for once the cluster exists.
    `is_verified`: it is compared with the plan in the end, unless the plan leaves it to RDS.
    `none_is_unknown`: None says that RDS chooses the value, or does not show it, so it is not a difference.
    `differs_by_design`: that it differs from the replaced cluster is reported nowhere.
    `read_back`: the value from its form in the record.
    `label`: its name on the screen that shows a plan; None: it is not shown there.
    """

    name: str = ""
    default: object = None
    asked: Callable[[Any], Any] | None = None
    is_inherited: bool = True
    kept: Callable[[Any], Any] | None = None
    is_restored: bool = True
    rds_default: object = None
    only_with: str | None = None
    afterwards: Afterwards | None = None
    is_verified: bool = False
    none_is_unknown: bool = False
    differs_by_design: bool = False
    read_back: Callable[[Any], Any] | None = None
    label: str | None = None

    def applies(self, values: SettingValues) -> bool:
        """Whether these settings give it a value, and have what it needs."""
        return values[self.name] is not None and (self.only_with is None or bool(values[self.only_with]))

    def is_named(self, values: SettingValues) -> bool:
        """Whether the request that makes the cluster, or the instance, has to name it."""
        return self.is_restored and self.applies(values) and values[self.name] != self.rds_default


_ROW, _PLAIN = "setting", Setting()


def _field(default: Value, row: Setting = _PLAIN) -> Value:
    """The field of a setting, with its row."""
    return field(default=default, metadata={_ROW: row})


@dataclass(frozen=True)
class ClusterRole:
    """An IAM role that a cluster may take on, e.g. for `s3Import`."""

    role_arn: str
    feature_name: str = ""

    def __str__(self) -> str:
        return f"{self.role_arn} ({self.feature_name})" if self.feature_name else self.role_arn

    @property
    def kind(self) -> str:
        """The word under which the record keeps when the role was asked for: each has its own."""
        return f"role-{short_hash(f'{self.role_arn} {self.feature_name}')}"


def roles_from_item(roles: Any) -> tuple[ClusterRole, ...]:
    return tuple(ClusterRole(**role) for role in roles)


def chosen_group(name: str | None) -> str | None:
    """A parameter group that an operator chose; the engine's own comes by itself, and differs by version.

    One that a cluster kept from its first start takes the place of the engine's own, and goes with the cluster.
    """
    is_chosen = name is not None and not name.startswith(DEFAULT_GROUP_PREFIX) and not is_quiet_group(name)
    return name if is_chosen else None


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The settings of a cluster, in the order in which they are shown and compared."""

    db_subnet_group_name: str | None = _field(
        None, Setting(asked=parse.identifier, is_verified=True, label="subnet group")
    )
    vpc_security_group_ids: tuple[str, ...] = _field(
        (), Setting(asked=parse.texts, is_verified=True, label="security groups")
    )
    db_cluster_parameter_group_name: str | None = _field(
        None, Setting(asked=parse.identifier, kept=chosen_group, is_verified=True, label="parameter group")
    )
    kms_key_id: str | None = _field(None, Setting(asked=parse.text, label="key"))
    port: int | None = _field(
        None,
        Setting(asked=parse.whole_number(1150, 65535), is_verified=True, none_is_unknown=True, label="port"),
    )
    storage_type: str | None = _field(
        None,
        Setting(
            asked=parse.one_of("aurora", "aurora-iopt1"),
            is_verified=True,
            none_is_unknown=True,
            label="storage",
        ),
    )
    # Older SDKs, and Lambda has what its Region has, know no such parameter of the restore.
    backup_retention_days: int | None = _field(
        None,
        Setting(
            asked=parse.whole_number(1, 35),
            is_restored=False,
            afterwards=Afterwards(RETENTION_KIND, "backups are to be kept for {} days"),
            is_verified=True,
            none_is_unknown=True,
            label="backup days",
        ),
    )
    preferred_backup_window: str | None = _field(
        None,
        Setting(
            is_restored=False, afterwards=Afterwards(WINDOWS_KIND, may_be_left=True), none_is_unknown=True
        ),
    )
    preferred_maintenance_window: str | None = _field(
        None,
        Setting(
            is_restored=False, afterwards=Afterwards(WINDOWS_KIND, may_be_left=True), none_is_unknown=True
        ),
    )
    copy_tags_to_snapshot: bool = _field(True)
    deletion_protection: bool = _field(False, Setting(asked=parse.flag, is_verified=True))
    iam_authentication: bool = _field(False, Setting(asked=parse.flag, is_verified=True))
    serverless_v2: Mapping[str, float] | None = _field(
        None, Setting(asked=parse.serverless_v2, is_verified=True, label="serverless v2")
    )
    cloudwatch_logs_exports: tuple[str, ...] = _field(
        (), Setting(asked=parse.texts, rds_default=(), is_verified=True, label="logs exported")
    )
    # Not naming it never enrols a cluster in a support that is paid for, whatever the replaced cluster has.
    engine_lifecycle_support: str | None = _field(
        NO_PAID_SUPPORT,
        Setting(
            asked=parse.one_of(NO_PAID_SUPPORT, PAID_SUPPORT),
            is_inherited=False,
            is_verified=True,
            differs_by_design=True,
            label="lifecycle support",
        ),
    )
    # These two have requests of their own: AddRoleToDBCluster and EnableHttpEndpoint.
    http_endpoint: bool = _field(False, Setting(is_restored=False))
    roles: tuple[ClusterRole, ...] = _field((), Setting(is_restored=False, read_back=roles_from_item))
    network_type: str | None = _field(None, Setting(rds_default="IPV4", none_is_unknown=True))
    # What has to be asked for together with the mode is decided in `late_settings`.
    database_insights_mode: str | None = _field(
        None,
        Setting(
            is_restored=False, afterwards=Afterwards(INSIGHTS_KIND, may_be_left=True), none_is_unknown=True
        ),
    )


@dataclass(frozen=True, kw_only=True)
class InstanceSettings:
    """The settings of an instance, without its class and tier. None: not shown, so RDS's own default is taken."""

    publicly_accessible: bool = _field(False)
    auto_minor_version_upgrade: bool = _field(True)
    performance_insights: bool = _field(False, Setting(rds_default=False))
    performance_insights_retention_days: int | None = _field(
        None,
        Setting(
            asked=parse.one_of(7, *range(31, 714, 31), 731),
            only_with="performance_insights",
            is_verified=True,
            none_is_unknown=True,
            label="insights days",
        ),
    )
    performance_insights_kms_key_id: str | None = _field(
        None, Setting(only_with="performance_insights", none_is_unknown=True)
    )
    monitoring_interval_seconds: int = _field(0, Setting(rds_default=0))
    monitoring_role_arn: str | None = _field(
        None, Setting(only_with="monitoring_interval_seconds", none_is_unknown=True)
    )
    ca_certificate_identifier: str | None = _field(None, Setting(none_is_unknown=True))
    instance_maintenance_window: str | None = _field(None, Setting(none_is_unknown=True))
    db_parameter_group_name: str | None = _field(
        None, Setting(asked=parse.identifier, kept=chosen_group, is_verified=True)
    )


def _rows(settings: type[ClusterSettings | InstanceSettings]) -> Mapping[str, Setting]:
    return {
        each.name: replace(each.metadata[_ROW], name=each.name, default=each.default)
        for each in fields(settings)
    }


CLUSTER_SETTINGS = _rows(ClusterSettings)
INSTANCE_SETTINGS = _rows(InstanceSettings)
SETTINGS: Mapping[str, Setting] = {**CLUSTER_SETTINGS, **INSTANCE_SETTINGS}


def cluster_settings_of(item: ClusterSettings) -> dict[str, Any]:
    """The settings alone, to be given to another cluster."""
    return {name: getattr(item, name) for name in CLUSTER_SETTINGS}


def instance_settings_of(item: InstanceSettings) -> dict[str, Any]:
    """The settings alone, to be given to another instance."""
    return {name: getattr(item, name) for name in INSTANCE_SETTINGS}


def kept_settings(values: SettingValues) -> dict[str, Any]:
    """What is kept of the settings that a cluster or an instance shows."""
    return {name: kept(value) if (kept := SETTINGS[name].kept) else value for name, value in values.items()}


def requested_settings(values: SettingValues) -> dict[str, object]:
    """What the request that makes the cluster, or the instance, names of these settings."""
    return {name: value for name, value in values.items() if SETTINGS[name].is_named(values)}


def settings_from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an item of the record, which an earlier version may have written without some of them."""
    found = {}
    for name, row in SETTINGS.items():
        if name in item:
            # JSON has no tuples: what is one here is read back from a list.
            read_back = row.read_back or (tuple if isinstance(row.default, tuple) else None)
            found[name] = read_back(item[name]) if read_back else item[name]
    return found


def turned_on_by(asked_for: frozenset[str]) -> frozenset[str]:
    """The settings that have to be on for those that a request names."""
    return frozenset(row.only_with for name, row in SETTINGS.items() if row.only_with and name in asked_for)
