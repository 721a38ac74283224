"""A cleanup's step: the parameter group of the first start is removed once no cluster has it any more."""

from __future__ import annotations

from aurora_restore.domain.acts import DeleteParameterGroup
from aurora_restore.domain.errors import RequestRefused, StepFailed
from aurora_restore.domain.naming import quiet_group_identifier
from aurora_restore.domain.quiet_group import REMOVE_ACT, REMOVE_LIMIT, is_ours
from aurora_restore.domain.record import with_warnings
from aurora_restore.domain.states import Strategy
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.quiet_group import LEFT_WARNING, seen_group


def remove_quiet_group(context: CleanupContext) -> StepOutcome | None:
    """By its own name and the operation's tag. The last step: neither a cluster nor a lock waits for it."""
    plan = context.plan
    if plan is None or plan.strategy is Strategy.UNDO or not plan.starts_with_quiet_group:
        return None
    name = quiet_group_identifier(context.operation_id)
    group = seen_group(context.ports, name)
    # The name alone proves nothing: it is the tag that says whose the group is.
    if group is None or not is_ours(group, context.operation_id):
        return None
    clusters = [context.find(each) for each in {plan.cluster.db_cluster_identifier, plan.target_cluster_id}]
    # Where the new cluster has it, under either of its names, it is the cluster's and stays with it.
    if any(cluster and cluster.db_cluster_parameter_group_name == name for cluster in clusters):
        return None
    asked = context.operation.asked_by_cleanup().get(REMOVE_ACT)
    if asked and (asked.given_up or asked.is_overdue(context.ports.clock.now(), REMOVE_LIMIT)):
        # RDS counts a member of it still, or does not remove it: the sweep has more time.
        return None
    doing = f"the parameter group {name} is being deleted"
    try:
        return context.do(DeleteParameterGroup(name, kind=REMOVE_ACT, reason=doing))
    except (RequestRefused, StepFailed) as refused:
        if refused.is_of_record:
            raise
        context.guard.give_up(REMOVE_ACT)
        warning = LEFT_WARNING.format(name=name, reason=refused.message)
        context.ports.records.update(context.operation_id, with_warnings(context.operation.record, warning))
        return None
