"""RetireReplaced and ClearTarget: the cluster that is replaced goes, after the switch or, with delete_first, before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aurora_restore.domain.acts import Untag
from aurora_restore.domain.errors import SwitchOverFailed
from aurora_restore.domain.fencing import FENCE_ACT
from aurora_restore.domain.naming import KEEP_UNTIL_TAG, REPLACED_BY_TAG
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record, Retirement, changed, sets
from aurora_restore.domain.results import StepStatus, done, in_progress, skipped
from aurora_restore.domain.retention import is_past_return, retirement_state
from aurora_restore.domain.retirement import is_marked, mark_replaced
from aurora_restore.domain.states import RetirementState, Strategy
from aurora_restore.domain.switching import Parties, parties_of
from aurora_restore.domain.times import minute_in_words
from aurora_restore.steps.log_exports import are_log_exports_due, bring_log_exports
from aurora_restore.steps.master_secret import hand_over_master_secret
from aurora_restore.steps.move_endpoints import move_endpoints
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.retirement import Removal
from aurora_restore.steps.runner import RunGuard
from aurora_restore.steps.suspend_scaling import resume_scaling, suspend_scaling

_SEEN_TO = (RetirementState.KEPT, RetirementState.RETIRED)


def clear_target(operation: Operation, ports: Ports) -> StepOutcome:
    """With delete_first: make room. Raises what `Removal.advance` raises."""
    plan = operation.plan
    if plan.replacement is None or plan.strategy is not Strategy.DELETE_FIRST:
        return StepOutcome(skipped("nothing has to go before the restore"))
    # By the record, and not by whether the name is free: the new cluster takes it in a later phase.
    if retirement_state(operation) is RetirementState.RETIRED:
        return StepOutcome(done(f"{plan.target_cluster_id} is free"))
    is_untouched = not operation.record.retirement and FENCE_ACT not in operation.record.acts
    # Before the first act on the cluster: a reader that is added later would keep it from being deleted.
    if is_untouched and (resting := suspend_scaling(operation, ports)):
        return resting
    guard = RunGuard(ports, operation)
    return Removal.of_replaced(ports, operation, guard, plan.target_cluster_id, plan.replacement).advance()


def retire_replaced(operation: Operation, ports: Ports) -> StepOutcome:
    """After the switch: keep the old cluster, or let it go. Raises SwitchOverFailed, and as `Removal.advance`."""
    plan = operation.plan
    parties = parties_of(operation.operation_id, plan)
    # What belongs to the name moves first, while the old cluster exists and a rollback can hand it back.
    handing_over = (
        resume_scaling(operation, ports)
        or hand_over_master_secret(operation, ports)
        or move_endpoints(operation, ports)
    )
    if handing_over:
        return handing_over
    if parties is None:
        return StepOutcome(skipped("no old cluster exists besides the new one"))
    target = ports.target_rds.find_cluster(plan.target_cluster_id)
    # The old cluster goes only while the new one is seen to serve under the name: it may be all that is left.
    if target is None or not parties.is_new(target):
        raise SwitchOverFailed(
            f"{plan.target_cluster_id} is not the new cluster: the old one was not touched any further."
        )
    if is_past_return(operation) and (exports := _export_logs(operation, ports, target)):
        return exports
    state = retirement_state(operation)
    if state in _SEEN_TO and not parties.replacement.undoes:
        name, until = parties.replacement.retired_identifier, operation.record.retirement.keep_until
        kept = f"the replaced cluster is kept as {name}{f' until {minute_in_words(until)}' if until else ''}"
        is_kept = state is RetirementState.KEPT
        return StepOutcome(done(kept if is_kept else f"{name}: the replaced cluster is gone"))
    guard = RunGuard(ports, operation)
    outcome = retire_or_keep(operation, ports, parties, guard)
    if outcome.result.status is StepStatus.DONE and parties.replacement.undoes:
        return finish_undo(operation, ports, parties, target, guard, outcome)
    if outcome.result.status is StepStatus.DONE and are_log_exports_due(operation):
        # First the record excludes a rollback: with one, the
        # new cluster would export logs under the staging name.
        if not sets(outcome.changes, Retirement, "state"):
            return _export_logs(operation, ports, target) or outcome
        message = f"{outcome.result.message}; the logs are still to be exported"
        outcome = replace(outcome, result=in_progress(message, 90, "change"))
    return outcome


def _export_logs(operation: Operation, ports: Ports, target: DbCluster) -> StepOutcome | None:
    return bring_log_exports(operation, ports, target, RunGuard(ports, operation))


def retire_or_keep(operation: Operation, ports: Ports, parties: Parties, guard: Guard) -> StepOutcome:
    """One observation of the old cluster under its retired name."""
    replacement, name = parties.replacement, parties.replacement.retired_identifier
    removal = Removal.of_replaced(ports, operation, guard, name, replacement)
    keep = timedelta(hours=replacement.keep_hours)
    if keep:
        return removal.keep(keep)
    cluster = ports.target_rds.find_cluster(name)
    # The mark comes first: should the run die, the sweep finds by it to whom the cluster belongs.
    if cluster and parties.is_old(cluster) and not is_marked(cluster, operation.operation_id):
        return removal.mark(mark_replaced(operation.operation_id, cluster, ports.clock.now()))
    return removal.advance()


def finish_undo(
    operation: Operation,
    ports: Ports,
    parties: Parties,
    target: DbCluster,
    guard: Guard,
    outcome: StepOutcome,
) -> StepOutcome:
    """The cluster that came back is no longer kept, and the operation that replaced it is undone."""
    # It serves under the target's name: with the marks on it, the sweep would see a cluster that is due to go.
    if REPLACED_BY_TAG in target.tags or KEEP_UNTIL_TAG in target.tags:
        keys = [REPLACED_BY_TAG, KEEP_UNTIL_TAG]
        changes = guard.ask(Untag(target.db_cluster_identifier, target.db_cluster_arn, keys, kind="unmark"))
        message = f"{target.db_cluster_identifier} is no longer a kept cluster"
        return StepOutcome(in_progress(message, 90, "mark"), {**outcome.changes, **changes})
    # Last, in the other operation's record: what it kept is in place again, and cannot be undone a second time.
    undone = parties.replacement.undoes or ""
    ports.records.update(
        undone,
        {
            **changed(Retirement, state=RetirementState.UNDONE, undone_by=operation.operation_id),
            **changed(Record, last_updated_time=ports.clock.now()),
        },
    )
    event = Event("undo.done", {"undone": undone})
    return StepOutcome(outcome.result, outcome.changes, (*outcome.events, event))
