"""What a cluster is set to: defaults, checks, and how a call changes it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local_aurora import catalogue, errors
from local_aurora.objects import Cluster, SubnetGroup
from local_aurora.watching import refuse_insights
from local_aurora.world import Call

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
    "EnableHttpEndpoint": "HttpEndpointEnabled",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
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
    "DatabaseInsightsMode": "standard",
    "CrossAccountClone": False,
    "IAMDatabaseAuthenticationEnabled": False,
    "EngineLifecycleSupport": "open-source-rds-extended-support",
}
_INHERITED = ("BackupRetentionPeriod", "PreferredBackupWindow", "StorageType")
"""What a restore takes from the snapshot; all else falls back to Aurora's defaults, the paid support included."""

_STORAGE_TYPES = ("aurora", "aurora-iopt1")
# By the user guide (Aurora.CreateInstance); the API reference says 8 to 41 for every cluster.
_MIN_PASSWORD, _MAX_PASSWORD = 8, {catalogue.POSTGRESQL: 99, catalogue.MYSQL: 41}
_PASSWORD_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation) - set("/'\"@")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY, _WEEK, _LEFT_MINUTES = 24 * 60, 7 * 24 * 60, 30
_PORTS = range(1150, 65536)


def new_cluster_settings(inherited: Mapping[str, Any]) -> dict[str, Any]:
    return {**_DEFAULTS, **{name: inherited[name] for name in _INHERITED if name in inherited}}


def apply_settings(call: Call, settings: dict[str, Any], engine: str) -> dict[str, Any]:
    """`settings` with what the call sets.

    Raises:
        AwsError: InvalidParameterValue or InvalidParameterCombination for a value that Aurora refuses.
    """
    # What the call does not name stays as it is, and has been checked before.
    expected = {
        shown: call.params[name] for name, shown in SETTINGS.items() if call.params.get(name) is not None
    }
    _refuse_settings(expected, engine)
    if window := expected.get("PreferredMaintenanceWindow"):
        _refuse_window_around(window, call.now)
    changed = {**settings, **expected}
    # A Kerberos domain and local write forwarding are given under one name and shown under another.
    if domain := call.text("Domain"):
        role = call.text("DomainIAMRoleName")
        if role is None:
            raise errors.invalid_combination("DomainIAMRoleName is needed with Domain.")
        changed["DomainMemberships"] = [{"Domain": domain, "IAMRoleName": role, "Status": "kerberos-enabled"}]
    if (forwards := call.params.get("EnableLocalWriteForwarding")) is not None:
        changed["LocalWriteForwardingStatus"] = "enabled" if forwards else "disabled"
    # DescribeDBClusters shows the type only where it is not the standard one.
    if changed.get("StorageType") == "aurora":
        del changed["StorageType"]
    return changed


def _refuse_settings(expected: Mapping[str, Any], engine: str) -> None:
    retention = expected.get("BackupRetentionPeriod", 1)
    if not 1 <= retention <= 35:
        raise errors.invalid_value(f"Invalid backup retention period: {retention}. Must be between 1 and 35.")
    storage_type = expected.get("StorageType", "aurora")
    if storage_type not in _STORAGE_TYPES:
        raise errors.AwsError(
            "StorageTypeNotSupported",
            f"Aurora has no storage type {storage_type}: {', '.join(_STORAGE_TYPES)}.",
        )
    refuse_log_types(engine, expected.get("EnabledCloudwatchLogsExports", []))
    refuse_insights(expected)
    scaling = expected.get("ServerlessV2ScalingConfiguration")
    if scaling and not 0 <= scaling.get("MinCapacity", 0.5) <= scaling.get("MaxCapacity", 1) <= 256:
        raise errors.invalid_value(
            "ServerlessV2ScalingConfiguration: MinCapacity must not exceed MaxCapacity, 256 at most."
        )


def _refuse_window_around(window: str, now: datetime) -> None:
    """A maintenance window around the present has to have 30 minutes left (Aurora user guide, "Maintenance window")."""
    start, _, end = window.partition("-")
    begins, ends, present = _minute(start), _minute(end), now.weekday() * _DAY + now.hour * 60 + now.minute
    # By the week's length, since a window can go over the end of the week.
    length, spent = (ends - begins) % _WEEK, (present - begins) % _WEEK
    if spent < length and length - spent < _LEFT_MINUTES:
        raise errors.invalid_value(
            "If the maintenance window contains the current time, there must be at least 30 minutes between the "
            f"current time and its end: {window}."
        )


def _minute(text: str) -> int:
    """`sun:05:00` as the minute of a week that begins on Monday."""
    day, hour, minute = text.lower().split(":")
    return _DAYS.index(day) * _DAY + int(hour) * 60 + int(minute)


def refuse_log_types(engine: str, expected: list[str]) -> None:
    unknown = sorted(set(expected) - set(catalogue.log_types(engine)))
    if unknown:
        raise errors.invalid_combination(
            f"You cannot use the log types '{', '.join(unknown)}' with engine version {engine}. "
            f"Log types: {', '.join(catalogue.log_types(engine))}."
        )


def checked_password(engine: str, password: str) -> str:
    most = _MAX_PASSWORD[engine]
    if not _MIN_PASSWORD <= len(password) <= most:
        raise errors.invalid_value(
            "The parameter MasterUserPassword is not a valid password because it is not between "
            f"{_MIN_PASSWORD} and {most} characters long."
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
    expected = list(call.params.get("VpcSecurityGroupIds") or [])
    for group_id in expected:
        # A group that was never seeded counts as one of the right VPC: there is no EC2 to ask.
        vpc = call.region.security_group_vpcs.get(group_id, group.vpc_id)
        if not group_id.startswith("sg-"):
            raise errors.invalid_value(f"Invalid security group , groupId= {group_id}, groupName=.")
        if vpc != group.vpc_id:
            raise errors.AwsError(
                "InvalidVPCNetworkStateFault",
                "The DB instance and EC2 security group are in different VPCs. "
                f"The DB instance is in {group.vpc_id} and the EC2 security group is in {vpc}",
            )
    return expected or [call.region.default_security_group]


def refuse_busy(call: Call, cluster: Cluster) -> None:
    """In the minutes after its creation a cluster can be busy although it is `available` (RDS backs it up, …)."""
    if cluster.is_busy(call.now):
        raise errors.invalid_cluster_state(
            f"DB cluster {cluster.identifier} is not in a state in which this operation is permitted: Aurora is at "
            "work on it."
        )
