"""DB cluster snapshots: describe, create, copy, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local_aurora import errors
from local_aurora.cluster_settings import refuse_busy
from local_aurora.identifiers import (
    bare_identifier,
    checked_tags,
    parse_arn,
    rds_arn,
    refuse_reserved_tags,
    validated_identifier,
)
from local_aurora.keys import usable_key
from local_aurora.objects import Cluster, Snapshot, show_snapshot
from local_aurora.paging import matching, page
from local_aurora.timing import Kind
from local_aurora.world import Call, Region, World, operation

_IN_THE_MAKING = (Kind.SNAPSHOT_CREATE, Kind.SNAPSHOT_COPY)
_DELETABLE = ("available", "copying", "failed", "incompatible-restore", "incompatible-parameters")
_TYPES = ("automated", "manual", "shared", "public", "awsbackup")
_FILTERS = {
    "db-cluster-id": lambda s: (
        s.cluster_identifier,
        rds_arn(s.region, s.account, "cluster", s.cluster_identifier),
    ),
    "db-cluster-snapshot-id": lambda s: (s.identifier, s.arn),
    "snapshot-type": lambda s: (s.snapshot_type,),
    "engine": lambda s: (s.engine,),
    "db-cluster-resource-id": lambda s: (s.cluster_resource_id,),
}


def show(call: Call, snapshot: Snapshot) -> dict[str, Any]:
    transition = call.world.transition_of(snapshot.arn, *_IN_THE_MAKING)
    return show_snapshot(snapshot, transition.percent(call.now) if transition else snapshot.progress)


def describe_db_cluster_snapshots(call: Call) -> dict[str, Any]:
    named, cluster = call.text("DBClusterSnapshotIdentifier"), call.text("DBClusterIdentifier")
    if named and cluster:
        raise errors.invalid_combination(
            "DBClusterIdentifier and DBClusterSnapshotIdentifier cannot both be given."
        )
    expected = call.text("SnapshotType")
    if expected is not None and expected not in _TYPES:
        raise errors.invalid_value(f"Invalid snapshot type: {expected}. Types: {', '.join(_TYPES)}.")
    types = (expected,) if expected else UNASKED_TYPES
    of_type = [s for s in call.region.snapshots.values() if s.snapshot_type in types]
    found = matching(call, of_type, _FILTERS)
    if cluster:
        found = [s for s in found if s.cluster_identifier == bare_identifier(cluster, "cluster")]
    if resource_id := call.text("DbClusterResourceId"):
        found = [s for s in found if s.cluster_resource_id == resource_id]
    if named:
        found = [s for s in found if s.identifier == bare_identifier(named, "cluster-snapshot")]
        if not found:
            raise errors.snapshot_not_found(named)
        if found[0].snapshot_type == "automated" and expected is None:
            raise errors.invalid_combination(
                f"{found[0].identifier} is an automated snapshot: SnapshotType must be specified with its identifier."
            )
    return page(call, "DBClusterSnapshots", found, lambda s: s.identifier, lambda s: show(call, s))


UNASKED_TYPES = ("automated", "manual")
"""API_DescribeDBClusterSnapshots: "If you don't specify a SnapshotType value, then both automated and manual DB cluster
snapshots are returned." Those of AWS Backup, and of other accounts, are shown to a caller that asks for their type."""


def create_db_cluster_snapshot(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    if cluster.status != "available":
        raise errors.invalid_cluster_state(f"Cluster {cluster.identifier} is in the {cluster.status} state.")
    refuse_busy(call, cluster)
    tags = checked_tags(call.params.get("Tags"))
    if not tags and cluster.settings.get("CopyTagsToSnapshot"):
        # USER_Tagging: tags that the request gives are all that the snapshot gets, whatever CopyTagsToSnapshot says.
        tags = dict(cluster.tags)
    snapshot = begin_snapshot(call, cluster, call.params["DBClusterSnapshotIdentifier"], tags)
    return {"DBClusterSnapshot": show(call, snapshot)}


def begin_snapshot(call: Call, cluster: Cluster, identifier: str, tags: dict[str, str]) -> Snapshot:
    """Start a manual snapshot of a cluster as it is now; also the final snapshot of a cluster being deleted."""
    name = _free_name(call, "DBClusterSnapshotIdentifier", identifier)
    snapshot = snapshot_of(call.world, call.region, cluster, name, "manual")
    snapshot.tags = tags
    call.region.snapshots[name] = snapshot
    call.world.begin(Kind.SNAPSHOT_CREATE, call.region, snapshot.arn, call.now, call.world.durations.snapshot)
    call.world.report(call.region, snapshot, call.now, "Creating manual cluster snapshot", "backup")
    return snapshot


def snapshot_of(
    world: World, region: Region, cluster: Cluster, identifier: str, snapshot_type: str
) -> Snapshot:
    """A snapshot object of a cluster's present storage, without any work done for it."""
    group = region.subnet_group(cluster.subnet_group)
    # Only a copy has a content id other than its storage id.
    storage_id = world.ids.resource_id("snapshot")
    return Snapshot(
        region=region.name,
        account=world.account_id,
        identifier=identifier,
        snapshot_type=snapshot_type,
        cluster_identifier=cluster.identifier,
        cluster_resource_id=cluster.resource_id,
        cluster_created_at=cluster.created_at,
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        master_username=cluster.master_username,
        master_password=cluster.master_password,
        storage_id=storage_id,
        content_id=storage_id,
        port=cluster.port or 0,
        vpc_id=group.vpc_id,
        kms_key_id=cluster.kms_key_id,
        contents=cluster.contents,
        availability_zones=group.availability_zones,
        settings=dict(cluster.settings),
    )


def _free_name(call: Call, parameter: str, identifier: str) -> str:
    name = validated_identifier(parameter, identifier)
    if name in call.region.snapshots:
        raise errors.snapshot_exists(name)
    # Automated snapshots have no quota.
    if call.region.manual_snapshots() >= call.world.quotas.manual_snapshots:
        limit = call.world.quotas.manual_snapshots
        raise errors.snapshot_quota_exceeded(f"Cannot create more than {limit} manual snapshots")
    return name


def copy_db_cluster_snapshot(call: Call) -> dict[str, Any]:
    """Called in the Region that is to have the copy; a snapshot of another Region is named by its ARN."""
    source = _copy_source(call)
    name = _free_name(
        call, "TargetDBClusterSnapshotIdentifier", call.params["TargetDBClusterSnapshotIdentifier"]
    )
    key = _key_for_copy(call, source)
    tags = checked_tags(call.params.get("Tags"))
    if call.params.get("CopyTags"):
        # The copy is made in the caller's name, who may not write reserved tags.
        refuse_reserved_tags(source.tags)
        tags = {**source.tags, **tags}
    # Only copies from another Region count: within a Region nothing is transferred.
    in_flight = sum(
        t.kind is Kind.SNAPSHOT_COPY
        and t.region == call.region.name
        and f":{t.region}:" not in t.arguments["source_arn"]
        for t in call.world.transitions
    )
    limit = call.world.quotas.copies_in_flight
    if source.region != call.region.name and in_flight >= limit:
        raise errors.snapshot_quota_exceeded(f"Cannot copy more than {limit} snapshots across regions")
    copy = replace(
        source,
        region=call.region.name,
        identifier=name,
        snapshot_type="manual",
        storage_id=call.world.ids.resource_id("snapshot"),
        status="copying",
        created_at=None,
        progress=0,
        kms_key_id=key,
        source_arn=source.arn,
        availability_zones=list(source.availability_zones),
        tags=tags,
        settings=dict(source.settings),
    )
    call.region.snapshots[name] = copy
    call.world.begin(
        Kind.SNAPSHOT_COPY, call.region, copy.arn, call.now, call.world.durations.copy,
        arguments={
            "source_arn": source.arn, "source_storage_id": source.storage_id, "storage_id": copy.storage_id,
        },

    )  # fmt: skip
    return {"DBClusterSnapshot": show(call, copy)}


def _copy_source(call: Call) -> Snapshot:
    named = call.params["SourceDBClusterSnapshotIdentifier"]
    arn = parse_arn(named)
    region = call.world.region_of_arn(named) if arn else call.region
    # Of another account, or of a Region that this world does not have.
    if region is None:
        raise errors.snapshot_not_found(named)
    source = region.snapshot(named)
    if source.status != "available":
        raise errors.invalid_snapshot_state(
            f"The DB cluster snapshot {source.identifier} is in the {source.status} state and cannot be copied."
        )
    return source


def _key_for_copy(call: Call, source: Snapshot) -> str | None:
    expected = call.text("KmsKeyId")
    if source.kms_key_id is None:
        if expected:
            raise errors.invalid_combination(
                "KmsKeyId can only be specified for a copy of an encrypted DB cluster snapshot"
            )
        return None
    if expected:
        return usable_key(call, expected)
    # A key belongs to its Region: within it the copy can keep that of the source.
    if source.region != call.region.name:
        raise errors.invalid_value("Must specify new KMS key for cross region encrypted snapshot copy")
    return source.kms_key_id


def delete_db_cluster_snapshot(call: Call) -> dict[str, Any]:
    """Delete a manual snapshot; a copy that is being made is cancelled by it."""
    snapshot = call.region.snapshot(call.params["DBClusterSnapshotIdentifier"])
    # RDS deletes automated ones itself, at the end of their retention or with their cluster.
    if snapshot.snapshot_type != "manual":
        raise errors.invalid_snapshot_state("Only manual snapshots may be deleted.")
    if snapshot.status not in _DELETABLE:
        raise errors.invalid_snapshot_state(
            f"Cannot delete the snapshot {snapshot.identifier} because it is not in one of the following states: "
            f"available, copying, failed. It is {snapshot.status}."
        )
    # A copy whose source goes away in the middle does not end well.
    for transition in call.world.transitions:
        if transition.kind is Kind.SNAPSHOT_COPY and transition.arguments["source_arn"] == snapshot.arn:
            transition.ends_as = "failed"
    call.world.cancel_transitions(snapshot.arn)
    snapshot.status = "deleting"
    call.world.begin(
        Kind.SNAPSHOT_DELETE, call.region, snapshot.arn, call.now, call.world.durations.snapshot_delete
    )
    return {"DBClusterSnapshot": show(call, snapshot)}


def describe_db_cluster_snapshot_attributes(call: Call) -> dict[str, Any]:
    snapshot = call.region.snapshot(call.params["DBClusterSnapshotIdentifier"])
    # Only a manual snapshot can be shared; no account has been given any here.
    attribute = {"AttributeName": "restore", "AttributeValues": []}
    return {
        "DBClusterSnapshotAttributesResult": {
            "DBClusterSnapshotIdentifier": snapshot.identifier,
            "DBClusterSnapshotAttributes": [attribute] if snapshot.snapshot_type == "manual" else [],
        }
    }


OPERATIONS = {
    "DescribeDBClusterSnapshots": operation(
        describe_db_cluster_snapshots,
        "DBClusterIdentifier DBClusterSnapshotIdentifier SnapshotType Filters MaxRecords Marker IncludeShared "
        "IncludePublic DbClusterResourceId",
    ),
    "CreateDBClusterSnapshot": operation(
        create_db_cluster_snapshot, "DBClusterIdentifier DBClusterSnapshotIdentifier Tags"
    ),
    "CopyDBClusterSnapshot": operation(
        copy_db_cluster_snapshot,
        "SourceDBClusterSnapshotIdentifier TargetDBClusterSnapshotIdentifier KmsKeyId CopyTags Tags PreSignedUrl",
    ),
    "DeleteDBClusterSnapshot": operation(delete_db_cluster_snapshot, "DBClusterSnapshotIdentifier"),
    "DescribeDBClusterSnapshotAttributes": operation(
        describe_db_cluster_snapshot_attributes, "DBClusterSnapshotIdentifier"
    ),
}
