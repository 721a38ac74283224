"""The names that RDS has for our settings, by the names that they have in `domain/cluster_settings.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.cluster_settings import ClusterRole, SettingValues

SCALING_NAMES: Mapping[str, str] = {
    "min_capacity": "MinCapacity",
    "max_capacity": "MaxCapacity",
    "seconds_until_auto_pause": "SecondsUntilAutoPause",
}


def _as_shown(value: Any) -> Any:
    return value


def _if_any(value: Any) -> Any:
    """RDS shows an empty text, or no number, where there is none."""
    return value or None


def _or(absent: object) -> Callable[[Any], Any]:
    """`absent`: what it means that RDS does not show the field."""
    return lambda value: absent if value in (None, "") else value


def _sorted(value: Any) -> tuple[str, ...]:
    return tuple(sorted(value or ()))


def _roles(roles: Any) -> tuple[ClusterRole, ...]:
    found = (ClusterRole(role.get("RoleArn", ""), role.get("FeatureName", "")) for role in roles or ())
    return tuple(sorted(found, key=lambda role: (role.role_arn, role.feature_name)))


def _capacities(scaling: Any) -> dict[str, float] | None:
    """Capacities in ACUs, under the names that a request uses for them."""
    if not scaling:
        return None
    return {
        name: float(scaling[theirs])
        for name, theirs in SCALING_NAMES.items()
        if scaling.get(theirs) is not None
    }


@dataclass(frozen=True)
class RdsName:
    """A setting at RDS.

    `parameter`: of RestoreDBClusterFromSnapshot, ModifyDBCluster and CreateDBInstance; None where they do not take it.
    `shown`: the field of DescribeDBClusters or DescribeDBInstances, where it is not called like the parameter.
    `read`: our value from what that field shows, or from None.
    `write`: RDS's value from ours.
    `pending`: its name among PendingModifiedValues, where it is not called like the shown field.
    `modified`: what ModifyDBCluster takes instead of the parameter.
    """

    parameter: str | None
    shown: str = ""
    read: Callable[[Any], Any] = _if_any
    write: Callable[[Any], Any] = _as_shown
    pending: str = ""
    modified: Callable[[Any], dict[str, Any]] | None = None

    @property
    def shown_as(self) -> str:
        return self.shown or self.parameter or ""

    @property
    def pending_as(self) -> str:
        return self.pending or self.shown_as


_NO, _YES = _or(False), _or(True)
# RDS shows the types that are exported, while a change names those that are to be added.
_LOG_EXPORTS = "CloudwatchLogsExportConfiguration"

CLUSTER_NAMES: Mapping[str, RdsName] = {
    "db_subnet_group_name": RdsName("DBSubnetGroupName", "DBSubnetGroup"),
    "vpc_security_group_ids": RdsName(
        "VpcSecurityGroupIds",
        "VpcSecurityGroups",
        read=lambda groups: _sorted(group.get("VpcSecurityGroupId", "") for group in groups or ()),
        write=list,
    ),
    "db_cluster_parameter_group_name": RdsName("DBClusterParameterGroupName", "DBClusterParameterGroup"),
    "kms_key_id": RdsName("KmsKeyId"),
    "port": RdsName("Port"),
    # It is shown only where it is not the standard one.
    "storage_type": RdsName("StorageType", read=_or("aurora")),
    "backup_retention_days": RdsName("BackupRetentionPeriod", read=_as_shown),
    "preferred_backup_window": RdsName("PreferredBackupWindow"),
    "preferred_maintenance_window": RdsName("PreferredMaintenanceWindow"),
    "copy_tags_to_snapshot": RdsName("CopyTagsToSnapshot", read=_NO),
    "deletion_protection": RdsName("DeletionProtection", read=_NO),
    "iam_authentication": RdsName("EnableIAMDatabaseAuthentication", "IAMDatabaseAuthenticationEnabled", _NO),
    "serverless_v2": RdsName(
        "ServerlessV2ScalingConfiguration",
        read=_capacities,
        write=lambda ours: {SCALING_NAMES[name]: value for name, value in ours.items()},
    ),
    "cloudwatch_logs_exports": RdsName(
        "EnableCloudwatchLogsExports",
        "EnabledCloudwatchLogsExports",
        _sorted,
        list,
        pending="PendingCloudwatchLogsExports",
        modified=lambda types: {_LOG_EXPORTS: {"EnableLogTypes": list(types)}},
    ),
    "engine_lifecycle_support": RdsName("EngineLifecycleSupport"),
    "http_endpoint": RdsName(None, "HttpEndpointEnabled", _NO),
    "roles": RdsName(None, "AssociatedRoles", _roles),
    "network_type": RdsName("NetworkType"),
    "database_insights_mode": RdsName("DatabaseInsightsMode"),
}
INSTANCE_NAMES: Mapping[str, RdsName] = {
    "publicly_accessible": RdsName("PubliclyAccessible", read=_NO),
    "auto_minor_version_upgrade": RdsName("AutoMinorVersionUpgrade", read=_YES),
    "performance_insights": RdsName("EnablePerformanceInsights", "PerformanceInsightsEnabled", _NO),
    "performance_insights_retention_days": RdsName("PerformanceInsightsRetentionPeriod", read=_as_shown),
    "performance_insights_kms_key_id": RdsName("PerformanceInsightsKMSKeyId"),
    "monitoring_interval_seconds": RdsName("MonitoringInterval", read=_or(0)),
    "monitoring_role_arn": RdsName("MonitoringRoleArn"),
    "ca_certificate_identifier": RdsName("CACertificateIdentifier"),
    "instance_maintenance_window": RdsName("PreferredMaintenanceWindow"),
    "db_parameter_group_name": RdsName(
        "DBParameterGroupName",
        "DBParameterGroups",
        # RDS shows a list, which has one group for an instance of Aurora.
        read=lambda groups: groups[0].get("DBParameterGroupName") if groups else None,
    ),
}
_NAMES = {**CLUSTER_NAMES, **INSTANCE_NAMES}
# What PendingModifiedValues of a cluster may name besides its settings.
_OTHER_PENDING: Mapping[str, str] = {
    "DBClusterIdentifier": "db_cluster_identifier",
    "EngineVersion": "engine_version",
    "MasterUserPassword": "master_user_password",
}
_PENDING = {**{each.pending_as: name for name, each in CLUSTER_NAMES.items()}, **_OTHER_PENDING}
_SECRET_PENDING = frozenset({"master_user_password"})


def shown_settings(names: Mapping[str, RdsName], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a cluster or an instance as RDS describes it."""
    return {name: each.read(answer.get(each.shown_as)) for name, each in names.items()}


def new_parameters(settings: SettingValues) -> dict[str, Any]:
    """The parameters that ask for these settings of what is made. Raises KeyError for a name that is not a setting."""
    parameters: dict[str, Any] = {}
    for name, value in settings.items():
        parameter = _NAMES[name].parameter
        # Left out in silence, the setting would be lost; the caller has to send the other request.
        if parameter is None:
            raise KeyError(f"{name} has a request of its own")
        parameters[parameter] = _NAMES[name].write(value)
    return parameters


def changed_parameters(settings: SettingValues) -> dict[str, Any]:
    """The parameters of ModifyDBCluster that ask for these settings. Raises KeyError for a name that is not one."""
    parameters: dict[str, Any] = {}
    for name, value in settings.items():
        modified = _NAMES[name].modified
        parameters |= modified(value) if modified else new_parameters({name: value})
    return parameters


def pending_values(cluster: Mapping[str, Any]) -> dict[str, object]:
    """What is still to change, by our names where there is one. RDS masks a pending password; here it is True."""
    pending: Mapping[str, object] = cluster.get("PendingModifiedValues") or {}
    named = {_PENDING.get(name, name): value for name, value in pending.items()}
    return {name: True if name in _SECRET_PENDING else value for name, value in named.items()}
