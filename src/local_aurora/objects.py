"""What lives in a Region of the local Aurora, and how the Describe calls show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aurora.catalogue import license_model
from local_aurora.identifiers import host_suffix, rds_arn, tag_list
from local_aurora.parameter_objects import AppliedParameters

SHARED_PORTS = {"aurora-postgresql": 5432, "aurora-mysql": 3306}
FLICKER = ("available", "backing-up", "available", "modifying", "configuring-log-exports", "available")
"""The statuses of a cluster in the minutes after its creation."""


@dataclass
class Cluster:
    """A DB cluster. `contents` represents its data where no engine holds any: copies of it carry it along.

    `settings` holds what DescribeDBClusters shows as it was given, under RDS's own names.
    """

    region: str
    account: str
    identifier: str
    resource_id: str
    engine: str
    engine_version: str
    master_username: str
    created_at: datetime
    status: str = "creating"
    master_password: str | None = field(default=None, repr=False)
    pending_password: str | None = field(default=None, repr=False)
    database_name: str | None = None
    port: int | None = None
    domain: str = "rds.amazonaws.com"
    subnet_group: str = "default"
    security_group_ids: list[str] = field(default_factory=list)
    parameter_group: str = ""
    kms_key_id: str | None = None
    contents: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    roles: list[dict[str, Any]] = field(default_factory=list)
    pending: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    certificate_names: list[str] = field(default_factory=list)
    former_identifier: str = ""
    renamed_at: datetime | None = None
    busy_from: datetime | None = None
    busy_until: datetime | None = None
    began_with_defaults: bool = False
    """It was made before RDS was through with making its parameter group: its instances begin without that."""

    @property
    def arn(self) -> str:
        return rds_arn(self.region, self.account, "cluster", self.identifier)

    def is_busy(self, now: datetime) -> bool:
        """Whether Aurora is still at work on a new cluster, whatever its status says."""
        return self.busy_until is not None and now < self.busy_until

    def shown_status(self, now: datetime) -> str:
        """What DescribeDBClusters says: of a cluster that is busy after its creation, one thing after the other."""
        if self.status != "available" or not self.is_busy(now) or not self.busy_from or not self.busy_until:
            return self.status
        share = (now - self.busy_from) / (self.busy_until - self.busy_from)
        return FLICKER[min(len(FLICKER) - 1, int(share * len(FLICKER)))]

    def host_name(self, role: str, identifier: str | None = None) -> str:
        """`role` is `cluster` for the writer's endpoint, `cluster-ro` for the readers'."""
        suffix = host_suffix(self.account, self.region)
        return f"{identifier or self.identifier}.{role}-{suffix}.{self.region}.{self.domain}"


@dataclass
class CustomEndpoint:
    """A custom endpoint; it belongs to its cluster also after a rename of that."""

    identifier: str
    cluster_resource_id: str
    endpoint_type: str
    static_members: list[str]
    excluded_members: list[str]
    host: str
    status: str = "available"

    @property
    def subject(self) -> str:
        """What a transition calls it: of one name there is one in a Region."""
        return f"cluster-endpoint:{self.identifier}"


@dataclass
class Instance:
    """A member of a cluster; `cluster_resource_id` survives a rename of the cluster."""

    region: str
    account: str
    identifier: str
    resource_id: str
    cluster_resource_id: str
    instance_class: str
    engine: str
    engine_version: str
    created_at: datetime
    availability_zone: str
    status: str = "creating"
    is_writer: bool = False
    promotion_tier: int = 1
    parameter_group: str = ""
    applied: AppliedParameters = field(default_factory=AppliedParameters)
    pending: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return rds_arn(self.region, self.account, "db", self.identifier)


@dataclass
class Snapshot:
    """A DB cluster snapshot. `created_at` is absent until the snapshot is complete.

    `storage_id` names the data that the engine keeps for it; snapshots that were seeded together may share one.
    `content_id` is what that data says of itself: the storage id under which it was once taken, also in copies.
    """

    region: str
    account: str
    identifier: str
    snapshot_type: str
    cluster_identifier: str
    cluster_resource_id: str
    cluster_created_at: datetime
    engine: str
    engine_version: str
    master_username: str
    storage_id: str
    status: str = "creating"
    master_password: str | None = field(default=None, repr=False)
    created_at: datetime | None = None
    port: int = 5432
    vpc_id: str = ""
    kms_key_id: str | None = None
    source_arn: str | None = None
    contents: str = ""
    content_id: str = ""
    progress: int = 0
    availability_zones: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return rds_arn(self.region, self.account, "cluster-snapshot", self.identifier)


@dataclass
class SubnetGroup:
    """`subnets` maps each subnet's id to its availability zone."""

    region: str
    account: str
    name: str
    vpc_id: str
    subnets: dict[str, str]
    description: str = ""
    status: str = "Complete"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return rds_arn(self.region, self.account, "subgrp", self.name)

    @property
    def availability_zones(self) -> list[str]:
        return sorted(set(self.subnets.values()))


@dataclass
class GlobalCluster:
    """An Aurora global database; the first member is the writer."""

    identifier: str
    resource_id: str
    account: str
    engine: str
    engine_version: str
    member_arns: list[str] = field(default_factory=list)
    deletion_protection: bool = False


@dataclass(frozen=True)
class Event:
    """An entry of DescribeEvents. `source_type` as RDS spells it: db-cluster, db-cluster-snapshot, db-instance."""

    date: datetime
    source_type: str
    source_identifier: str
    source_arn: str
    message: str
    categories: tuple[str, ...] = ()


def show_cluster(
    cluster: Cluster,
    members: list[tuple[Instance, str]],
    vpc_zones: list[str],
    percent: int | None,
    now: datetime,
) -> dict[str, Any]:
    """`members`: with how far each has taken up the cluster's parameter group."""
    shown_members = [
        {
            "DBInstanceIdentifier": instance.identifier,
            "IsClusterWriter": instance.is_writer,
            "DBClusterParameterGroupStatus": parameter_status,
            "PromotionTier": instance.promotion_tier,
        }
        for instance, parameter_status in members
    ]
    shown: dict[str, Any] = {
        "DBClusterIdentifier": cluster.identifier,
        "DBClusterArn": cluster.arn,
        "DbClusterResourceId": cluster.resource_id,
        "Status": cluster.shown_status(now),
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "MasterUsername": cluster.master_username,
        "ClusterCreateTime": cluster.created_at,
        "Endpoint": cluster.host_name("cluster"),
        "ReaderEndpoint": cluster.host_name("cluster-ro"),
        "Port": cluster.port,
        "DatabaseName": cluster.database_name,
        "DBSubnetGroup": cluster.subnet_group,
        "DBClusterParameterGroup": cluster.parameter_group,
        "AvailabilityZones": vpc_zones,
        "VpcSecurityGroups": _security_groups(cluster),
        "DBClusterMembers": shown_members,
        "MultiAZ": len({member.availability_zone for member, _ in members}) > 1,
        "AssociatedRoles": cluster.roles,
        "TagList": tag_list(cluster.tags),
        "PercentProgress": None if percent is None else str(percent),
        "PendingModifiedValues": cluster.pending or None,
        **_encryption(cluster.kms_key_id),
        **cluster.settings,
    }
    # RDS leaves out what is not set.
    return {name: value for name, value in shown.items() if value is not None}


def _security_groups(cluster: Cluster) -> list[dict[str, str]]:
    return [{"VpcSecurityGroupId": group_id, "Status": "active"} for group_id in cluster.security_group_ids]


def _encryption(kms_key_id: str | None) -> dict[str, Any]:
    if kms_key_id is None:
        # Since 2026 what has no key of a customer is encrypted with a key that AWS owns, and says "false".
        return {"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"}
    return {"StorageEncrypted": True, "StorageEncryptionType": "sse-kms", "KmsKeyId": kms_key_id}


def show_snapshot(snapshot: Snapshot, percent: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "DBClusterSnapshotIdentifier": snapshot.identifier,
        "DBClusterSnapshotArn": snapshot.arn,
        "DBClusterIdentifier": snapshot.cluster_identifier,
        "DbClusterResourceId": snapshot.cluster_resource_id,
        "ClusterCreateTime": snapshot.cluster_created_at,
        "SnapshotCreateTime": snapshot.created_at,
        "SnapshotType": snapshot.snapshot_type,
        "Status": snapshot.status,
        "PercentProgress": percent,
        "Engine": snapshot.engine,
        "EngineVersion": snapshot.engine_version,
        "EngineMode": "provisioned",
        "LicenseModel": license_model(snapshot.engine),
        "MasterUsername": snapshot.master_username,
        "Port": snapshot.port,
        "VpcId": snapshot.vpc_id,
        "AvailabilityZones": snapshot.availability_zones,
        "AllocatedStorage": 0,
        "SourceDBClusterSnapshotArn": snapshot.source_arn,
        "IAMDatabaseAuthenticationEnabled": bool(snapshot.settings.get("IAMDatabaseAuthenticationEnabled")),
        "StorageType": snapshot.settings.get("StorageType", "aurora"),
        "TagList": tag_list(snapshot.tags),
        **_encryption(snapshot.kms_key_id),
    }
    return {name: value for name, value in shown.items() if value is not None}


def show_instance(instance: Instance, cluster: Cluster, subnet_group: SubnetGroup) -> dict[str, Any]:
    # RDS shows an endpoint once something listens there.
    endpoint = None
    if instance.status != "creating" and cluster.port is not None:
        suffix = host_suffix(instance.account, instance.region)
        address = f"{instance.identifier}.{suffix}.{instance.region}.{cluster.domain}"
        endpoint = {"Address": address, "Port": cluster.port}
    shown: dict[str, Any] = {
        "DBInstanceIdentifier": instance.identifier,
        "DBInstanceArn": instance.arn,
        "DbiResourceId": instance.resource_id,
        "DBInstanceStatus": instance.status,
        "DBInstanceClass": instance.instance_class,
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "LicenseModel": license_model(instance.engine),
        "DBClusterIdentifier": cluster.identifier,
        "MasterUsername": cluster.master_username,
        "InstanceCreateTime": instance.created_at,
        "AvailabilityZone": instance.availability_zone,
        "PromotionTier": instance.promotion_tier,
        "Endpoint": endpoint,
        "VpcSecurityGroups": _security_groups(cluster),
        "DBSubnetGroup": show_subnet_group(subnet_group),
        # Nothing of an instance's own group has an effect here, so that nothing waits for a reboot.
        "DBParameterGroups": [
            {"DBParameterGroupName": instance.parameter_group, "ParameterApplyStatus": "in-sync"}
        ],
        "PendingModifiedValues": instance.pending,
        "MultiAZ": False,
        "AllocatedStorage": 1,
        "StorageType": cluster.settings.get("StorageType", "aurora"),
        "IAMDatabaseAuthenticationEnabled": bool(cluster.settings.get("IAMDatabaseAuthenticationEnabled")),
        "BackupRetentionPeriod": cluster.settings.get("BackupRetentionPeriod", 1),
        "TagList": tag_list(instance.tags),
        **_encryption(cluster.kms_key_id),
        **instance.settings,
    }
    return {name: value for name, value in shown.items() if value is not None}


def show_subnet_group(group: SubnetGroup) -> dict[str, Any]:
    subnets = [
        {"SubnetIdentifier": subnet, "SubnetAvailabilityZone": {"Name": zone}, "SubnetStatus": "Active"}
        for subnet, zone in sorted(group.subnets.items())
    ]
    return {
        "DBSubnetGroupName": group.name,
        "DBSubnetGroupDescription": group.description or group.name,
        "DBSubnetGroupArn": group.arn,
        "VpcId": group.vpc_id,
        "SubnetGroupStatus": group.status,
        "Subnets": subnets,
        "SupportedNetworkTypes": ["IPV4"],
    }


def show_global_cluster(group: GlobalCluster) -> dict[str, Any]:
    members = [{"DBClusterArn": arn, "IsWriter": index == 0} for index, arn in enumerate(group.member_arns)]
    return {
        "GlobalClusterIdentifier": group.identifier,
        "GlobalClusterResourceId": group.resource_id,
        "GlobalClusterArn": rds_arn("", group.account, "global-cluster", group.identifier),
        "Status": "available",
        "Engine": group.engine,
        "EngineVersion": group.engine_version,
        "DeletionProtection": group.deletion_protection,
        "GlobalClusterMembers": members,
    }


def show_event(event: Event) -> dict[str, Any]:
    return {
        "SourceIdentifier": event.source_identifier,
        "SourceType": event.source_type,
        "SourceArn": event.source_arn,
        "Message": event.message,
        "EventCategories": list(event.categories),
        "Date": event.date,
    }
