"""The parameter group of the first start: made before the cluster is restored, with at most one act in each call."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.acts import MakeParameterGroup, Wait
from aurora_restore.domain.asking import Asking
from aurora_restore.domain.cluster_settings import SettingValues
from aurora_restore.domain.naming import quiet_group_identifier
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.quiet_group import (
    SET_ACT,
    SeenGroup,
    UseGroup,
    decide_group,
    missing_parameters,
    still_settling,
)
from aurora_restore.domain.record import with_new_warnings
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard, record_details

LEFT_WARNING = "{name}, the parameter group of the first start, is left for the sweep to remove: {reason}"
MISSING_WARNING = (
    "the parameter group family {family} has no {parameter}: what it switches off can act between the start of the "
    "cluster and the moment at which what came along is put to rest"
)


def prepare_group(operation: Operation, ports: Ports, plan: RestorePlan) -> StepOutcome | None:
    """Bring the group one thing further; None where the cluster can be restored with it.

    Raises:
        NameTaken, QuotaExceeded, ParameterGroupNotFound
    """
    name, asked = quiet_group_identifier(operation.operation_id), operation.all_asked()
    now, settles = ports.clock.now(), timedelta(seconds=ports.settings.parameter_group_seconds)
    was_set = asked.get(SET_ACT)
    # A cluster that is restored with the group too early starts with the defaults, and is not quiet.
    if was_set and was_set.answered and (waits := still_settling(asked, now, settles)):
        return StepOutcome(in_progress(waits, 1, "quiet_group"))
    group = seen_group(ports, name, with_values=True)
    next_act = decide_group(operation.operation_id, plan, group, Asking(now, asked), settles)
    if isinstance(next_act, Wait):
        return waiting(next_act)
    if isinstance(next_act, UseGroup):
        # Once, when the group is ready: a family may have none of the parameters, and then nothing is ever set.
        family, missing = next_act.group.family, missing_parameters(next_act.group)
        warnings = [MISSING_WARNING.format(family=family, parameter=each) for each in missing]
        if changes := with_new_warnings(operation.record, *warnings):
            record_details(ports, operation.operation_id, changes)
        return None
    if isinstance(next_act, MakeParameterGroup):
        event = Event("parameter_group.made", {"name": name, "reason": next_act.reason})
    else:
        event = Event("parameter_group.set", {"name": name, "parameters": dict(next_act.values)})
    return carry_out(RunGuard(ports, operation), next_act, event)


def seen_group(ports: Ports, name: str, *, with_values: bool = False) -> SeenGroup | None:
    """A fresh look at a cluster parameter group."""
    found = ports.target_rds.find_cluster_parameter_group(name)
    if found is None:
        return None
    values = ports.target_rds.cluster_parameters(name) if with_values else {}
    return SeenGroup(found.name, found.family, ports.target_rds.group_tags(found), values)


def restored_with(operation: Operation, plan: RestorePlan) -> SettingValues:
    """The settings of the restore that keep the cluster quiet, and to itself."""
    quarantine = plan.cluster.quarantine_security_group_ids
    settings: dict[str, object] = {"vpc_security_group_ids": quarantine} if quarantine else {}
    if plan.starts_with_quiet_group:
        settings["db_cluster_parameter_group_name"] = quiet_group_identifier(operation.operation_id)
    return settings
