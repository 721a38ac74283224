"""The pipeline's own cluster parameter group, which keeps a restored cluster quiet from its first start on.

It is made from the requested group, and the requested group is put in its place before the switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora_restore.domain.acts import Done, MakeParameterGroup, SetParameters, Wait
from aurora_restore.domain.asking import Asked, Asking
from aurora_restore.domain.cluster_settings import DEFAULT_GROUP_PREFIX
from aurora_restore.domain.engines import engine_of_family
from aurora_restore.domain.errors import NameTaken
from aurora_restore.domain.naming import OPERATION_TAG, quiet_group_identifier
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import QuietGroup, written

MAKE_ACT, SET_ACT, REMOVE_ACT = "quiet_group", "quiet_parameters", "remove_quiet_group"
RESET_ACT = "reset_quiet_group"
# After the last cluster has left a group, RDS goes on counting it as a member for minutes. The sweep has more time.
REMOVE_LIMIT = timedelta(minutes=10)


@dataclass(frozen=True)
class SeenGroup:
    """A cluster parameter group from a fresh look. `values`: its modifiable parameters, None where nothing is set."""

    name: str
    family: str
    tags: Mapping[str, str]
    values: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class UseGroup(Done):
    """The group, with which the cluster can be restored."""

    group: SeenGroup


def quiet_parameters(family: str) -> Mapping[str, str]:
    """What keeps a cluster quiet whose parameter group is of this family."""
    return engine_of_family(family).quiet_parameters


def is_default_group(name: str | None) -> bool:
    """Whether it is RDS's own group of a family, which cannot be copied (AuroraUserGuide, "Copying a DB cluster
    parameter group in Amazon Aurora")."""
    return name is None or name.startswith(DEFAULT_GROUP_PREFIX)


def wanted_group(plan: RestorePlan, family: str) -> str:
    """The group that the cluster is to have in the end: without a request for one, the default of the family."""
    return plan.cluster.db_cluster_parameter_group_name or f"{DEFAULT_GROUP_PREFIX}{family}"


def is_ours(group: SeenGroup, operation_id: str) -> bool:
    return group.tags.get(OPERATION_TAG) == operation_id


def decide_group(
    operation_id: str, plan: RestorePlan, group: SeenGroup | None, asking: Asking, settles: timedelta
) -> MakeParameterGroup | SetParameters | Wait | UseGroup:
    """What to do so that the cluster can be restored with the group.

    "Wait at least 5 minutes before creating a DB cluster that uses that DB cluster parameter group" (AuroraUserGuide,
    "Creating a DB cluster parameter group in Amazon Aurora"): `settles`, counted from the last request.

    Raises:
        NameTaken: a group of this name exists that the operation did not make.
    """
    asked, now = asking.asked, asking.now
    made, was_set = asked.get(MAKE_ACT), asked.get(SET_ACT)
    if group is None:
        if made and made.is_under_way(now):
            return _wait("the parameter group of the first start does not show yet")
        return _make(operation_id, plan)
    # Only the tag says whose it is: a person may have given another group this name.
    if not is_ours(group, operation_id):
        raise NameTaken(f"The name of the parameter group {group.name} is taken. It was not touched.")
    if not group.values:
        # Every family has parameters: without them nothing would say that something is left to be set.
        return _wait(f"{group.name} does not show its parameters yet")
    if changes := changes_of(group):
        if was_set and was_set.is_under_way(now):
            return _wait(f"the parameters of {group.name} do not show yet")
        reason = f"{', '.join(changes)} of {group.name} keep the copy quiet"
        return SetParameters(group.name, changes, kind=SET_ACT, reason=reason, percent=1)
    if waits := still_settling(asked, now, settles):
        return _wait(waits)
    return UseGroup(f"the parameter group {group.name} can be used", group)


def still_settling(asked: Mapping[str, Asked], now: datetime, settles: timedelta) -> str | None:
    """Why the group is too young to be used; None where it is old enough."""
    times = [each.last for kind in (MAKE_ACT, SET_ACT) if (each := asked.get(kind))]
    if not times or now - max(times) >= settles:
        return None
    return f"RDS needs {settles.total_seconds() / 60:g} minutes before a new parameter group is used"


def changes_of(group: SeenGroup) -> dict[str, str]:
    """What is still to be set: parameters that the family has, and that have another value."""
    return {
        name: value
        for name, value in quiet_parameters(group.family).items()
        if name in group.values and group.values[name] != value
    }


def missing_parameters(group: SeenGroup) -> list[str]:
    """The quieting parameters that the family does not have: what they would stop acts from the first start on."""
    return [name for name in quiet_parameters(group.family) if name not in group.values]


def _wait(reason: str) -> Wait:
    return Wait("quiet_group", reason, 1)


def _make(operation_id: str, plan: RestorePlan) -> MakeParameterGroup:
    name, source = quiet_group_identifier(operation_id), plan.cluster.db_cluster_parameter_group_name
    family = plan.parameter_group_family
    if family is None:
        raise AssertionError("a plan without a family starts with no group of the pipeline's own")
    return MakeParameterGroup(
        name,
        None if is_default_group(source) else source,
        family,
        f"Keeps the cluster of {operation_id} quiet until it has its own group",
        {OPERATION_TAG: operation_id},
        kind=MAKE_ACT,
        reason="the cluster is to start with a parameter group that keeps it quiet",
        percent=1,
        also=written(QuietGroup(name=name, wanted=wanted_group(plan, family))),
    )
