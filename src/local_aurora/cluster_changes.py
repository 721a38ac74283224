"""ModifyDBCluster: what changes at once, and what the cluster has to go through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_aurora import errors
from local_aurora.cluster_settings import (
    SETTINGS,
    apply_settings,
    checked_password,
    checked_port,
    checked_security_groups,
    refuse_busy,
    refuse_log_types,
)
from local_aurora.clusters import parameter_group_name, refuse_taken_name, show
from local_aurora.identifiers import validated_identifier
from local_aurora.master_secret import begin_managed_secret, wants_managed_secret
from local_aurora.objects import Cluster
from local_aurora.settling import show_changes
from local_aurora.taking_parameters import show_as_applying
from local_aurora.timing import Kind
from local_aurora.world import Call, operation

MASKED = "****"
Change = Callable[[Call, Cluster], None]


def modify_db_cluster(call: Call) -> dict[str, Any]:
    """Changes take effect at once, except the name, which waits for the maintenance window unless ApplyImmediately."""
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    if cluster.status != "available":
        raise errors.invalid_cluster_state(
            f"DB cluster {cluster.identifier} is in the {cluster.status} state; it must be available."
        )
    refuse_busy(call, cluster)
    settings = apply_settings(call, dict(cluster.settings), cluster.engine)
    # IAM authentication shows only once it is really switched.
    settings["IAMDatabaseAuthenticationEnabled"] = cluster.settings["IAMDatabaseAuthenticationEnabled"]
    exports = call.params.get("CloudwatchLogsExportConfiguration")
    if exports:
        enable, disable = exports.get("EnableLogTypes") or [], exports.get("DisableLogTypes") or []
        refuse_log_types(cluster.engine, [*enable, *disable])
        exported = {*cluster.settings.get("EnabledCloudwatchLogsExports", []), *enable} - set(disable)
        settings["EnabledCloudwatchLogsExports"] = sorted(exported)
    changes = _changes(call, cluster)
    # The last checks come before its first assignment: a call that is refused changes nothing.
    _change_groups(call, cluster)
    cluster.settings = settings
    call.region.open_log_groups(cluster)
    for change in changes:
        change(call, cluster)
    show_changes(call.world, call.now)
    return {"DBCluster": show(call, cluster)}


def _changes(call: Call, cluster: Cluster) -> list[Change]:
    """The changes that take time, checked before any of them begins."""
    changes: list[Change] = []
    # The order is the one in which they begin.
    if wants_managed_secret(call, cluster):
        changes.append(begin_managed_secret)
    if (password := call.text("MasterUserPassword")) is not None:
        checked_password(cluster.engine, password)
        changes.append(_begin_password)
    iam = call.params.get("EnableIAMDatabaseAuthentication")
    # To ask for what the cluster has already is accepted, and changes nothing; so with the port.
    if iam is not None and iam != cluster.settings["IAMDatabaseAuthenticationEnabled"]:
        changes.append(_begin_iam)
    if (port := checked_port(call, cluster)) is not None and port != cluster.port:
        changes.append(_begin_port)
    if new_name := call.text("NewDBClusterIdentifier"):
        name = validated_identifier("NewDBClusterIdentifier", new_name)
        going = call.world.transition_of(cluster.resource_id, Kind.CLUSTER_RENAME)
        is_the_same = going is not None and going.arguments["new_identifier"] == name
        # RDS can accept the very rename that is under way again, without doing anything.
        if is_the_same and call.world.habits.accepts_repeated_rename:
            return changes
        refuse_taken_name(call, name)
        changes.append(_begin_rename)
    return changes


def _change_groups(call: Call, cluster: Cluster) -> None:
    # Both are checked before either is assigned.
    subnet_group = call.region.subnet_group(cluster.subnet_group)
    security_group_ids, parameter_group = cluster.security_group_ids, cluster.parameter_group
    if call.params.get("VpcSecurityGroupIds"):
        security_group_ids = checked_security_groups(call, subnet_group)
    if call.text("DBClusterParameterGroupName"):
        parameter_group = parameter_group_name(call, cluster.engine, cluster.engine_version)
    cluster.security_group_ids = security_group_ids
    if parameter_group == cluster.parameter_group:
        return
    # "The change is applied immediately", and takes effect in each instance when that is rebooted: AuroraUserGuide,
    # "Associating a DB cluster parameter group with a DB cluster in Amazon Aurora".
    before = call.region.cluster_parameter_groups.get(cluster.parameter_group)
    for member in call.region.members(cluster):
        show_as_applying(call.world, member, before, call.now)
    call.world.release_group(call.region, cluster.parameter_group, call.now)
    cluster.parameter_group = parameter_group


def _begin_password(call: Call, cluster: Cluster) -> None:
    cluster.pending_password = call.params["MasterUserPassword"]
    # RDS shows that a password is pending, and never which.
    cluster.pending["MasterUserPassword"] = MASKED
    seconds = call.world.durations.password_change
    call.world.begin_change(Kind.CLUSTER_PASSWORD, call.region, cluster.resource_id, call.now, seconds)


def _begin_iam(call: Call, cluster: Cluster) -> None:
    enabled = bool(call.params["EnableIAMDatabaseAuthentication"])
    cluster.pending["IAMDatabaseAuthenticationEnabled"] = enabled
    call.world.begin_change(
        Kind.CLUSTER_IAM, call.region, cluster.resource_id, call.now, call.world.durations.modify,
        arguments={"enabled": "true" if enabled else "false"},
    )  # fmt: skip


def _begin_port(call: Call, cluster: Cluster) -> None:
    """ "An outage occurs during this change. All of the DB instances in the DB cluster are rebooted immediately."

    So says the AuroraUserGuide ("Modifying an Amazon Aurora DB cluster"). Sessions last until the new port answers.
    """
    if call.world.transition_of(cluster.resource_id, Kind.CLUSTER_PORT):
        raise errors.invalid_cluster_state(f"DB cluster {cluster.identifier} is being modified.")
    call.world.begin_change(
        Kind.CLUSTER_PORT, call.region, cluster.resource_id, call.now, call.world.durations.reboot,
        arguments={"port": str(call.params["Port"])},
    )  # fmt: skip


def _begin_rename(call: Call, cluster: Cluster) -> None:
    name = call.params["NewDBClusterIdentifier"].lower()
    if call.world.habits.pending_rename_shows:
        cluster.pending["DBClusterIdentifier"] = name
    # The local Aurora has no maintenance windows: such a rename stays pending.
    if not call.params.get("ApplyImmediately"):
        return
    call.world.begin_change(
        Kind.CLUSTER_RENAME, call.region, cluster.resource_id, call.now, call.world.durations.rename,
        arguments={"new_identifier": name},
    )  # fmt: skip


OPERATIONS = {
    "ModifyDBCluster": operation(
        modify_db_cluster,
        "DBClusterIdentifier NewDBClusterIdentifier ApplyImmediately MasterUserPassword VpcSecurityGroupIds Port "
        "DBClusterParameterGroupName ManageMasterUserPassword MasterUserSecretKmsKeyId Domain DomainIAMRoleName "
        f"CloudwatchLogsExportConfiguration EnableLocalWriteForwarding {' '.join(SETTINGS)}",
    ),
}
