"""EndRehearsal: measure what was rehearsed, hold the scratch cluster for as long as was asked, and delete it."""

from __future__ import annotations

from aurora_restore.domain.errors import DeletionProtected, NotTheScratchCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import RehearsalState, changed, written
from aurora_restore.domain.rehearsal import (
    DELETE_ACT,
    asked_of,
    figures,
    lost_words,
    measured,
    refusal_to_delete,
)
from aurora_restore.domain.results import StepStatus, done, in_progress, skipped
from aurora_restore.domain.times import minute_in_words
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.retirement import Removal
from aurora_restore.steps.runner import RunGuard


def end_rehearsal(operation: Operation, ports: Ports) -> StepOutcome:
    """One act at most.

    Raises:
        NotTheScratchCluster: another cluster has the name. It is not touched.
        DeletionProtected: an operator has protected it, and it is kept.
        GlobalClusterMember
    """
    record = operation.record
    if asked_of(record) is None:
        return StepOutcome(skipped("this is not a rehearsal"))
    # First of all, so that the verdict is in the record whatever becomes of the cluster.
    if record.rehearsal.measured_time is None:
        state = measured(record, ports.clock.now())
        event = Event("rehearsal.measured", state.outcome)
        words = "; ".join(f"{name} {text}" for name, text in figures(state))
        message = f"the rehearsal is measured: {words}"
        return StepOutcome(in_progress(message, 5, "hold"), written(state), (event,))
    now, until, name = ports.clock.now(), record.rehearsal.hold_until, operation.plan.target_cluster_id
    if until is not None and now < until:
        message = f"{name} is held until {minute_in_words(until)}"
        remaining = (until - now).total_seconds()
        return StepOutcome(in_progress(message, 10, "hold", remaining_seconds=remaining))
    cluster = ports.target_rds.find_cluster(name)
    if cluster is None:
        return _gone(operation, ports)
    # Read in this moment, and refused where anything is not as the run has made it.
    if reason := refusal_to_delete(record, cluster, ports.settings.target_cluster_prefix):
        kind = DeletionProtected if cluster.deletion_protection else NotTheScratchCluster
        raise kind(f"The scratch cluster of the rehearsal was not deleted: {reason}.")
    outcome = Removal(
        ports,
        operation,
        RunGuard(ports, operation),
        name,
        cluster.db_cluster_resource_id,
        None,
        is_replaced=False,
        whose="scratch",
    ).advance()
    return outcome if outcome.result.status is StepStatus.IN_PROGRESS else _gone(operation, ports)


def _gone(operation: Operation, ports: Ports) -> StepOutcome:
    name = operation.plan.target_cluster_id
    # It was never asked for: another party has deleted it, or given it another name.
    if DELETE_ACT not in operation.record.acts:
        left = lost_words(name)
        event = Event("scratch.lost", {"db_cluster_identifier": name})
        return StepOutcome(done(left), changed(RehearsalState, left=left), (event,))
    removed = changed(RehearsalState, removed_time=ports.clock.now())
    event = Event("scratch.removed", {"db_cluster_identifier": name})
    return StepOutcome(done(f"{name}: the scratch cluster is gone"), removed, (event,))
