"""What a cluster is set to: defaults, checks, and how a call changes it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from aurora_restore.local.aurora import catalogue, errors
from aurora_restore.local.aurora.objects import Cluster, SubnetGroup
from aurora_restore.local.aurora.world import Call

SETTINGS = {
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "PreferredBackupWindow": "PreferredBackupWindow",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "DeletionProtection": "DeletionProtection",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "ServerlessV2ScalingConfiguration": "ServerlessV2ScalingConfiguration",
    "StorageType": "StorageType",
    "NetworkType": "NetworkType",
}
"""Parameter → the field of DescribeDBClusters that shows it."""

_DEFAULTS: Mapping[str, Any] = {
    "AllocatedStorage": 1,
    "BackupRetentionPeriod": 1,
    "PreferredBackupWindow": "03:00-03:30",
    "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
    "EngineMode": "provisioned",
    "NetworkType": "IPV4",
    "AutoMinorVersionUpgrade": True,
    "DeletionProtection": False,
    "CopyTagsToSnapshot": False,
    "HttpEndpointEnabled": False,
    "CrossAccountClone": False,
    "IAMDatabaseAuthenticationEnabled": False,
    "EngineLifecycleSupport": "open-source-rds-extended-support",
}
_INHERITED = ("BackupRetentionPeriod", "PreferredBackupWindow", "StorageType")
"""What a restore takes from the snapshot; all else falls back to Aurora's defaults, the paid support included."""

_STORAGE_TYPES = ("aurora", "aurora-iopt1")
# Aurora PostgreSQL, by the user guide (Aurora.CreateInstance); the API reference says 8 to 41 for every cluster.
_MIN_PASSWORD, _MAX_PASSWORD = 8, 99
_PASSWORD_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation) - set("/'\"@")
_PORTS = range(1150, 65536)


def new_cluster_settings(inherited: Mapping[str, Any]) -> dict[str, Any]:
    return {**_DEFAULTS, **{name: inherited[name] for name in _INHERITED if name in inherited}}


def apply_settings(call: Call, settings: dict[str, Any], engine: str) -> dict[str, Any]:
    """`settings` with what the call sets.

    Raises:
        AwsError: InvalidParameterValue or InvalidParameterCombination for a value that Aurora refuses.
    """
    wanted = {
        shown: call.params[name] for name, shown in SETTINGS.items() if call.params.get(name) is not None
    }
    _refuse_settings(wanted, engine)
    changed = {**settings, **wanted}
    if changed.get("StorageType") == "aurora":
        del changed["StorageType"]  # DescribeDBClusters shows the type only where it is not the standard one
    return changed


def _refuse_settings(wanted: Mapping[str, Any], engine: str) -> None:
    retention = wanted.get("BackupRetentionPeriod", 1)
    if not 1 <= retention <= 35:
        raise errors.invalid_value(f"Invalid backup retention period: {retention}. Must be between 1 and 35.")
    storage_type = wanted.get("StorageType", "aurora")
    if storage_type not in _STORAGE_TYPES:
        raise errors.AwsError(
            "StorageTypeNotSupported",
            f"Aurora has no storage type {storage_type}: {', '.join(_STORAGE_TYPES)}.",
        )
    refuse_log_types(engine, wanted.get("EnabledCloudwatchLogsExports", []))
    scaling = wanted.get("ServerlessV2ScalingConfiguration")
    if scaling and not 0 <= scaling.get("MinCapacity", 0.5) <= scaling.get("MaxCapacity", 1) <= 256:
        raise errors.invalid_value(
            "ServerlessV2ScalingConfiguration: MinCapacity must not exceed MaxCapacity, 256 at most."
        )


def refuse_log_types(engine: str, wanted: list[str]) -> None:
    unknown = sorted(set(wanted) - set(catalogue.log_types(engine)))
    if unknown:
        raise errors.invalid_combination(
            f"You cannot use the log types '{', '.join(unknown)}' with engine version {engine}. "
            f"Log types: {', '.join(catalogue.log_types(engine))}."
        )


def checked_password(password: str) -> str:
    if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise errors.invalid_value(
            "The parameter MasterUserPassword is not a valid password because it is not between "
            f"{_MIN_PASSWORD} and {_MAX_PASSWORD} characters long."
        )
    if not set(password) <= _PASSWORD_CHARACTERS:
        raise errors.invalid_value(
            "The parameter MasterUserPassword is not a valid password. "
            "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
        )
    return password


def checked_port(call: Call, cluster: Cluster) -> int | None:
    port = call.params.get("Port")
    if port is not None and port not in _PORTS:
        raise errors.invalid_value(
            f"Invalid endpoint port {port} for {cluster.engine}, valid values are 1150 to 65535."
        )
    return port


def checked_security_groups(call: Call, group: SubnetGroup) -> list[str]:
    """The security groups that a call names, or the VPC's default one."""
    wanted = list(call.params.get("VpcSecurityGroupIds") or [])
    for group_id in wanted:
        vpc = call.region.security_group_vpcs.get(group_id, group.vpc_id)
        if not group_id.startswith("sg-"):
            raise errors.invalid_value(f"Invalid security group , groupId= {group_id}, groupName=.")
        if vpc != group.vpc_id:
            raise errors.AwsError(
                "InvalidVPCNetworkStateFault",
                "The DB instance and EC2 security group are in different VPCs. "
                f"The DB instance is in {group.vpc_id} and the EC2 security group is in {vpc}",
            )
    return wanted or [call.region.default_security_group]
