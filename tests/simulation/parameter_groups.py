"""What an account says about the parameter groups of its clusters: which they began with, and which they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tests.simulation.seeding import FAMILIES, MYSQL, POSTGRESQL, TUNED, TUNED_VALUES

from aurora_restore.domain.naming import is_quiet_group, quiet_group_identifier

if TYPE_CHECKING:
    from tests.simulation.endings import EndedOperation, Ending

    from local_aurora.world import Region

QUIET = {
    POSTGRESQL: {"max_logical_replication_workers": "0", "cron.launch_active_jobs": "off"},
    MYSQL: {"event_scheduler": "OFF"},
}
FAMILY_DEFAULTS: Mapping[str, Mapping[str, str]] = {POSTGRESQL: {}, MYSQL: {"event_scheduler": "OFF"}}


def is_quiet(values: Mapping[str, str], engine: str) -> bool:
    """Whether nothing acts by itself in a server that was started with them, and with the defaults of its family."""
    return QUIET[engine].items() <= {**FAMILY_DEFAULTS[engine], **values}.items()


def left_groups(region: Region) -> list[str]:
    """Groups of a first start that no cluster has."""
    used = {cluster.parameter_group for cluster in region.clusters.values()}
    return sorted(
        name for name in region.cluster_parameter_groups if is_quiet_group(name) and name not in used
    )


def parameter_groups_are_as_asked_for(ending: Ending) -> Iterator[str]:
    """14. A cluster begins quietly and ends with the requested group, and no group of a first start is left."""
    yield from (f"the parameter group {name} is left" for name in left_groups(ending.region))
    yield from (
        f"{name} was used with other values than {QUIET[ending.sim.engine]}"
        for name in ending.sim.observations.loud_groups
    )
    tuned = ending.region.cluster_parameter_groups.get(TUNED)
    if tuned is None and TUNED in ending.region_before.cluster_parameter_groups:
        yield f"the parameter group {TUNED} is gone"
    if tuned is not None and tuned.values() != TUNED_VALUES[ending.sim.engine]:
        yield f"the parameter group {TUNED} was changed to {tuned.values()}"
    for op in ending.operations:
        if not op.undoes:
            yield from _began_otherwise(ending, op)
            yield from _has_another(ending, op)


def _began_otherwise(ending: Ending, op: EndedOperation) -> Iterator[str]:
    """Quietly, unless the request says otherwise; then with the requested group at once."""
    starts_quietly = op.started.request.get("quiet_start", True)
    for cluster in ending.sim.observations.clusters.values():
        if cluster.made_by != op.operation_id or cluster.put_back:
            continue
        if is_quiet_group(cluster.parameter_group) != starts_quietly or cluster.began_with_defaults:
            early = ", before RDS was through with it" if cluster.began_with_defaults else ""
            yield f"{cluster.identifier} began with the parameter group {cluster.parameter_group}{early}"


def _has_another(ending: Ending, op: EndedOperation) -> Iterator[str]:
    cluster = ending.region.clusters.get(op.target)
    if not op.has_succeeded or cluster is None or ending.expected[op.target].last is not op:
        return
    group = ending.region.cluster_parameter_groups.get(cluster.parameter_group)
    if cluster.parameter_group not in _wanted(ending, op):
        yield f"{op.target} has the parameter group {cluster.parameter_group}"
    if (
        group is not None
        and is_quiet_group(group.name)
        and QUIET[cluster.engine].keys() & group.values().keys()
    ):
        yield f"{op.target} keeps {group.name}, in which nothing acts"
    for member in ending.region.members(cluster):
        status = member.applied.status(group, ending.time)
        if status != "in-sync":
            yield f"{member.identifier} of {op.target} shows its parameter group as {status}"


def _wanted(ending: Ending, op: EndedOperation) -> set[str]:
    """What the request names, else what the replaced cluster had, else the default one, where that is there."""
    named = op.started.request.get("db_cluster_parameter_group_name")
    chosen = named or op.record.replaced.db_cluster_parameter_group_name
    if chosen:
        return {str(chosen)}
    kept = {quiet_group_identifier(op.operation_id)} if op.started.request.get("quiet_start", True) else set()
    default = f"default.{FAMILIES[ending.sim.engine]}"
    has_default = default in ending.region_before.cluster_parameter_groups
    return {default} | (kept if not has_default else set())
