"""The rules of a roll forward: the restore had succeeded when its run ended, and the new cluster is in place."""

from __future__ import annotations

from aurora_restore.domain.acts import Act, StartCluster, Wait
from aurora_restore.domain.asking import STILL_ARRIVES
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.proving import START_ACT, STOP_ACT
from aurora_restore.domain.rds_statuses import SERVING_STATUSES
from aurora_restore.domain.record import Proof, changed
from aurora_restore.domain.retention import retirement_state
from aurora_restore.domain.rollback import delete_final_snapshot_of
from aurora_restore.domain.seeing import Seen, parties_in


def new_in_place(seen: Seen) -> DbCluster | None:
    """The new cluster under the target's name; None for a run that has one cluster alone."""
    parties = parties_in(seen)
    target = seen.find(parties.plan.target_cluster_id) if parties else None
    return target if parties and parties.is_new(target) else None


def start_new_again(seen: Seen) -> Act | Wait | None:
    """The run was stopped while it renewed the new cluster's certificate: the cluster is made available again.

    A requested stop may show minutes later; the cluster is not left before that time is over.
    """
    new = new_in_place(seen)
    if new is None:
        return None
    name = new.db_cluster_identifier
    if new.status == "stopped":
        reason = f"the new cluster {name} is being started again"
        return StartCluster(name, reason=reason, also=changed(Proof, started_by_cleanup=True))
    if new.status not in SERVING_STATUSES:
        return Wait("start", f"the new cluster {name} is `{new.status}`")
    # It serves; but RDS may still carry out a stop after which the run did not come to start it.
    record = seen.operation.record
    was_started = START_ACT in record.acts or record.proof.started_by_cleanup
    asked = record.acts.get(STOP_ACT)
    if asked and asked.last_time and not was_started and seen.now - asked.last_time < STILL_ARRIVES:
        return Wait("stop", f"the stop of {name} was asked for and may still come")
    return None


def delete_early_final_snapshot(seen: Seen) -> Act | Wait | None:
    """A kept cluster gets its final snapshot when it is retired: one taken before is not its last state."""
    parties = parties_in(seen)
    if parties is None or retirement_state(seen.operation) is not None:
        return None
    return delete_final_snapshot_of(seen, parties.replacement.retired_identifier)
