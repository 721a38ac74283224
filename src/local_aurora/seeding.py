"""Putting things into the local Aurora without waiting for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local_aurora.access import Login
from local_aurora.objects import Cluster, GlobalCluster, Snapshot, SubnetGroup
from local_aurora.snapshots import snapshot_of
from local_aurora.work import WORK_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from local_aurora.model import LocalAurora


def automated_snapshot_name(db_cluster_identifier: str, created_at: datetime) -> str:
    """As Aurora names its own: `rds:<cluster>-YYYY-MM-DD-HH-MM`."""
    return f"rds:{db_cluster_identifier}-{created_at:%Y-%m-%d-%H-%M}"


class Seeder:
    """Makes the world that a test or the local stack starts from. Everything is complete on return."""

    def __init__(self, aurora: LocalAurora) -> None:
        self._aurora = aurora

    def put_cluster(
        self,
        region: str,
        db_cluster_identifier: str,
        master: Login,
        *,
        engine: str = "aurora-postgresql",
        instances: Mapping[str, str] | None = None,
        contents: str | None = None,
        members_with: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> Cluster:
        """An available cluster. `instances`: identifier → class; `parameters`: any others of CreateDBCluster;
        `members_with`: any others of CreateDBInstance, for each of its instances.

        Without an engine `contents` is what its data is known by: snapshots and restores carry it along.

        Raises:
            AwsError: what CreateDBCluster or CreateDBInstance would refuse.
        """
        self._aurora.at_once("CreateDBCluster", region, {
            "DBClusterIdentifier": db_cluster_identifier,
            "Engine": engine,
            "MasterUsername": master.username,
            "MasterUserPassword": master.password,
            **parameters,
        })  # fmt: skip
        for name, instance_class in (instances or {}).items():
            self.put_instance(region, db_cluster_identifier, name, instance_class, **(members_with or {}))
        with self._aurora.locked() as world:
            cluster = world.regions[region].cluster(db_cluster_identifier)
            cluster.contents = contents or cluster.contents
            return cluster

    def put_instance(
        self, region: str, db_cluster_identifier: str, name: str, instance_class: str, **parameters: Any
    ) -> None:
        with self._aurora.locked() as world:
            engine = world.regions[region].cluster(db_cluster_identifier).engine
        self._aurora.at_once("CreateDBInstance", region, {
            "DBInstanceIdentifier": name,
            "DBClusterIdentifier": db_cluster_identifier,
            "DBInstanceClass": instance_class,
            "Engine": engine,
            **parameters,
        })  # fmt: skip

    def put_snapshot(
        self,
        region: str,
        db_cluster_identifier: str,
        created_at: datetime,
        *,
        identifier: str | None = None,
        status: str = "available",
        shares_storage_with: str | None = None,
        **fields: Any,
    ) -> Snapshot:
        """A snapshot of the cluster's present storage that has the time `created_at`.

        `shares_storage_with` names a snapshot of the Region whose data this one shows too, so that hundreds
        cost nothing. A `status` other than available stays for good (a snapshot stuck in `creating`).
        `fields`: any others of `objects.Snapshot` (`snapshot_type`, automated unless given, `tags`, `kms_key_id`, …).
        """
        with self._aurora.locked() as world:
            place = world.regions[region]
            cluster = place.cluster(db_cluster_identifier)
            name = identifier or automated_snapshot_name(cluster.identifier, created_at)
            snapshot = snapshot_of(world, place, cluster, name, "automated")
            snapshot.status = status
            # A snapshot that is not complete has no time yet.
            if status == "available":
                snapshot.created_at, snapshot.progress = created_at, 100
            for field_name, value in fields.items():
                setattr(snapshot, field_name, value)
            if shares_storage_with:
                shared = place.snapshot(shares_storage_with)
                snapshot.storage_id, snapshot.content_id = shared.storage_id, shared.content_id
            work = world.work
        if work is not None and status == "available" and not shares_storage_with:
            # Without the lock: the engine copies data for this, and the model answers meanwhile.
            cluster_id, storage_id = cluster.resource_id, snapshot.storage_id
            taken = work.submit(
                (cluster_id, storage_id), lambda engine: engine.take_snapshot(cluster_id, storage_id)
            )
            taken.result(timeout=WORK_TIMEOUT_SECONDS)
        # Only now, with its data: what is not there yet cannot be restored.
        with self._aurora.locked():
            place.snapshots[name] = snapshot
        return snapshot

    def put_subnet_group(
        self, region: str, name: str, vpc_id: str, subnets: Mapping[str, str], description: str = ""
    ) -> SubnetGroup:
        """`subnets`: subnet id → availability zone."""
        with self._aurora.locked() as world:
            group = SubnetGroup(region, world.account_id, name.lower(), vpc_id, dict(subnets), description)
            world.regions[region].subnet_groups[group.name] = group
            return group

    def put_parameter_group(
        self, region: str, name: str, family: str, *, cluster: bool, values: Mapping[str, str] | None = None
    ) -> None:
        """`values`: of a cluster's group, what its parameters are set to."""
        prefix = "DBClusterParameterGroup" if cluster else "DBParameterGroup"
        group = {f"{prefix}Name": name, "DBParameterGroupFamily": family, "Description": name}
        self._aurora.at_once(f"Create{prefix}", region, group)
        # The one method that static parameters take as well.
        changes = [
            {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for key, value in (values or {}).items()
        ]
        if changes:
            named = {"DBClusterParameterGroupName": name, "Parameters": changes}
            self._aurora.at_once("ModifyDBClusterParameterGroup", region, named)

    def put_security_group(self, region: str, group_id: str, vpc_id: str) -> None:
        """Let RDS know the VPC of a security group; one that it does not know is taken to be of the right VPC."""
        with self._aurora.locked() as world:
            world.regions[region].security_group_vpcs[group_id] = vpc_id

    def put_global_cluster(self, identifier: str, member_arns: Sequence[str]) -> GlobalCluster:
        """A global database; the first member, which must exist, is its writer."""
        with self._aurora.locked() as world:
            place = world.region_of_arn(member_arns[0])
            if place is None:
                raise ValueError(f"{member_arns[0]} belongs to no Region here.")
            writer = place.cluster(member_arns[0])
            resource_id = world.ids.resource_id("cluster")
            group = GlobalCluster(
                identifier,
                resource_id,
                world.account_id,
                writer.engine,
                writer.engine_version,
                list(member_arns),
            )
            world.global_clusters[identifier] = group
            return group

    def make_key_unusable(self, region: str, key: str) -> None:
        """Answer KMSKeyNotAccessibleFault wherever this key (its id, ARN or alias, as callers write it) is given."""
        with self._aurora.locked() as world:
            world.regions[region].unusable_kms_keys.add(key)

    def put_tags(self, region: str, kind: str, identifier: str, tags: Mapping[str, str]) -> None:
        """Tag a resource (`kind`: cluster, cluster-snapshot, db), reserved keys included."""
        with self._aurora.locked() as world:
            place = world.regions[region]
            finders: dict[str, Any] = {
                "cluster": place.cluster, "cluster-snapshot": place.snapshot, "db": place.instance,
            }  # fmt: skip
            finders[kind](identifier).tags |= dict(tags)

    def set_status(self, region: str, kind: str, identifier: str, status: str) -> None:
        """Put a resource into a status that it keeps; whatever it was going through is forgotten."""
        with self._aurora.locked() as world:
            place = world.regions[region]
            if kind == "cluster-snapshot":
                snapshot = place.snapshot(identifier)
                snapshot.status = status
                world.cancel_transitions(snapshot.arn)
                return
            subject = place.cluster(identifier) if kind == "cluster" else place.instance(identifier)
            subject.status = status
            world.cancel_transitions(subject.resource_id)
