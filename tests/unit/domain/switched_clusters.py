"""The two clusters of a switch, and one that is neither."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.domain.builders import OPERATION_ID, cluster, plan

from aurora_restore.domain.naming import retired_identifier, staging_identifier
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.states import Strategy

TARGET = "aurora-restored-cluster"
STAGING, RETIRED = staging_identifier(TARGET, OPERATION_ID), retired_identifier(TARGET, OPERATION_ID)
OLD_ID = "cluster-OLD"


def swap_plan() -> RestorePlan:
    made = plan()
    replacement = Replacement(Strategy.SWAP, OLD_ID, RETIRED, "aurora-restore-final")
    return replace(
        made, cluster=replace(made.cluster, db_cluster_identifier=STAGING), replacement=replacement
    )


def old(name: str, status: str = "available") -> DbCluster:
    return cluster(db_cluster_identifier=name, db_cluster_resource_id=OLD_ID, tags={}, status=status)


def new(name: str, status: str = "available") -> DbCluster:
    return cluster(db_cluster_identifier=name, db_cluster_resource_id="cluster-NEW", status=status)


def stranger(name: str) -> DbCluster:
    return cluster(db_cluster_identifier=name, db_cluster_resource_id="cluster-X", tags={})
