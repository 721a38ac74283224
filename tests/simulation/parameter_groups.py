"""What an account says about the parameter groups of its clusters: which they began with, and which they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aurora_restore.domain.naming import is_quiet_group

if TYPE_CHECKING:
    from tests.simulation.endings import EndedOperation, Ending

QUIET = {"max_logical_replication_workers": "0", "cron.launch_active_jobs": "off"}


def parameter_groups_are_as_asked_for(ending: Ending) -> Iterator[str]:
    """14. A cluster begins quietly and ends with the wanted group, and no group of a first start is left."""
    for name in sorted(filter(is_quiet_group, ending.region.cluster_parameter_groups)):
        yield f"the parameter group {name} is left"
    yield from (
        f"{name} was used with other values than {QUIET}" for name in ending.sim.observations.loud_groups
    )
    for op in ending.operations:
        if not op.undoes and op.started.request.get("quiet_start", True):
            yield from _began_loudly(ending, op)
            yield from _has_another(ending, op)


def _began_loudly(ending: Ending, op: EndedOperation) -> Iterator[str]:
    for cluster in ending.sim.observations.clusters.values():
        if cluster.made_by != op.operation_id or cluster.put_back:
            continue
        if not is_quiet_group(cluster.parameter_group) or cluster.began_with_defaults:
            early = ", before RDS was through with it" if cluster.began_with_defaults else ""
            yield f"{cluster.identifier} began with the parameter group {cluster.parameter_group}{early}"


def _has_another(ending: Ending, op: EndedOperation) -> Iterator[str]:
    cluster = ending.region.clusters.get(op.target)
    if not op.has_succeeded or cluster is None or ending.expected[op.target].last is not op:
        return
    group = ending.region.cluster_parameter_groups.get(cluster.parameter_group)
    if cluster.parameter_group != "default.aurora-postgresql17":
        yield f"{op.target} has the parameter group {cluster.parameter_group}"
    for member in ending.region.members(cluster):
        status = member.applied.status(group, ending.time)
        if status != "in-sync":
            yield f"{member.identifier} of {op.target} shows its parameter group as {status}"
