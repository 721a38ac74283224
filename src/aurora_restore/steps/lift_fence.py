"""Lifting the fence from an old cluster that is put back."""

from __future__ import annotations

from aurora_restore.domain.fencing import FENCE_ACT, FenceAction, decide_lifting, may_still_come
from aurora_restore.domain.results import in_progress
from aurora_restore.domain.times import format_time
from aurora_restore.steps.cleanup_context import CleanupContext, awaken
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.retirement import open_port_of


def lift_fence(context: CleanupContext) -> StepOutcome | None:
    """Clients reach the old cluster again under the port that they know, before it has its name back."""
    plan, open_port = context.plan, open_port_of(context.operation)
    replacement = plan.replacement if plan else None
    if plan is None or replacement is None or open_port is None or FENCE_ACT not in context.operation.acts:
        return None
    found = (context.find(name) for name in (plan.target_cluster_id, replacement.aside_identifier))
    old = next((c for c in found if c and c.db_cluster_resource_id == replacement.replaced_resource_id), None)
    if old is None or old.status == "deleting":
        return None
    if not_yet := awaken(context, old):
        return not_yet
    name = old.db_cluster_identifier
    under_way = not context.operation.section("fence").get("lifted_time") and may_still_come(
        context.operation.acts, context.ports.clock.now()
    )
    instances = context.ports.target_rds.list_cluster_instances(name)
    decision = decide_lifting(old, instances, open_port, under_way=under_way)
    if decision.action is FenceAction.DONE:
        return None
    if decision.action is FenceAction.WAIT:
        return StepOutcome(in_progress(decision.reason, 50, "fence"))
    lifted = {"fence.lifted_time": format_time(context.ports.clock.now())}
    context.ports.records.update(context.operation_id, lifted)
    done = f"let clients reach {name} again"
    return context.do(
        decision.reason,
        done,
        "fence",
        lambda: context.ports.target_rds.modify_cluster(name, {"port": open_port}),
    )
