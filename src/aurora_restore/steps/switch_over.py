"""SwitchOver: the old cluster gives up its name, the new one takes it. Minutes without the name, not hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from aurora_restore.domain.acts import RenameCluster, Wait
from aurora_restore.domain.errors import SwitchOverFailed
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Changes, RestoreDetails, SwitchOver, changed
from aurora_restore.domain.results import Phase, done, in_progress, skipped
from aurora_restore.domain.switching import RENAME_OLD_ASIDE, Parties, Places, decide_switch, parties_of
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard
from aurora_restore.steps.suspend_scaling import suspend_scaling

# From the first request for a rename to its being seen; RDS takes a minute or two, and now and then many more.
RENAME_LIMIT = timedelta(minutes=30)
# Of one wait: a cluster that is being renamed shows under neither of its names for moments only.
WAIT_LIMIT = timedelta(minutes=30)


def switch_over(operation: Operation, ports: Ports) -> StepOutcome:
    """One rename at most. Raises NameTaken, SwitchOverFailed."""
    plan = operation.plan
    parties = parties_of(operation.operation_id, plan)
    if parties is None:
        return StepOutcome(skipped(f"{plan.target_cluster_id} has its own name from the beginning"))
    places, now = observe_places(ports, parties), ports.clock.now()
    rename = decide_switch(parties, places)
    if rename is None and places.target:
        seconds = seconds_without_name(operation, now)
        changes = switched_changes(operation, places.target, now)
        away = f"the name was unavailable for at most {seconds} s, as RDS reported it"
        message = f"{plan.target_cluster_id} is the new cluster; {away}"
        event = Event("switch_over.done", {"seconds_without_name": seconds})
        return StepOutcome(done(message), changes, (event,))
    if rename is None or isinstance(rename, Wait):
        wait = rename or Wait("rename", "the target does not show")
        if operation.waited_for(Phase.SWITCH_OVER, wait.subject, now) > WAIT_LIMIT:
            raise SwitchOverFailed(
                f"For more than {WAIT_LIMIT.total_seconds() / 60:g} minutes: {wait.reason}."
            )
        return waiting(wait)
    is_first = rename.kind == RENAME_OLD_ASIDE and not operation.asked(rename.kind)
    # Only before the first rename: from then on the old cluster is on its way, and the clients are waiting.
    if is_first and (resting := suspend_scaling(operation, ports)):
        return resting
    return _rename(operation, ports, rename)


def observe_places(ports: Ports, parties: Parties) -> Places:
    """Which cluster has each of the three names now."""
    rds, plan = ports.target_rds, parties.plan
    return Places(
        target=rds.find_cluster(plan.target_cluster_id),
        staging=rds.find_cluster(plan.cluster.db_cluster_identifier),
        retired=rds.find_cluster(parties.replacement.retired_identifier),
    )


def _rename(operation: Operation, ports: Ports, rename: RenameCluster) -> StepOutcome:
    kind, now = rename.kind, ports.clock.now()
    name, new_name = rename.name, rename.new_name
    # Asked for twice, a rename that RDS has accepted and not shown yet would meet a cluster with another name.
    if asked := operation.asked(kind):
        if asked.is_overdue(now, RENAME_LIMIT):
            minutes = RENAME_LIMIT.total_seconds() / 60
            raise SwitchOverFailed(
                f"RDS has not renamed the cluster {name} to {new_name} within {minutes:g} minutes."
            )
        if asked.is_under_way(now):
            message = f"RDS has accepted that {name} is renamed to {new_name}, and does not show it yet"
            return StepOutcome(in_progress(message, 50, "rename"))
    if kind == RENAME_OLD_ASIDE:
        # Written ahead of the rename: clients lose the name with the request, and not with its answer.
        gone = changed(SwitchOver, name_gone_time=now, retired_identifier=new_name)
        rename = RenameCluster(name, new_name, kind=kind, reason=rename.reason, also=gone)
    event = Event(f"switch_over.{kind}", {"from": name, "to": new_name, "reason": rename.reason})
    return carry_out(RunGuard(ports, operation), rename, event)


def switched_changes(operation: Operation, cluster: DbCluster, now: datetime) -> Changes:
    """What the record says once the new cluster has the target's name; `now` is when that was seen."""
    seconds = seconds_without_name(operation, now)
    switched = changed(SwitchOver, switched_time=now, seconds_without_name=seconds)
    return {**switched, **cluster_details(cluster)}


def seconds_without_name(operation: Operation, now: datetime) -> float | None:
    """For how long no cluster had the name, at most; None where the record does not say when that began."""
    gone = operation.record.switch_over.name_gone_time
    return round((now - gone).total_seconds(), 1) if gone else None


def cluster_details(cluster: DbCluster) -> Changes:
    """What the record says of the cluster under the target's name."""
    return changed(
        RestoreDetails,
        db_cluster_identifier=cluster.db_cluster_identifier,
        db_cluster_arn=cluster.db_cluster_arn,
        db_cluster_resource_id=cluster.db_cluster_resource_id,
        endpoint=cluster.endpoint,
        reader_endpoint=cluster.reader_endpoint,
        port=cluster.port,
    )
