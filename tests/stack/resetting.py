"""Puts a local stack back as it was seeded, so that what one file of tests leaves is nothing to the next."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tests.stack.polling import poll_until

from aurora_restore.demo.seed_aurora import control, put
from local_aurora.timing import ON_A_LAPTOP
from local_aurora.world import Quotas
from local_stack.stack_info import StackInfo

EMPTY_TIMEOUT_SECONDS = 180.0


def reset_to_seed(stack: StackInfo, rds: Any, durations: dict[str, float]) -> None:
    """Remove all faults and everything in the target Region that can go; usual quotas and durations after it."""
    control(stack, "DELETE", "faults")
    control(stack, "PUT", "quotas", vars(Quotas()))
    control(stack, "PUT", "durations", {"delete": 0, "modify": 0, "snapshot_delete": 0})
    poll_until(lambda: not _remove_clusters(stack, rds), "an empty target Region", EMPTY_TIMEOUT_SECONDS)
    for page in rds.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual"):
        for snapshot in page["DBClusterSnapshots"]:
            _settle(stack, "cluster-snapshot", snapshot["DBClusterSnapshotIdentifier"])
            rds.delete_db_cluster_snapshot(
                DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"]
            )
    control(stack, "PUT", "durations", {**ON_A_LAPTOP.to_json(), **durations})


def _remove_clusters(stack: StackInfo, rds: Any) -> list[str]:
    """Delete what is not on its way out yet, and tell what is still there; global clusters keep their members."""
    groups = rds.describe_global_clusters()["GlobalClusters"]
    members = {member["DBClusterArn"] for group in groups for member in group["GlobalClusterMembers"]}
    found = [
        cluster
        for page in rds.get_paginator("describe_db_clusters").paginate()
        for cluster in page["DBClusters"]
        if cluster["DBClusterArn"] not in members
    ]
    for cluster in found:
        if cluster["Status"] != "deleting":
            # What is busy, or has just been given another instance, goes at the next look.
            with suppress(
                rds.exceptions.InvalidDBClusterStateFault, rds.exceptions.InvalidDBInstanceStateFault
            ):
                _remove_cluster(stack, rds, cluster)
    return [cluster["DBClusterIdentifier"] for cluster in found]


def _remove_cluster(stack: StackInfo, rds: Any, cluster: dict[str, Any]) -> None:
    name = cluster["DBClusterIdentifier"]
    _settle(stack, "cluster", name)
    if cluster["DeletionProtection"]:
        rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False)
    for member in cluster["DBClusterMembers"]:
        _settle(stack, "db", member["DBInstanceIdentifier"])
        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def _settle(stack: StackInfo, kind: str, identifier: str) -> None:
    """Whatever it was going through is over, so that it can be deleted at once."""
    put(stack, "status", {
        "region": stack.region, "kind": kind, "identifier": identifier, "status": "available",
    })  # fmt: skip
