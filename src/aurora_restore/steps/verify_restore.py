"""VerifyRestore: compare what was asked for with what stands there, field by field."""

from __future__ import annotations

from aurora_restore.domain.errors import VerificationFailed
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import done, in_progress
from aurora_restore.domain.verification import compare, is_settled
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.runner import record_details
from aurora_restore.steps.world import World


def verify_restore(operation: Operation, world: World) -> StepOutcome:
    """Put the comparison into the record. Raises VerificationFailed where a settled cluster differs."""
    plan = operation.plan
    name = plan.cluster.db_cluster_identifier
    cluster = world.target_rds.find_cluster(name)
    if cluster is None:
        raise VerificationFailed(f"The cluster {name} is gone since it was restored.")
    instances = world.target_rds.list_cluster_instances(name)
    checks = compare(plan, cluster, instances)
    changes = {"restore_details.verification": [check.to_item() for check in checks]}
    differing = [check for check in checks if not check.matches]
    if not is_settled(cluster, instances):
        return StepOutcome(in_progress(f"the cluster {name} is still settling: `{cluster.status}`", 50))
    if differing:
        record_details(world, operation.operation_id, changes)
        words = "; ".join(f"{item.field}: wanted {item.wanted}, found {item.found}" for item in differing)
        raise VerificationFailed(f"{len(differing)} of {len(checks)} fields of {name} differ: {words}.")
    return StepOutcome(done(f"all {len(checks)} fields are as asked for"), changes)
