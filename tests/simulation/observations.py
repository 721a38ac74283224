"""What an onlooker sees of RDS: how it was at the beginning, and everything that ever existed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from tests.simulation.parameter_groups import is_quiet

from aurora_restore.domain.naming import FINAL_SNAPSHOT_TAG, OPERATION_TAG, PUT_BACK_TAG, is_quiet_group
from local_aurora.objects import Snapshot
from local_aurora.timing import Kind
from local_aurora.world import Region, World


@dataclass(frozen=True)
class SeenCluster:
    """A cluster when it was seen first. `made_by`, `put_back`: the operations that its tags name."""

    resource_id: str
    region: str
    identifier: str
    made_by: str | None
    put_back: str | None
    contents: str
    time: datetime
    port: int | None = None
    parameter_group: str = ""
    began_with_defaults: bool = False

    @property
    def is_tagged(self) -> bool:
        return bool(self.made_by or self.put_back)


@dataclass(frozen=True)
class SeenSnapshot:
    """A snapshot when it was seen first; a copy has a `source_arn`."""

    storage_id: str
    region: str
    identifier: str
    made_by: str | None
    source_arn: str | None
    final_of: str | None
    time: datetime
    cluster_resource_id: str
    can_be_written_to: bool = False
    """Of a final snapshot: whether clients could reach its cluster, under the port that they knew, when it began."""

    @property
    def is_tagged(self) -> bool:
        return bool(self.made_by or self.final_of)


class Observations:
    """Looks at the model itself, after each request that may have changed it; nothing here asks the pipeline."""

    def __init__(self, aurora_world: World) -> None:
        self.aurora_world = aurora_world
        self.clusters: dict[str, SeenCluster] = {}
        self.snapshots: dict[str, SeenSnapshot] = {}
        self.copies_in_flight_most = 0
        self.scaled_without_cluster: set[str] = set()
        self.started: set[str] = set()
        """Instances whose engine was started at least once."""
        self.loud_groups: set[str] = set()
        """Parameter groups of a first start with which an engine was started that could act."""
        self._beginning = b""

    def keep_beginning(self) -> None:
        """What exists now is what existed before: it counts as seen, and is what the end is compared with."""
        self._beginning = pickle.dumps(self.aurora_world.regions)

    def beginning(self) -> dict[str, Region]:
        return cast("dict[str, Region]", pickle.loads(self._beginning))  # noqa: S301 - our own

    def look(self, now: datetime) -> None:
        for region in self.aurora_world.regions.values():
            for cluster in region.clusters.values():
                if cluster.resource_id not in self.clusters:
                    self.clusters[cluster.resource_id] = SeenCluster(
                        cluster.resource_id, region.name, cluster.identifier,
                        cluster.tags.get(OPERATION_TAG), cluster.tags.get(PUT_BACK_TAG), cluster.contents, now,
                        cluster.port, cluster.parameter_group, cluster.began_with_defaults,
                    )  # fmt: skip
            for snapshot in region.snapshots.values():
                if snapshot.storage_id not in self.snapshots:
                    self.snapshots[snapshot.storage_id] = SeenSnapshot(
                        snapshot.storage_id, region.name, snapshot.identifier,
                        snapshot.tags.get(OPERATION_TAG), snapshot.source_arn,
                        snapshot.tags.get(FINAL_SNAPSHOT_TAG), now, snapshot.cluster_resource_id,
                        self._can_be_written_to(region, snapshot),
                    )  # fmt: skip
            self._look_at_first_starts(region)
            self.scaled_without_cluster |= {
                target.cluster_name
                for target in region.scalable_targets.values()
                if target.cluster_name not in region.clusters and not all(target.suspended.values())
            }
        self._count_copies()

    def _look_at_first_starts(self, region: Region) -> None:
        for instance in region.instances.values():
            group = instance.applied.group
            if group and instance.resource_id not in self.started:
                self.started.add(instance.resource_id)
                if is_quiet_group(group) and not is_quiet(instance.applied.values, instance.engine):
                    self.loud_groups.add(group)

    def _can_be_written_to(self, region: Region, snapshot: Snapshot) -> bool:
        cluster = region.cluster_by_resource_id(snapshot.cluster_resource_id)
        known = self.clusters.get(snapshot.cluster_resource_id)
        if cluster is None or known is None or FINAL_SNAPSHOT_TAG not in snapshot.tags:
            return False
        return cluster.port == known.port and bool(region.members(cluster))

    def _count_copies(self) -> None:
        in_flight = sum(t.kind is Kind.SNAPSHOT_COPY for t in self.aurora_world.transitions)
        self.copies_in_flight_most = max(self.copies_in_flight_most, in_flight)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "aurora_world": None}
