"""ApplyParameterGroup: the cluster gets the parameter group, security groups and roles that it is to have in the end.

It comes after the users, so that nothing acted before what came along was put to rest, and before the switch, so that
the switch stays two renames.
"""

from __future__ import annotations

from aurora_restore.domain.acts import DeleteParameterGroup, Wait
from aurora_restore.domain.applying_group import Applying, decide_applying
from aurora_restore.domain.errors import ClusterFailed, RequestRefused, ResourceBusy, StepFailed
from aurora_restore.domain.observed import DbCluster, is_auto_scaled
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.quiet_group import REMOVE_ACT, REMOVE_LIMIT, is_ours
from aurora_restore.domain.record import with_warnings
from aurora_restore.domain.results import done, in_progress, skipped
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.verification import IN_SYNC
from aurora_restore.steps.keep_quiet_group import keep_group
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.quiet_group import LEFT_WARNING, seen_group
from aurora_restore.steps.runner import RunGuard

STILL_A_MEMBER = "RDS still counts a member of it"
KEPT_WARNING = (
    "there is no {expected} in this Region yet, since RDS makes it with the first cluster that names no group: the "
    "cluster keeps {name}, the parameter group of its first start, which has the family's defaults now; the sweep "
    "removes it once no cluster has it"
)
SCALED_WARNING = (
    "{name} was added by auto scaling during the first start and shows the parameter group as `{status}`: until it is "
    "rebooted it runs with that of the first start"
)


def apply_parameter_group(operation: Operation, ports: Ports) -> StepOutcome:
    """One act at most. Raises ClusterFailed, InstanceFailed, ParameterGroupNotApplied, and what RDS refuses."""
    plan = operation.plan
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("the kept cluster has its own parameter group"))
    if not plan.gets_its_own_later:
        return StepOutcome(
            skipped("quiet_start is false: the cluster was restored with its own parameter group")
        )
    name = plan.cluster.db_cluster_identifier
    cluster = ports.target_rds.find_cluster(name)
    if cluster is None:
        raise ClusterFailed(f"The cluster {name} is gone since it was restored.")
    # Before the settings are compared: keeping the group changes which group is the expected one.
    if plan.starts_with_quiet_group and (outcome := keep_group(operation, ports, cluster)):
        return outcome
    group, instances = operation.record.quiet_group, ports.target_rds.list_cluster_instances(name)
    seen = Applying(
        plan=plan,
        cluster=cluster,
        # A reader that auto scaling has added may be removed
        # at any time: it is neither waited for nor rebooted.
        instances=[item for item in instances if not is_auto_scaled(item.db_instance_identifier)],
        wanted_group=group.wanted if plan.starts_with_quiet_group else None,
        asked=operation.all_asked(),
        seen_pending=frozenset(group.seen_pending),
        now=ports.clock.now(),
    )
    next_act = decide_applying(seen)
    if isinstance(next_act, Wait):
        return waiting(next_act)
    if next_act is None:
        # Last: RDS deletes no group that a cluster still uses.
        return _remove_group(operation, ports, cluster)
    event = Event(f"parameter_group.{next_act.event}", {"name": next_act.name, "reason": next_act.reason})
    return carry_out(RunGuard(ports, operation), next_act, event)


def _remove_group(operation: Operation, ports: Ports, cluster: DbCluster) -> StepOutcome:
    """The group of the first start goes: by its own name, with this operation's tag, and no cluster of ours has it."""
    name = operation.record.quiet_group.name
    group = seen_group(ports, name) if name and cluster.db_cluster_parameter_group_name != name else None
    if group is None or not is_ours(group, operation.operation_id):
        return _applied(operation, cluster)
    asked = operation.asked(REMOVE_ACT)
    # RDS counts the cluster as a member for a while after it
    # has changed its group: it is not waited for without end.
    if asked and asked.is_overdue(ports.clock.now(), REMOVE_LIMIT):
        return _applied(operation, cluster, LEFT_WARNING.format(name=name, reason=STILL_A_MEMBER))
    if asked and asked.is_under_way(ports.clock.now()):
        message = "the parameter group of the first start is being removed"
        return StepOutcome(in_progress(message, 95, "quiet_group"))
    try:
        answered = RunGuard(ports, operation).ask(DeleteParameterGroup(group.name, kind=REMOVE_ACT))
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, 90, "quiet_group"))
    except (StepFailed, RequestRefused) as refused:
        # The cluster has all that it is to have: hours of work are not thrown away for a leftover group.
        if refused.is_of_record:
            raise
        return _applied(operation, cluster, LEFT_WARNING.format(name=name, reason=refused.message))
    event = Event("parameter_group.removed", {"name": group.name})
    return StepOutcome(in_progress(f"{group.name} was removed", 95, "quiet_group"), answered, (event,))


def _applied(operation: Operation, cluster: DbCluster, *warnings: str) -> StepOutcome:
    first, statuses = operation.record.quiet_group, cluster.parameter_group_statuses
    said = [
        *warnings,
        *(
            SCALED_WARNING.format(name=name, status=status)
            for name, status in statuses.items()
            if is_auto_scaled(name) and status != IN_SYNC and first
        ),
    ]
    if first.kept_for:
        said.append(KEPT_WARNING.format(expected=first.kept_for, name=first.name))
    group = cluster.db_cluster_parameter_group_name
    message = (
        f"{cluster.db_cluster_identifier} runs with the parameter group {group}, `in-sync` in each instance"
    )
    event = Event("parameter_group.applied", {"name": group})
    return StepOutcome(done(message), with_warnings(operation.record, *said), (event,))
