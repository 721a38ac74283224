"""DB instances that are members of a cluster: describe, create, modify, delete."""

from __future__ import annotations

from typing import Any

from local_aurora import catalogue, errors
from local_aurora.identifiers import bare_identifier, checked_tags, validated_identifier
from local_aurora.objects import Cluster, Instance, show_instance
from local_aurora.paging import matching, page
from local_aurora.settling import show_changes
from local_aurora.timing import Kind
from local_aurora.watching import checked_instance_settings
from local_aurora.world import Call, operation

_ACCEPTS_MEMBERS = (
    "available",
    "creating",
    "modifying",
    "resetting-master-credentials",
    "update-iam-db-auth",
)
_CANNOT_BE_DELETED = ("deleting", "stopped", "stopping", "starting", "renaming", "modifying")
_SETTINGS = (
    "AutoMinorVersionUpgrade", "PubliclyAccessible", "CACertificateIdentifier", "CopyTagsToSnapshot",
    "MonitoringInterval", "MonitoringRoleArn", "PreferredMaintenanceWindow", "PerformanceInsightsRetentionPeriod",
    "PerformanceInsightsKMSKeyId",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "AutoMinorVersionUpgrade": True,
    "PubliclyAccessible": False,
    "CopyTagsToSnapshot": False,
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "PreferredMaintenanceWindow": "sun:06:00-sun:06:30",
    "MonitoringInterval": 0,
    "PerformanceInsightsEnabled": False,
}


def show(call: Call, instance: Instance) -> dict[str, Any]:
    cluster = _cluster_of(call, instance)
    return show_instance(instance, cluster, call.region.subnet_group(cluster.subnet_group))


def _cluster_of(call: Call, instance: Instance) -> Cluster:
    found = call.region.cluster_by_resource_id(instance.cluster_resource_id)
    if found is None:
        raise errors.cluster_not_found(instance.cluster_resource_id)
    return found


def describe_db_instances(call: Call) -> dict[str, Any]:
    filters = {
        "db-cluster-id": lambda i: (_cluster_of(call, i).identifier, _cluster_of(call, i).arn),
        "db-instance-id": lambda i: (i.identifier, i.arn),
        "dbi-resource-id": lambda i: (i.resource_id,),
        "engine": lambda i: (i.engine,),
    }
    found = matching(call, call.region.instances.values(), filters)
    if named := call.text("DBInstanceIdentifier"):
        found = [i for i in found if i.identifier == bare_identifier(named, "db") or i.resource_id == named]
        if not found:
            raise errors.instance_not_found(named)
    return page(call, "DBInstances", found, lambda i: i.identifier, lambda i: show(call, i))


def create_db_instance(call: Call) -> dict[str, Any]:
    """Adds a member to a cluster. The first one makes the cluster accept connections."""
    name = _free_name(call, "DBInstanceIdentifier")
    limit = call.world.quotas.instances
    if len(call.region.instances) >= limit:
        raise errors.AwsError("InstanceQuotaExceeded", f"DB instance quota exceeded: {limit} instances.")
    cluster = _accepting_cluster(call)
    catalogue.refuse_class(cluster.engine, cluster.engine_version, call.params["DBInstanceClass"])
    instance = _new_instance(call, name, cluster)
    making = call.world.transition_of(cluster.resource_id, Kind.CLUSTER_CREATE, Kind.CLUSTER_RESTORE)
    seconds = call.world.durations.instance
    # The first one takes longer: the storage of its cluster is opened for it.
    if not call.region.members(cluster):
        seconds += call.world.durations.first_instance_lag
    call.region.instances[name] = instance
    call.world.begin(
        Kind.INSTANCE_CREATE, call.region, instance.resource_id, call.now, seconds,
        not_before=making.ends_at if making else None, arguments={
            "cluster": cluster.resource_id, "busy_seconds": str(call.world.durations.busy_after_creation),
        },
    )  # fmt: skip
    return {"DBInstance": show(call, instance)}


def _free_name(call: Call, parameter: str) -> str:
    name = validated_identifier(parameter, call.params[parameter])
    if name in call.region.instances:
        raise errors.instance_exists(name)
    return name


def _accepting_cluster(call: Call) -> Cluster:
    named = call.text("DBClusterIdentifier")
    if not named:
        raise errors.invalid_combination(
            "The local Aurora makes instances of Aurora clusters only: DBClusterIdentifier is needed."
        )
    cluster = call.region.cluster(named)
    if call.params["Engine"] != cluster.engine:
        raise errors.invalid_combination(
            f"The engine name requested for your DB instance ({call.params['Engine']}) doesn't match the engine name "
            f"of your DB cluster ({cluster.engine})."
        )
    if cluster.status not in _ACCEPTS_MEMBERS:
        raise errors.invalid_cluster_state(
            f"DB cluster {cluster.identifier} is in the {cluster.status} state and takes no DB instance."
        )
    return cluster


def _new_instance(call: Call, name: str, cluster: Cluster) -> Instance:
    # Without a zone in the call the members are spread over those of the subnet group.
    members = call.region.members(cluster)
    zones = call.region.subnet_group(cluster.subnet_group).availability_zones
    settings = {**_DEFAULTS, **{key: call.params[key] for key in _SETTINGS if key in call.params}}
    settings["PerformanceInsightsEnabled"] = bool(call.params.get("EnablePerformanceInsights"))
    settings = checked_instance_settings(call, settings)
    return Instance(
        region=call.region.name,
        account=call.world.account_id,
        identifier=name,
        resource_id=call.world.ids.resource_id("db"),
        cluster_resource_id=cluster.resource_id,
        instance_class=call.params["DBInstanceClass"],
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        created_at=call.now,
        availability_zone=call.text("AvailabilityZone") or zones[len(members) % len(zones)],
        promotion_tier=call.params.get("PromotionTier", 1),
        parameter_group=_parameter_group(call, cluster),
        tags=checked_tags(call.params.get("Tags")),
        settings=settings,
    )


def _parameter_group(call: Call, cluster: Cluster) -> str:
    expected = call.text("DBParameterGroupName")
    default = call.world.default_parameter_group(call.region, "pg", cluster.engine, cluster.engine_version)
    # The default group shows which family is the right one, also where another group is named.
    group = call.region.parameter_group(expected) if expected else default
    if group.family != default.family:
        raise errors.invalid_combination(
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this "
            f"instance. Please use a parameter group with DBParameterGroupFamily {default.family}"
        )
    return group.name


def modify_db_instance(call: Call) -> dict[str, Any]:
    """A new class or name waits for the maintenance window unless ApplyImmediately; the rest changes at once."""
    instance = call.region.instance(call.params["DBInstanceIdentifier"])
    if instance.status != "available":
        raise errors.invalid_instance_state(
            f"Database instance {instance.identifier} is not in available state."
        )
    cluster = _cluster_of(call, instance)
    if new_class := call.text("DBInstanceClass"):
        catalogue.refuse_class(cluster.engine, cluster.engine_version, new_class)
    parameter = "NewDBInstanceIdentifier"
    new_name = _free_name(call, parameter) if call.text(parameter) else None
    parameter_group = instance.parameter_group
    if call.text("DBParameterGroupName"):
        parameter_group = _parameter_group(call, cluster)
    changed = {key: call.params[key] for key in _SETTINGS if key in call.params}
    # The last check: a call that is refused changes nothing.
    instance.settings = checked_instance_settings(call, {**instance.settings, **changed})
    instance.parameter_group = parameter_group
    instance.promotion_tier = call.params.get("PromotionTier", instance.promotion_tier)
    if new_class and new_class != instance.instance_class:
        _begin_change(call, instance, "DBInstanceClass", new_class, Kind.INSTANCE_MODIFY)
    if new_name:
        _begin_change(call, instance, "DBInstanceIdentifier", new_name, Kind.INSTANCE_RENAME)
    return {"DBInstance": show(call, instance)}


def _begin_change(call: Call, instance: Instance, field: str, value: str, kind: Kind) -> None:
    instance.pending[field] = value
    # The local Aurora has no maintenance windows: the change stays pending.
    if not call.params.get("ApplyImmediately"):
        return
    renames = kind is Kind.INSTANCE_RENAME
    seconds = call.world.durations.rename if renames else call.world.durations.modify
    call.world.begin_change(
        kind, call.region, instance.resource_id, call.now, seconds, {"new_identifier": value}
    )
    show_changes(call.world, call.now)


def reboot_db_instance(call: Call) -> dict[str, Any]:
    """Sessions end when the server comes up anew; the endpoint stays."""
    if call.params.get("ForceFailover"):
        raise errors.invalid_combination("ForceFailover cannot be specified for an Aurora DB instance.")
    instance = call.region.instance(call.params["DBInstanceIdentifier"])
    cluster = _cluster_of(call, instance)
    if instance.status != "available" or cluster.status in ("stopped", "stopping", "starting"):
        raise errors.invalid_instance_state(
            f"Instance {instance.identifier} is {instance.status}: only an available one is rebooted."
        )
    call.world.begin_change(
        Kind.INSTANCE_REBOOT, call.region, instance.resource_id, call.now, call.world.durations.reboot
    )
    show_changes(call.world, call.now)
    return {"DBInstance": show(call, instance)}


def delete_db_instance(call: Call) -> dict[str, Any]:
    instance = call.region.instance(call.params["DBInstanceIdentifier"])
    # Snapshots are taken of the cluster, whose storage all members share.
    if call.text("FinalDBSnapshotIdentifier"):
        raise errors.invalid_combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance"
        )
    cluster = _cluster_of(call, instance)
    if cluster.status in ("stopped", "stopping", "starting"):
        raise errors.invalid_cluster_state(
            f"DB cluster {cluster.identifier} is in the {cluster.status} state: start it first."
        )
    if instance.status in _CANNOT_BE_DELETED:
        raise errors.invalid_instance_state(
            f"Instance {instance.identifier} is already being deleted or busy: {instance.status}."
        )
    call.world.cancel_transitions(instance.resource_id)
    instance.status = "deleting"
    call.world.begin(
        Kind.INSTANCE_DELETE, call.region, instance.resource_id, call.now, call.world.durations.delete
    )
    return {"DBInstance": show(call, instance)}


OPERATIONS = {
    "DescribeDBInstances": operation(describe_db_instances, "DBInstanceIdentifier Filters MaxRecords Marker"),
    "CreateDBInstance": operation(
        create_db_instance,
        "DBInstanceIdentifier DBInstanceClass Engine DBClusterIdentifier AvailabilityZone PromotionTier Tags "
        f"DBParameterGroupName EnablePerformanceInsights {' '.join(_SETTINGS)}",
    ),
    "ModifyDBInstance": operation(
        modify_db_instance,
        "DBInstanceIdentifier NewDBInstanceIdentifier DBInstanceClass ApplyImmediately DBParameterGroupName "
        f"PromotionTier {' '.join(_SETTINGS)}",
    ),
    "RebootDBInstance": operation(reboot_db_instance, "DBInstanceIdentifier ForceFailover"),
    "DeleteDBInstance": operation(
        delete_db_instance,
        "DBInstanceIdentifier SkipFinalSnapshot FinalDBSnapshotIdentifier DeleteAutomatedBackups",
    ),
}
