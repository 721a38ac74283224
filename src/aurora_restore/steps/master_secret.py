"""RDS manages the master user's password again, as it did for the replaced cluster.

RestoreDBClusterFromSnapshot cannot ask for that, and the pipeline logs in with its own secret until the endpoint is
proved: so ModifyDBCluster asks for it afterwards, as the last thing before the replaced cluster is kept or retired.
The new cluster serves without it, so that a run does not fail for it: what is refused for long is left, and reported.
"""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.acts import ManageMasterPassword
from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.errors import RequestRefused, ResourceBusy, StepFailed
from aurora_restore.domain.naming import OPERATION_TAG, put_back_by
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import MasterSecret, with_warnings, written
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard, asked_for
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard

KIND = "manage_master_secret"
WAIT = "master_secret"
LIMIT = timedelta(minutes=30)


def hand_over_master_secret(operation: Operation, ports: Ports) -> StepOutcome | None:
    """Of the new cluster, which has the target's name; None where nothing is left to do."""
    if not _is_wanted(operation):
        return None
    cluster = ports.target_rds.find_cluster(operation.plan.target_cluster_id)
    # Another cluster may have the target's name by now: its master password is not to be changed.
    if cluster is None or cluster.tags.get(OPERATION_TAG) != operation.operation_id:
        return None
    return _advance(operation, ports, cluster, RunGuard(ports, operation), operation.asked(KIND))


def tidy_master_secret(context: CleanupContext) -> StepOutcome | None:
    """The same in a cleanup: of the new cluster that stays, or of the old one that was restored.

    RDS deletes the secret with its cluster, so that the password of a restored one would be unknown.
    """
    if context.plan is None or context.plan.replacement is None or context.operation.record.master_secret:
        return None
    had_one = context.operation.record.replaced.managed_master_secret
    cluster = context.find(context.plan.target_cluster_id)
    if cluster is None or not had_one:
        return None
    # The new or the old cluster has the name, and its tag says which. A cluster with neither tag is left alone.
    is_new = cluster.tags.get(OPERATION_TAG) == context.operation_id and _is_wanted(context.operation)
    if not is_new and put_back_by(cluster.tags) != context.operation_id:
        return None
    asked = context.operation.asked_by_cleanup().get(KIND)
    outcome = _advance(context.operation, context.ports, cluster, context.guard, asked)
    if outcome.changes:
        context.ports.records.update(context.operation_id, dict(outcome.changes))
    return StepOutcome(outcome.result, {}, outcome.events)


def _is_wanted(operation: Operation) -> bool:
    return operation.plan.cluster.managed_master_secret and not operation.record.master_secret


def _advance(
    operation: Operation, ports: Ports, cluster: DbCluster, guard: Guard, asked: Asked | None
) -> StepOutcome:
    name, now = cluster.db_cluster_identifier, ports.clock.now()
    is_over = asked is not None and asked.is_overdue(now, LIMIT)
    arn = cluster.managed_master_secret
    if arn and (is_over or cluster.managed_master_secret_status in (None, "active")):
        event = Event("master_secret.managed", {"db_cluster_identifier": name, "secret_arn": arn})
        result = in_progress(f"RDS manages the master secret of {name}", 10, WAIT)
        return StepOutcome(result, written(MasterSecret(arn=arn)), (event,))
    if is_over:
        # The cluster serves, and its password is known: a person can make up for this, and no run fails for it.
        reason = "RDS did not take it on in time"
        warning = (
            f"RDS does not manage the password of the master user of {name}: {reason}. The master user has the "
            "password of the admin secret. Ask for it with `aws rds modify-db-cluster --db-cluster-identifier "
            f"{name} --manage-master-user-password`."
        )
        left = {**written(MasterSecret(left=reason)), **with_warnings(operation.record, warning)}
        event = Event("master_secret.left", {"db_cluster_identifier": name, "reason": reason})
        return StepOutcome(in_progress(warning, 10, WAIT), left, (event,))
    message = f"RDS takes on the password of the master user of {name}"
    # An answer may have been lost, and RDS may be at it: it is given time before it is asked again.
    if arn or (asked and not asked.refused and now - asked.last < ASK_AGAIN):
        return StepOutcome(in_progress(message, 10, WAIT))
    key = operation.record.replaced.managed_master_secret_kms_key_id
    act = ManageMasterPassword(name, key or None, kind=KIND, reason=message, waits_for=WAIT, percent=10)
    try:
        changes = guard.ask(act)
    except (ResourceBusy, StepFailed, RequestRefused) as refused:
        # Tried again until the limit, whatever the reason: what is refused now may be taken in a minute.
        if refused.is_of_record:
            raise
        return StepOutcome(in_progress(f"{message}: {refused.message}", 10, WAIT))
    event = Event("master_secret.asked", {"db_cluster_identifier": name, "done": act.describe()})
    return asked_for(act, changes, event)
