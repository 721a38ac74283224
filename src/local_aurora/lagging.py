"""What the Describe calls show while they lag behind the requests that were accepted."""

from __future__ import annotations

import copy
import functools
import pickle
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

from local_aurora.world import Region, World

LAGGING_ACTIONS = frozenset(
    {
        "DescribeDBClusters",
        "DescribeDBClusterEndpoints",
        "DescribeDBClusterParameterGroups",
        "DescribeDBClusterParameters",
        "DescribeDBInstances",
        "DescribeDBClusterSnapshots",
    }
)

Earlier = dict[str, Region]
Objects = TypeVar("Objects")


def remember(world: World) -> Earlier | None:
    """What the Describe calls show now; None where they do not lag."""
    if not world.durations.describe_lag:
        return None
    # Only what the Describe calls show is copied; all else is shared with the world of now.
    return {
        name: replace(
            region,
            clusters=_copied(region.clusters),
            instances=_copied(region.instances),
            snapshots=_copied(region.snapshots),
            custom_endpoints=_copied(region.custom_endpoints),
            cluster_parameter_groups=_copied(region.cluster_parameter_groups),
        )
        for name, region in world.regions.items()
    }


def _copied(objects: Objects) -> Objects:
    """A deep copy. Pickle makes it several times as fast as `copy.deepcopy`, and a simulation makes very many."""
    return cast(Objects, _loaded(pickle.dumps(objects, pickle.HIGHEST_PROTOCOL)))


# A request changes one kind of object, so that most copies equal those of the request before. Describe calls do not
# change what they show, so that several of them may show the same copy.
_loaded = functools.lru_cache(maxsize=64)(pickle.loads)


def lag_behind(world: World, earlier: Earlier | None, now: datetime) -> None:
    """A request was accepted: for a while the Describe calls go on showing what was there before it."""
    if earlier is not None:
        until = now + timedelta(seconds=world.durations.describe_lag)
        world.earlier.append((until, earlier))


def as_described(world: World, now: datetime) -> World:
    """The world as the Describe calls show it: before the oldest request that they have not caught up with."""
    # The oldest request that is still within the lag decides what is shown.
    world.earlier = [entry for entry in world.earlier if now < entry[0]]
    if not world.earlier:
        return world
    # Settings, quotas and what is under way are those of now.
    shown = copy.copy(world)
    shown.regions = world.earlier[0][1]
    return shown
