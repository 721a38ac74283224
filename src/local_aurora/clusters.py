"""DB clusters: describe, create, restore, delete, stop, start, roles."""

from __future__ import annotations

from typing import Any

from local_aurora import automated_backups, catalogue, custom_endpoints, endpoints, errors
from local_aurora.catalogue import family_of
from local_aurora.cluster_settings import (
    SETTINGS,
    apply_settings,
    checked_password,
    checked_port,
    checked_security_groups,
    new_cluster_settings,
    refuse_busy,
)
from local_aurora.identifiers import bare_identifier, checked_tags, validated_identifier
from local_aurora.keys import usable_key
from local_aurora.objects import SHARED_PORTS, Cluster, Snapshot, show_cluster
from local_aurora.paging import matching, page
from local_aurora.parameter_objects import DEFAULT_PREFIX
from local_aurora.snapshots import begin_snapshot
from local_aurora.timing import Kind, Transition
from local_aurora.world import Call, operation

_MAX_ROLES = 5
_FILTERS = {
    "db-cluster-id": lambda c: (c.identifier, c.arn),
    "db-cluster-resource-id": lambda c: (c.resource_id,),
    "engine": lambda c: (c.engine,),
}
RESERVED_USERNAME = "rdsadmin"
"""Amazon's own user, in every engine."""


def show(call: Call, cluster: Cluster) -> dict[str, Any]:
    zones = call.region.subnet_group(cluster.subnet_group).availability_zones
    making = call.world.transition_of(cluster.resource_id, Kind.CLUSTER_RESTORE, Kind.CLUSTER_CREATE)
    # Only a cluster that is being made shows how far it is.
    percent = making.percent(call.now) if making else None
    group = call.region.cluster_parameter_groups.get(cluster.parameter_group)
    members = [(each, each.applied.status(group, call.now)) for each in call.region.members(cluster)]
    shown = show_cluster(cluster, members, zones, percent, call.now)
    hosts = custom_endpoints.shown_hosts(call, cluster)
    return {**shown, "CustomEndpoints": hosts} if hosts else shown


def describe_db_clusters(call: Call) -> dict[str, Any]:
    found = matching(call, call.region.clusters.values(), _FILTERS)
    if named := call.text("DBClusterIdentifier"):
        found = [
            c for c in found if c.identifier == bare_identifier(named, "cluster") or c.resource_id == named
        ]
        if not found:
            raise errors.cluster_not_found(named)
    return page(call, "DBClusters", found, lambda c: c.identifier, lambda c: show(call, c))


def create_db_cluster(call: Call) -> dict[str, Any]:
    name = _free_name(call)
    engine = catalogue.checked_engine(call.params["Engine"])
    version = catalogue.checked_version(engine, call.text("EngineVersion"))
    username, password = call.text("MasterUsername"), call.text("MasterUserPassword")
    if not username or not password:
        raise errors.AwsError("MissingParameter", "MasterUsername and MasterUserPassword must be provided.")
    if username.lower() == RESERVED_USERNAME:
        raise errors.invalid_value(
            f"MasterUsername {username} cannot be used as it is a reserved word used by the engine"
        )
    cluster = _new_cluster(call, name, engine, version, username)
    cluster.master_password = checked_password(cluster.engine, password)
    cluster.contents = cluster.resource_id
    # A key alone asks for encryption, too.
    encrypts = call.params.get("StorageEncrypted") or call.text("KmsKeyId")
    cluster.kms_key_id = usable_key(call, call.text("KmsKeyId") or "alias/aws/rds") if encrypts else None
    cluster.database_name = call.text("DatabaseName")
    return _begin(call, cluster, Kind.CLUSTER_CREATE, call.world.durations.create)


def restore_db_cluster_from_snapshot(call: Call) -> dict[str, Any]:
    """Makes the cluster and none of its instances. What is not asked for is the Region's or the VPC's default."""
    name = _free_name(call)
    snapshot = call.region.snapshot(call.params["SnapshotIdentifier"])
    if snapshot.status != "available":
        raise errors.invalid_snapshot_state(
            f"The DB cluster snapshot {snapshot.identifier} is in the {snapshot.status} state; it must be available."
        )
    version = _restored_version(call, snapshot)
    cluster = _new_cluster(call, name, snapshot.engine, version, snapshot.master_username, snapshot)
    # The master user and the password come along in the data: the call has no parameters for them.
    cluster.master_password, cluster.contents = snapshot.master_password, snapshot.contents
    key = call.text("KmsKeyId")
    cluster.kms_key_id = usable_key(call, key) if key else snapshot.kms_key_id
    cluster.database_name = call.text("DatabaseName")
    data = {"storage_id": snapshot.storage_id, "content_id": snapshot.content_id}
    return _begin(call, cluster, Kind.CLUSTER_RESTORE, call.world.durations.restore, data)


def _restored_version(call: Call, snapshot: Snapshot) -> str:
    engine = call.params["Engine"]
    if engine != snapshot.engine:
        raise errors.invalid_combination(
            f"The engine name requested for your DB cluster ({engine}) doesn't match the engine name of your "
            f"DB cluster snapshot ({snapshot.engine})."
        )
    version = catalogue.checked_version(engine, call.text("EngineVersion"))
    # The default version may be below the snapshot's: only a version that the call names is refused.
    if _numbers(version) < _numbers(snapshot.engine_version) and call.text("EngineVersion"):
        raise errors.invalid_combination(
            f"Cannot restore a snapshot of {snapshot.engine_version} as {version}"
        )
    return version


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.replace("mysql_aurora.", "").split(".") if part.isdigit()]


def _free_name(call: Call) -> str:
    name = validated_identifier("DBClusterIdentifier", call.params["DBClusterIdentifier"])
    refuse_taken_name(call, name)
    if len(call.region.clusters) >= call.world.quotas.clusters:
        raise errors.AwsError(
            "DBClusterQuotaExceededFault", f"DBCluster quota exceeded: {call.world.quotas.clusters} clusters."
        )
    return name


def refuse_taken_name(call: Call, name: str) -> None:
    """A name is taken by a cluster, by one that is on its way to it, and for a while after it was given up."""
    # DNS goes on knowing a name for a while.
    if call.now < call.region.released_names.get(name, call.now):
        raise errors.cluster_exists(name)
    renames = (
        t for t in call.world.transitions if t.kind is Kind.CLUSTER_RENAME and t.region == call.region.name
    )
    if name in call.region.clusters or any(t.arguments["new_identifier"] == name for t in renames):
        raise errors.cluster_exists(name)


def _new_cluster(
    call: Call, name: str, engine: str, version: str, username: str, snapshot: Snapshot | None = None
) -> Cluster:
    mode = call.text("EngineMode")
    if mode not in (None, "provisioned"):
        raise errors.invalid_combination(
            f"The engine mode {mode} that you requested is currently unavailable."
        )
    group = call.region.subnet_group(call.text("DBSubnetGroupName") or "default")
    inherited = snapshot.settings if snapshot else {}
    cluster = Cluster(
        region=call.region.name,
        account=call.world.account_id,
        identifier=name,
        resource_id="",
        engine=engine,
        engine_version=version,
        master_username=username,
        created_at=call.now,
        subnet_group=group.name,
        security_group_ids=checked_security_groups(call, group),
        parameter_group=parameter_group_name(call, engine, version),
        tags=checked_tags(call.params.get("Tags")),
        settings=apply_settings(call, new_cluster_settings(inherited), engine),
    )
    if zones := call.params.get("AvailabilityZones"):
        cluster.settings["AvailabilityZones"] = list(zones)
    cluster.roles = [{**role, "Status": "ACTIVE"} for role in call.params.get("AssociatedRoles") or []]
    cluster.port = checked_port(call, cluster)
    # With an engine the port is the one that its server gets: clusters of one machine cannot share any.
    if not cluster.port and call.world.work is None:
        cluster.port = (snapshot.port if snapshot else 0) or SHARED_PORTS[engine]
    cluster.domain = endpoints.LOCAL_DOMAIN if call.world.work else endpoints.AWS_DOMAIN
    cluster.resource_id = call.world.ids.resource_id("cluster")
    endpoints.renew_certificate(cluster)
    return cluster


def parameter_group_name(call: Call, engine: str, version: str) -> str:
    """The group that a call names, which must fit the engine's family, or the family's default one."""
    asked = call.text("DBClusterParameterGroupName")
    if asked is None:
        return call.world.default_parameter_group(call.region, "cluster-pg", engine, version).name
    family = family_of(engine, version)
    # Whether RDS makes a default group for a call that names it before any cluster used it is a habit.
    if asked.lower() == f"{DEFAULT_PREFIX}{family}" and not call.world.habits.default_groups_need_a_cluster:
        call.world.default_parameter_group(call.region, "cluster-pg", engine, version)
    group = call.region.cluster_parameter_group(asked)
    if group.family != family:
        raise errors.invalid_combination(
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this "
            f"instance. Please use a parameter group with DBParameterGroupFamily {family}"
        )
    return group.name


def _begin(
    call: Call, cluster: Cluster, kind: Kind, seconds: float, arguments: dict[str, str] | None = None
) -> dict[str, Any]:
    group = call.region.cluster_parameter_group(cluster.parameter_group)
    # RDS may still be at making the group: then the instances of this cluster begin without it.
    cluster.began_with_defaults = not group.is_complete(call.now)
    call.region.clusters[cluster.identifier] = cluster
    call.region.open_log_groups(cluster)
    call.world.begin(kind, call.region, cluster.resource_id, call.now, seconds, None, arguments)
    return {"DBCluster": show(call, cluster)}


def delete_db_cluster(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    _refuse_delete(call, cluster)
    refuse_busy(call, cluster)
    keeps = call.params.get("DeleteAutomatedBackups") is False
    if keeps:
        automated_backups.refuse_beyond_quota(call, cluster)
    # The last that can refuse: what the call changes comes after it.
    transition = _final_snapshot(call, cluster)
    if keeps:
        automated_backups.retain(call, cluster)
    # Whatever it was going through (a rename, say) does not come to its end any more.
    call.world.cancel_transitions(cluster.resource_id)
    members = call.region.members(cluster)
    ends = [t.ends_at for member in members if (t := call.world.transition_of(member.resource_id))]
    cluster.status = "deleting"
    call.world.begin(
        Kind.CLUSTER_DELETE, call.region, cluster.resource_id, call.now, call.world.durations.delete,
        # After its members, and after the final snapshot has its data.
        not_before=max([*ends, *([transition.ends_at] if transition else [])], default=None),
        arguments={
            "delete_automated_backups": "false" if keeps else "true",
            "snapshot": transition.subject if transition else "",
        },
    )  # fmt: skip
    return {"DBCluster": show(call, cluster)}


def _refuse_delete(call: Call, cluster: Cluster) -> None:
    if cluster.settings.get("DeletionProtection"):
        raise errors.invalid_combination(
            "Cannot delete protected Cluster, please disable deletion protection and try again."
        )
    if call.world.global_cluster_of(cluster) is not None:
        raise errors.AwsError(
            "InvalidGlobalClusterStateFault",
            f"This cluster is a part of a global cluster, please remove it from it first: {cluster.arn}",
        )
    if any(member.status != "deleting" for member in call.region.members(cluster)):
        raise errors.invalid_cluster_state(
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
        )
    if cluster.status in ("deleting", "stopped", "stopping", "starting", "renaming"):
        raise errors.invalid_cluster_state(f"Cluster {cluster.identifier} is in the {cluster.status} state.")


def _final_snapshot(call: Call, cluster: Cluster) -> Transition | None:
    final = call.text("FinalDBSnapshotIdentifier")
    skips = bool(call.params.get("SkipFinalSnapshot"))
    if skips and final:
        raise errors.invalid_combination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true."
        )
    if skips:
        return None
    if not final:
        raise errors.invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    if cluster.status != "available":
        raise errors.invalid_cluster_state(
            f"Cluster {cluster.identifier} is in the {cluster.status} state: no final snapshot."
        )
    tags = cluster.tags if cluster.settings.get("CopyTagsToSnapshot") else {}
    snapshot = begin_snapshot(call, cluster, final, dict(tags))
    return call.world.transition_of(snapshot.arn)


def stop_db_cluster(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    refuse_busy(call, cluster)
    # A cluster is stopped only as a whole.
    members = call.region.members(cluster)
    busy = [member.identifier for member in members if member.status != "available"]
    if cluster.status != "available":
        busy.insert(0, cluster.identifier)
    if busy or not members:
        reason = f"not available: {', '.join(busy)}" if busy else "it has no DB instance"
        raise errors.invalid_cluster_state(f"Cluster {cluster.identifier} cannot be stopped: {reason}.")
    if call.world.global_cluster_of(cluster) is not None:
        raise errors.invalid_cluster_state(
            f"Cluster {cluster.identifier} belongs to a global database and cannot be stopped."
        )
    at_work = [cluster.resource_id, *(member.resource_id for member in members)]
    if any(call.world.transition_of(item, Kind.CLUSTER_PORT, Kind.INSTANCE_REBOOT) for item in at_work):
        # Accepted, and not shown yet: what its instances go through comes first.
        raise errors.invalid_cluster_state(
            f"Cluster {cluster.identifier} cannot be stopped: it is being modified."
        )
    return _switch(call, cluster, Kind.CLUSTER_STOP, "stopping", call.world.durations.stop)


def start_db_cluster(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    if cluster.status != "stopped":
        raise errors.invalid_cluster_state(
            f"DbCluster {cluster.identifier} is in {cluster.status} state but expected it to be stopped."
        )
    # The start is when the certificate takes up a new name: see `endpoints`.
    endpoints.renew_certificate(cluster)
    return _switch(call, cluster, Kind.CLUSTER_START, "starting", call.world.durations.start)


def _switch(call: Call, cluster: Cluster, kind: Kind, status: str, seconds: float) -> dict[str, Any]:
    cluster.status = status
    for member in call.region.members(cluster):
        member.status = status
    call.world.begin(kind, call.region, cluster.resource_id, call.now, seconds)
    return {"DBCluster": show(call, cluster)}


def add_role_to_db_cluster(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    refuse_busy(call, cluster)
    arn, feature = call.params["RoleArn"], call.text("FeatureName") or ""
    # The same role may be associated once for each feature.
    if any(role["RoleArn"] == arn and role.get("FeatureName", "") == feature for role in cluster.roles):
        raise errors.AwsError(
            "DBClusterRoleAlreadyExists", f"The role {arn} is already associated with {cluster.identifier}."
        )
    if len(cluster.roles) >= _MAX_ROLES:
        raise errors.AwsError("DBClusterRoleQuotaExceeded", f"A DB cluster takes at most {_MAX_ROLES} roles.")
    role = {"RoleArn": arn, "Status": "ACTIVE"}
    cluster.roles.append({**role, "FeatureName": feature} if feature else role)
    return {}


_COMMON = (
    "DBClusterIdentifier Engine EngineVersion Port DBSubnetGroupName DatabaseName VpcSecurityGroupIds Tags KmsKeyId "
    f"AvailabilityZones DBClusterParameterGroupName EngineMode AssociatedRoles {' '.join(SETTINGS)}"
)
OPERATIONS = {
    "DescribeDBClusters": operation(
        describe_db_clusters, "DBClusterIdentifier Filters MaxRecords Marker IncludeShared"
    ),
    "CreateDBCluster": operation(
        create_db_cluster,
        f"{_COMMON} MasterUsername MasterUserPassword StorageEncrypted PreferredMaintenanceWindow",
    ),
    "RestoreDBClusterFromSnapshot": operation(
        restore_db_cluster_from_snapshot, f"{_COMMON} SnapshotIdentifier"
    ),
    "DeleteDBCluster": operation(
        delete_db_cluster,
        "DBClusterIdentifier SkipFinalSnapshot FinalDBSnapshotIdentifier DeleteAutomatedBackups",
    ),
    "StopDBCluster": operation(stop_db_cluster, "DBClusterIdentifier"),
    "StartDBCluster": operation(start_db_cluster, "DBClusterIdentifier"),
    "AddRoleToDBCluster": operation(add_role_to_db_cluster, "DBClusterIdentifier RoleArn FeatureName"),
}
