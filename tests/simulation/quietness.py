"""What an account says about copies that act by themselves: each came along with an enabled subscription, or with an
enabled event, and takes several looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.copies import FakeCopy, event, found, subscription
from tests.fakes.databases import FakeServer
from tests.simulation.seeding import MYSQL

if TYPE_CHECKING:
    from tests.simulation.endings import EndedOperation, Ending


@dataclass
class Servers:
    """Of the clusters of an engine. `by_cluster`: by resource id, once a user had logged in."""

    engine: str
    by_cluster: dict[str, FakeServer] = field(default_factory=dict)

    def of(self, resource_id: str) -> FakeServer:
        if resource_id not in self.by_cluster:
            fuse = event() if self.engine == MYSQL else subscription()
            copy = FakeCopy(found(fuse), [fuse], rooms=("postgres", "shop"), rooms_a_call=1)
            self.by_cluster[resource_id] = FakeServer(copy=copy)
        return self.by_cluster[resource_id]


def nothing_of_the_copy_acts(ending: Ending) -> Iterator[str]:
    """13. After Defuse nothing of the copy acts, and whatever was put to rest can be taken back from the record.

    With `quiet_start: false` all of it goes on as in production.
    """
    left_awake = {op.operation_id for op in ending.operations if not _is_quiet(op)}
    for resource_id, server in ending.sim.servers.by_cluster.items():
        if not server.acted_in_set_up:
            continue
        cluster = ending.sim.observations.clusters[resource_id]
        if cluster.made_by not in left_awake:
            yield f"users were set up in {cluster.identifier} while it acted by itself"
    for op in ending.operations:
        yield from (f"{op.operation_id}: {words}" for words in _faults(ending, op))


def _faults(ending: Ending, op: EndedOperation) -> Iterator[str]:
    if op.undoes:
        return
    if op.has_succeeded and not op.record.came_along.found:
        yield "the record does not name what came along"
    # One that was restored from its final snapshot is not a copy of ours.
    resource_id = op.record.restore_details.db_cluster_resource_id or ""
    server = ending.sim.servers.by_cluster.get(resource_id)
    if server is None:
        return
    copy = server.copy
    written = op.record.defused.written
    lost = set(copy.taken) - {item.name for item in written.values() if item.take_back}
    if lost:
        yield f"the record does not say how to take back: {', '.join(sorted(lost))}"
    if op.has_succeeded and _is_quiet(op) and any(fuse.acts for fuse in copy.fuses):
        yield "the copy acts by itself"
    if not _is_quiet(op) and copy.taken:
        yield f"put to rest although quiet_start is false: {', '.join(sorted(copy.taken))}"


def _is_quiet(op: EndedOperation) -> bool:
    return op.started.request.get("quiet_start", True) is True
