"""When the engine of an instance takes up what its cluster's parameter group says: when it starts, and never before.

"RDS applies the modified static and dynamic parameters in a newly associated parameter group only after the DB instance
is rebooted" (AuroraUserGuide, "Overview of parameter groups").
"""

from __future__ import annotations

from datetime import datetime, timedelta

from local_aurora.objects import Instance
from local_aurora.parameter_objects import ParameterGroup
from local_aurora.timing import Kind, Transition
from local_aurora.world import World

_STARTS = (Kind.INSTANCE_CREATE, Kind.INSTANCE_REBOOT, Kind.CLUSTER_START, Kind.CLUSTER_PORT)


def take_parameters(world: World, transition: Transition, now: datetime) -> None:
    """The engines that a transition starts take up the group that their cluster has at this moment."""
    # Once only, before the engine is given the start, and not where it is to fail.
    if transition.kind not in _STARTS or transition.work is not None or transition.ends_as is not None:
        return
    region = world.regions[transition.region]
    instance = region.instance_by_resource_id(transition.subject)
    owner = instance.cluster_resource_id if instance else transition.subject
    cluster = region.cluster_by_resource_id(owner)
    if cluster is None:
        return
    group = region.cluster_parameter_groups.get(cluster.parameter_group)
    is_new = transition.kind is Kind.INSTANCE_CREATE
    for member in [instance] if instance else region.members(cluster):
        if not is_new:
            hold_status(world, member, group, now)
        applied = member.applied
        applied.group = cluster.parameter_group
        # RDS was not through with making the group when the cluster began, so that its instances do without.
        applied.values = {} if group is None or (is_new and cluster.began_with_defaults) else group.values()
        applied.applying_until = None


def show_as_applying(world: World, member: Instance, group: ParameterGroup | None, now: datetime) -> None:
    """A change of the group was accepted: first nothing shows it, then the status is `applying`."""
    hold_status(world, member, group, now)
    lag, applying = world.durations.parameter_status_lag, world.durations.parameter_applying
    member.applied.applying_until = now + timedelta(seconds=lag + applying)


def hold_status(world: World, member: Instance, group: ParameterGroup | None, now: datetime) -> None:
    """The status goes on showing what it shows now, for the lag."""
    member.applied.shown = member.applied.status(group, now)
    member.applied.shown_until = now + timedelta(seconds=world.durations.parameter_status_lag)
