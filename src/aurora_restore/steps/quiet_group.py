"""The parameter group of the first start: made before the cluster is restored, with at most one act in each call."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.acts import MakeParameterGroup, SetParameters
from aurora_restore.domain.cluster_settings import SettingValues
from aurora_restore.domain.naming import OPERATION_TAG, quiet_group_identifier
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.quiet_group import (
    MAKE_ACT,
    SET_ACT,
    GroupAction,
    GroupDecision,
    SeenGroup,
    decide_group,
    is_default_group,
    missing_parameters,
    still_settling,
    wanted_group,
)
from aurora_restore.domain.record import QuietGroup, with_new_warnings, written
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out
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
    decision = decide_group(operation.operation_id, group, asked, now, settles)
    if decision.action is GroupAction.READY and group:
        # Once, when the group is ready: a family may have none of the parameters, and then nothing is ever set.
        family, missing = group.family, missing_parameters(group)
        warnings = [MISSING_WARNING.format(family=family, parameter=each) for each in missing]
        if changes := with_new_warnings(operation.record, *warnings):
            record_details(ports, operation.operation_id, changes)
        return None
    if decision.action is GroupAction.WAIT:
        return StepOutcome(in_progress(decision.reason, 1, "quiet_group"))
    if decision.action is GroupAction.MAKE or group is None:
        return _make(operation, ports, plan, name, decision)
    values = decision.parameters
    change = SetParameters(name, values, kind=SET_ACT, reason=decision.reason, percent=1)
    event = Event("parameter_group.set", {"name": name, "parameters": dict(values)})
    return carry_out(RunGuard(ports, operation), change, event)


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


def _make(
    operation: Operation, ports: Ports, plan: RestorePlan, name: str, decision: GroupDecision
) -> StepOutcome:
    source = plan.cluster.db_cluster_parameter_group_name
    family = plan.parameter_group_family
    if family is None:
        raise AssertionError("a plan without a family starts with no group of the pipeline's own")
    tags = {OPERATION_TAG: operation.operation_id}
    description = f"Keeps the cluster of {operation.operation_id} quiet until it has its own group"
    make = MakeParameterGroup(
        name,
        None if is_default_group(source) else source,
        family,
        description,
        tags,
        kind=MAKE_ACT,
        reason=decision.reason,
        percent=1,
        also=written(QuietGroup(name=name, wanted=wanted_group(plan, family))),
    )
    event = Event("parameter_group.made", {"name": name, "reason": decision.reason})
    return carry_out(RunGuard(ports, operation), make, event)
