"""How a simulated account ended, put together for the checkers from what exists and not from what was intended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from tests.simulation.seeding import SOURCE_REGION, TARGET_REGION
from tests.simulation.simulation import Simulation, Started

from aurora_restore.domain.record import Record
from local_aurora.objects import Cluster, Instance, Snapshot
from local_aurora.world import Region

CLOSED = ("SUCCEEDED", "FAILED", "CANCELLED")
LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class EndedOperation:
    """An operation and its record, as they stand at the end."""

    started: Started
    record: Record
    target: str

    @property
    def operation_id(self) -> str:
        return self.started.operation_id

    @property
    def status(self) -> str:
        return self.record.status or "(no record)"

    @property
    def has_succeeded(self) -> bool:
        return self.status == "SUCCEEDED" and not self.is_dry_run

    @property
    def is_dry_run(self) -> bool:
        return self.started.request.get("dry_run") is True

    @property
    def undoes(self) -> str | None:
        found = self.started.request.get("undo_operation_id")
        return str(found) if found else None

    @property
    def is_rehearsal(self) -> bool:
        """A refused one, whose request could not be read, is none."""
        return isinstance(self.started.request.get("rehearsal"), dict) and not self.is_dry_run

    @property
    def deletes_first(self) -> bool:
        return self.started.request.get("replace_strategy") == "delete_first"


@dataclass(frozen=True)
class Expected:
    """What is to stand under a target's name: None for nothing. `resource_id` where it is the very one of before."""

    contents: str | None
    resource_id: str | None
    last: EndedOperation | None


class Ending:
    """An account at the end."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.before = sim.observations.beginning()
        self.now: dict[str, Region] = sim.aurora.world.regions
        self.time: datetime = sim.clock.now()

    @property
    def region(self) -> Region:
        return self.now[TARGET_REGION]

    @property
    def region_before(self) -> Region:
        return self.before[TARGET_REGION]

    @cached_property
    def operations(self) -> list[EndedOperation]:
        """In the order of their ends, which is the order of their effects: a lock keeps them apart."""
        ended = [self._operation(started) for started in self.sim.started.values()]
        return sorted(ended, key=lambda op: op.record.end_time or LATEST)

    @cached_property
    def expected(self) -> dict[str, Expected]:
        """By the name of the target."""
        found: dict[str, Expected] = {}
        before_operation: dict[str, Expected] = {}
        for name, cluster in self.region_before.clusters.items():
            found[name] = Expected(cluster.contents, cluster.resource_id, None)
        for op in self.operations:
            had_name = found.setdefault(op.target, Expected(None, None, None))
            before_operation[op.operation_id] = had_name
            if op.is_rehearsal:
                continue  # its cluster is gone, however it ended
            if op.has_succeeded and op.undoes:
                undone = before_operation.get(op.undoes)
                found[op.target] = Expected(
                    undone.contents if undone else None, undone.resource_id if undone else None, op
                )
            elif op.has_succeeded:
                found[op.target] = Expected(self._restored_contents(op), None, op)
        return found

    def replaced_contents(self, op: EndedOperation) -> str | None:
        """The cluster that had the target's name when the operation began."""
        had_name = self.region_before.clusters.get(op.target)
        contents = had_name.contents if had_name else None
        for earlier in self.operations:
            if earlier is op:
                break
            if earlier.target == op.target and earlier.has_succeeded and not earlier.undoes:
                contents = self._restored_contents(earlier)
        return contents

    def _restored_contents(self, op: EndedOperation) -> str:
        """What the snapshot of the day held that was asked for."""
        day = op.started.request["source_snapshot_date"]
        snapshots = self.before[SOURCE_REGION].snapshots.values()
        return next(s.contents for s in snapshots if s.created_at and f"{s.created_at:%Y-%m-%d}" == day)

    def clusters_by_resource_id(self, region: Region) -> dict[str, Cluster]:
        return {cluster.resource_id: cluster for cluster in region.clusters.values()}

    def members(self, region: Region, cluster: Cluster) -> list[Instance]:
        return region.members(cluster)

    @cached_property
    def new_snapshots(self) -> list[Snapshot]:
        """What exists in the target Region and did not exist there before."""
        return [
            snapshot
            for name, snapshot in self.region.snapshots.items()
            if name not in self.region_before.snapshots
        ]

    def _operation(self, started: Started) -> EndedOperation:
        record = Record.read(self.sim.records.items.get(started.operation_id))
        target = record.target_cluster_id or started.request.get("target_cluster_id") or ""
        undoes = started.request.get("undo_operation_id")
        if not target and undoes in self.sim.started:
            target = self.sim.started[str(undoes)].request.get("target_cluster_id", "")
        return EndedOperation(started, record, str(target).lower())
