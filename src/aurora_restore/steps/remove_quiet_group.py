"""A cleanup's step: the parameter group of the first start is removed once no cluster has it any more."""

from __future__ import annotations

from aurora_restore.domain.naming import quiet_group_identifier
from aurora_restore.domain.quiet_group import REMOVE_ACT, REMOVE_LIMIT, is_ours
from aurora_restore.domain.replacement import Strategy
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.quiet_group import seen_group


def remove_quiet_group(context: CleanupContext) -> StepOutcome | None:
    """By its own name and the operation's tag. RDS refuses it while a cluster has it."""
    if (
        context.plan is None
        or context.plan.strategy is Strategy.UNDO
        or not context.plan.starts_with_quiet_group
    ):
        return None
    name = quiet_group_identifier(context.operation_id)
    group = seen_group(context.ports, name)
    if group is None or not is_ours(group, context.operation_id):
        return None
    asked = context.operation.asked_by_cleanup().get(REMOVE_ACT)
    if asked and asked.is_overdue(context.ports.clock.now(), REMOVE_LIMIT):
        return None  # RDS counts a member of it still: the sweep has more time
    context.note_asked(REMOVE_ACT, name)
    doing, done = f"the parameter group {name} is being removed", f"removed the parameter group {name}"
    return context.do(
        doing, done, "quiet_group", lambda: context.ports.target_rds.delete_cluster_parameter_group(name)
    )
