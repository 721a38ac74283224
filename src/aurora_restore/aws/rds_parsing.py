"""RDS's answers as the domain's observations, and our tags as RDS takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.rds_settings import CLUSTER_NAMES, INSTANCE_NAMES, pending_values, shown_settings
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.naming import AWS_TAG_PREFIXES
from aurora_restore.domain.observed import (
    ClusterSnapshot,
    DbCluster,
    DbInstance,
    ParameterGroup,
    Quota,
    SubnetGroup,
)

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import (
        AccountQuotaTypeDef,
        DBClusterEndpointTypeDef,
        DBClusterParameterGroupTypeDef,
        DBClusterSnapshotTypeDef,
        DBClusterTypeDef,
        DBInstanceTypeDef,
        DBSubnetGroupTypeDef,
        GlobalClusterTypeDef,
        TagTypeDef,
    )

BACKUP_TYPE = "awsbackup"
TYPE_BY_PREFIX = {"rds:": "automated", "awsbackup:": BACKUP_TYPE}
# Of an activity stream and of write forwarding: what is starting counts as on, so that no check overlooks it.
ON_STATUSES = frozenset({"started", "starting", "enabled", "enabling"})


def parse_cluster_snapshot(snapshot: DBClusterSnapshotTypeDef) -> ClusterSnapshot:
    """A cluster snapshot. RDS's own encryption (`sse-rds`) shows as none, with no key."""
    return ClusterSnapshot(
        db_cluster_snapshot_identifier=snapshot["DBClusterSnapshotIdentifier"],
        db_cluster_snapshot_arn=snapshot["DBClusterSnapshotArn"],
        db_cluster_identifier=snapshot.get("DBClusterIdentifier", ""),
        status=snapshot.get("Status", ""),
        snapshot_type=snapshot.get("SnapshotType", ""),
        engine=snapshot.get("Engine", ""),
        engine_version=snapshot.get("EngineVersion", ""),
        master_username=snapshot.get("MasterUsername", ""),
        db_cluster_resource_id=snapshot.get("DbClusterResourceId", ""),
        snapshot_create_time=snapshot.get("SnapshotCreateTime"),
        percent_progress=snapshot.get("PercentProgress", 0),
        port=snapshot.get("Port") or None,
        storage_encrypted=snapshot.get("StorageEncrypted", False),
        kms_key_id=snapshot.get("KmsKeyId") or None,
        source_db_cluster_snapshot_arn=snapshot.get("SourceDBClusterSnapshotArn") or None,
        iam_authentication=snapshot.get("IAMDatabaseAuthenticationEnabled", False),
        storage_type=snapshot.get("StorageType") or None,
        tags=parse_tags(snapshot.get("TagList", ())),
    )


def parse_cluster(cluster: DBClusterTypeDef) -> DbCluster:
    secret = cluster.get("MasterUserSecret") or {}
    # Of a cluster it is a text, which may be empty; of a snapshot it is a number.
    percent = cluster.get("PercentProgress")
    has_stream = cluster.get("ActivityStreamStatus") in ON_STATUSES
    # The writer first: a new cluster's first instance becomes its writer, so the order is that of making.
    members = cluster.get("DBClusterMembers", ())
    writer_first = sorted(
        members,
        key=lambda member: (not member.get("IsClusterWriter", False), member.get("DBInstanceIdentifier", "")),
    )
    return DbCluster(
        db_cluster_identifier=cluster["DBClusterIdentifier"],
        db_cluster_arn=cluster["DBClusterArn"],
        status=cluster.get("Status", ""),
        engine=cluster.get("Engine", ""),
        engine_version=cluster.get("EngineVersion", ""),
        master_username=cluster.get("MasterUsername", ""),
        db_cluster_resource_id=cluster.get("DbClusterResourceId", ""),
        endpoint=cluster.get("Endpoint") or None,
        reader_endpoint=cluster.get("ReaderEndpoint") or None,
        percent_progress=int(percent) if percent and percent.isdigit() else None,
        storage_encrypted=cluster.get("StorageEncrypted", False),
        custom_endpoints=tuple(sorted(cluster.get("CustomEndpoints", ()))),
        member_identifiers=tuple(member.get("DBInstanceIdentifier", "") for member in writer_first),
        # How far each member has taken up the cluster's group: `in-sync`, `applying`, `pending-reboot`.
        parameter_group_statuses={
            member.get("DBInstanceIdentifier", ""): member.get("DBClusterParameterGroupStatus", "")
            for member in members
        },
        managed_master_secret=secret.get("SecretArn"),
        managed_master_secret_status=secret.get("SecretStatus"),
        managed_master_secret_kms_key_id=secret.get("KmsKeyId") or None,
        kerberos_domains=tuple(
            sorted(item.get("Domain", "") for item in cluster.get("DomainMemberships", ()))
        ),
        activity_stream_mode=(cluster.get("ActivityStreamMode") or "sync") if has_stream else None,
        local_write_forwarding=cluster.get("LocalWriteForwardingStatus") in ON_STATUSES,
        pending_modified_values=pending_values(cluster),
        tags=parse_tags(cluster.get("TagList", ())),
        **shown_settings(CLUSTER_NAMES, cluster),
    )


def parse_custom_endpoint(endpoint: DBClusterEndpointTypeDef) -> CustomEndpoint:
    return CustomEndpoint(
        identifier=endpoint.get("DBClusterEndpointIdentifier", ""),
        endpoint_type=endpoint.get("CustomEndpointType", "ANY"),
        static_members=tuple(endpoint.get("StaticMembers", ())),
        excluded_members=tuple(endpoint.get("ExcludedMembers", ())),
    )


def custom_endpoint_parameters(db_cluster_identifier: str, endpoint: CustomEndpoint) -> dict[str, Any]:
    """The parameters of CreateDBClusterEndpoint."""
    # It takes at most one list of members.
    lists = {"StaticMembers": endpoint.static_members, "ExcludedMembers": endpoint.excluded_members}
    members = [(name, list(value)) for name, value in lists.items() if value]
    return {
        "DBClusterIdentifier": db_cluster_identifier,
        "DBClusterEndpointIdentifier": endpoint.identifier,
        "EndpointType": endpoint.endpoint_type,
        **dict(members[:1]),
    }


def parse_instance(instance: DBInstanceTypeDef) -> DbInstance:
    return DbInstance(
        db_instance_identifier=instance["DBInstanceIdentifier"],
        db_instance_arn=instance["DBInstanceArn"],
        db_cluster_identifier=instance.get("DBClusterIdentifier", ""),
        status=instance.get("DBInstanceStatus", ""),
        db_instance_class=instance.get("DBInstanceClass", ""),
        engine=instance.get("Engine", ""),
        promotion_tier=instance.get("PromotionTier"),
        port=instance.get("Endpoint", {}).get("Port") or None,
        tags=parse_tags(instance.get("TagList", ())),
        **shown_settings(INSTANCE_NAMES, instance),
    )


def parse_subnet_group(group: DBSubnetGroupTypeDef) -> SubnetGroup:
    zones = (subnet.get("SubnetAvailabilityZone", {}).get("Name", "") for subnet in group.get("Subnets", ()))
    return SubnetGroup(
        db_subnet_group_name=group.get("DBSubnetGroupName", ""),
        vpc_id=group.get("VpcId", ""),
        status=group.get("SubnetGroupStatus", ""),
        availability_zones=tuple(sorted({zone for zone in zones if zone})),
    )


def parse_cluster_parameter_group(group: DBClusterParameterGroupTypeDef) -> ParameterGroup:
    return ParameterGroup(
        name=group.get("DBClusterParameterGroupName", ""),
        family=group.get("DBParameterGroupFamily", ""),
        arn=group.get("DBClusterParameterGroupArn", ""),
    )


def parse_quota(quota: AccountQuotaTypeDef) -> Quota:
    return Quota(
        name=quota.get("AccountQuotaName", ""), used=quota.get("Used", 0), maximum=quota.get("Max", 0)
    )


def parse_tags(tags: Sequence[TagTypeDef]) -> dict[str, str]:
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags}


def to_tag_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """Tags as RDS takes them; those that AWS reserves are left out, since naming one refuses the request."""
    return [
        {"Key": key, "Value": value}
        for key, value in tags.items()
        if not key.lower().startswith(AWS_TAG_PREFIXES)
    ]


def has_member(global_cluster: GlobalClusterTypeDef, db_cluster_arn: str) -> bool:
    """A member is named among the members, or as a reader of one of them."""
    members = global_cluster.get("GlobalClusterMembers", ())
    return any(db_cluster_arn in (item.get("DBClusterArn"), *item.get("Readers", ())) for item in members)


def type_by_name(name: str) -> str | None:
    """Automated snapshots are called `rds:<cluster>-<date>-<time>`, those of AWS Backup `awsbackup:job-<id>`."""
    return next((kind for prefix, kind in TYPE_BY_PREFIX.items() if name.startswith(prefix)), None)
