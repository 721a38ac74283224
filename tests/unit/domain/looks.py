"""What a cleanup sees, for the tests of its rules: everything that exists is given, and all else does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.unit.domain.builders import NOW, OPERATION_ID

from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance, ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan


@dataclass(frozen=True)
class Look:
    """`anew`: what exists when a cluster is looked at a second time, where that is something else."""

    operation: Operation
    clusters: Sequence[DbCluster] = ()
    snapshots: Sequence[ClusterSnapshot] = ()
    instances: Sequence[DbInstance] = ()
    anew: Sequence[DbCluster] | None = None
    execution: ExecutionState | None = None
    ended_time: datetime = NOW - timedelta(minutes=10)
    now: datetime = NOW

    def find(self, name: str) -> DbCluster | None:
        return next((item for item in self.clusters if item.db_cluster_identifier == name), None)

    def find_anew(self, name: str) -> DbCluster | None:
        existing = self.clusters if self.anew is None else self.anew
        return next((item for item in existing if item.db_cluster_identifier == name), None)

    def members(self, name: str) -> Sequence[DbInstance]:
        return [item for item in self.instances if item.db_cluster_identifier == name]

    def snapshot(self, name: str) -> ClusterSnapshot | None:
        return next((item for item in self.snapshots if item.db_cluster_snapshot_identifier == name), None)


def operation(plan: RestorePlan | None, **fields: Any) -> Operation:
    """An operation that is being cleaned up; without a plan where it ended before it had one."""
    item: Mapping[str, Any] = {"operation_id": OPERATION_ID, "status": "CLEANING_UP", **fields}
    return Operation({**item, "plan": plan.to_item()} if plan else item)


def minutes_ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
