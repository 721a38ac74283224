"""What may be left to do for an operation whose record is closed: retire a kept cluster, remove a late arrival."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.acts import DeleteSnapshot
from aurora_restore.domain.errors import RequestRefused, StepFailed
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.notification import put_off_message
from aurora_restore.domain.rds_statuses import FAILED_SNAPSHOT_STATUSES
from aurora_restore.domain.record import Retirement, changed, with_new_warnings
from aurora_restore.domain.rehearsal import asked_of
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.results import StepStatus, done, in_progress
from aurora_restore.domain.retention import is_being_retired, kept_until
from aurora_restore.domain.states import OperationStatus, RetirementState
from aurora_restore.domain.times import minute_in_words
from aurora_restore.steps.cleanup_context import CleanupContext, next_step
from aurora_restore.steps.finalize import publish_best_effort, release, settle
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import perform
from aurora_restore.steps.retirement import Removal
from aurora_restore.steps.roll_forward import persist
from aurora_restore.steps.rollback import LEFTOVERS

# A kept cluster that cannot be retired (it is protected, there is no room for its snapshot) is tried again later.
TRIED_AGAIN = timedelta(hours=1)


def post_close(context: CleanupContext) -> StepOutcome:
    """One call. Raises what keeps a kept cluster from being retired."""
    operation, target = context.operation, context.operation.target_cluster_id
    if outcome := retire_kept(context):
        return outcome
    # A request that was on its way when the record was closed may have made something since. After a run that
    # succeeded nothing is removed: what has its tag is the result, but for a rehearsal. Under the lock: the next
    # operation may use the same names.
    leaves_nothing = operation.status != OperationStatus.SUCCEEDED or asked_of(operation.record) is not None
    if (
        leaves_nothing
        and operation.record.acts
        and target is not None
        and context.ports.locks.acquire(target, context.operation_id, context.ports.clock.now())
        and (outcome := next_step(context, LEFTOVERS))
    ):
        return outcome
    settle(context.ports, context.operation_id)
    return StepOutcome(
        done(f"the operation {context.operation_id} is {context.operation.status}: nothing is left to do")
    )


def retire_kept(context: CleanupContext) -> StepOutcome | None:
    """Under the target's lock, as every change of the target: an undo may be about to use the kept cluster."""
    operation, ports, now = context.operation, context.ports, context.ports.clock.now()
    until, target = kept_until(operation), operation.target_cluster_id or ""
    if not is_being_retired(operation) and (until is None or until > now):
        return None
    if not ports.locks.acquire(target, context.operation_id, now):
        # Another operation has the target. A cluster of which nothing is
        # deleted yet is kept again, so that an undo can have it.
        if not operation.record.retirement.deletion_has_begun:
            _set_state(context, RetirementState.KEPT)
        owner = ports.locks.owner(target)
        return StepOutcome(done(f"the operation {owner} is at work on {target}: the next sweep tries again"))
    if not is_being_retired(operation):
        # No operation takes the lock over from here on; the next call makes sure that none just had.
        _set_state(context, RetirementState.BEGUN)
        return StepOutcome(
            in_progress("the time to keep the old cluster is over: it is being retired", 5, "mark")
        )
    replacement = operation.plan.replacement
    if replacement is None:
        return None
    name = replacement.retired_identifier
    try:
        outcome = Removal.of_replaced(ports, operation, context.guard, name, replacement).advance()
    except (StepFailed, RequestRefused) as failed:
        # A deletion that has begun is not put off: it can only go on, and its error is raised until it does.
        if failed.is_of_record or operation.record.retirement.deletion_has_begun:
            raise
        return _put_off(context, replacement, failed)
    if outcome.result.status is StepStatus.IN_PROGRESS:
        return outcome
    event = Event("replaced.retired", {"db_cluster_identifier": name})
    # The record first, the lock last: the next operation on the target must read that the cluster is gone.
    persist(context, StepOutcome(outcome.result, outcome.changes, (event,)))
    release(ports, context.operation_id)
    return StepOutcome(done(f"the kept cluster {name} was retired"))


def _set_state(context: CleanupContext, state: RetirementState) -> None:
    context.ports.records.update(context.operation_id, changed(Retirement, state=state))


def _put_off(
    context: CleanupContext, replacement: Replacement, failed: StepFailed | RequestRefused
) -> StepOutcome:
    """Nothing was deleted: it is kept for a while longer, the target is free meanwhile, and one message is sent."""
    ports, operation, now = context.ports, context.operation, context.ports.clock.now()
    until = now + TRIED_AGAIN
    warning = f"the kept cluster could not be retired: {failed.message}"
    is_new = operation.record.retirement.put_off_code != failed.code
    name = replacement.final_snapshot_identifier
    snapshot = ports.target_rds.find_cluster_snapshot(name) if name else None
    # A failed snapshot would block the next one, which has the same name. Only a failed one that this
    # operation made is removed: any other may hold the last copy of some data.
    if (
        name
        and snapshot
        and snapshot.status in FAILED_SNAPSHOT_STATUSES
        and snapshot.tags.get(OPERATION_TAG) == context.operation_id
    ):
        perform(DeleteSnapshot(name, "the failed final snapshot"), ports)
    changes = {
        **changed(Retirement, state=RetirementState.KEPT, keep_until=until, put_off_code=failed.code),
        **with_new_warnings(operation.record, warning),
    }
    ports.records.update(context.operation_id, changes)
    # One message for each reason, and not one an hour.
    if is_new:
        message = put_off_message(operation, f"{failed.code}: {failed.message}", until, now)
        publish_best_effort(operation, ports, message)
    release(ports, context.operation_id)
    return StepOutcome(done(f"{warning}; it is tried again after {minute_in_words(until)}"))
