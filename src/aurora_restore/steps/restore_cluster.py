"""RestoreCluster: the cluster, then its instances, then the master password, confirmed by logging in."""

from __future__ import annotations

from dataclasses import replace

from aurora_restore.domain.acts import CreateInstance, Wait
from aurora_restore.domain.acts import RestoreCluster as RestoreDbCluster
from aurora_restore.domain.asking import Asking
from aurora_restore.domain.cluster_settings import WINDOWS_KIND
from aurora_restore.domain.errors import (
    ClusterFailed,
    ResourceBusy,
    SnapshotCopyFailed,
    StepFailed,
)
from aurora_restore.domain.observed import (
    DatabaseEndpoint,
)
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import (
    act_given_up,
)
from aurora_restore.domain.restoring import (
    Owner,
    SettingAct,
    decide_restore,
    restore_parameters,
)
from aurora_restore.domain.results import in_progress
from aurora_restore.domain.states import Strategy
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.quiet_group import prepare_group, restored_with
from aurora_restore.steps.runner import RunGuard
from aurora_restore.steps.take_over_master import endpoint_of, take_over_master
from aurora_restore.steps.wake_kept_cluster import wake_kept_cluster


def restore_cluster(operation: Operation, ports: Ports) -> StepOutcome:
    """Bring the cluster one thing further.

    Raises:
        NameTaken, ClusterFailed, InstanceFailed, MasterLoginRefused, DatabaseUnreachable
    """
    plan = operation.plan
    cluster = ports.target_rds.find_cluster(plan.cluster.db_cluster_identifier)
    if plan.strategy is Strategy.UNDO:
        return wake_kept_cluster(operation, ports, plan, cluster)
    # The parameter group is part of the request to restore:
    # a cluster that started without it has acted already.
    if (
        cluster is None
        and plan.starts_with_quiet_group
        and (outcome := prepare_group(operation, ports, plan))
    ):
        return outcome
    if cluster is None:
        return _restore(operation, ports, plan)
    # By name, and not as members of the cluster: an instance
    # of another cluster may have taken one of the names.
    found = (ports.target_rds.find_instance(item.db_instance_identifier) for item in plan.instances)
    instances = [item for item in found if item is not None]
    asking = Asking(ports.clock.now(), operation.all_asked())
    next_act = decide_restore(Owner(operation.operation_id), at_first(plan), cluster, instances, asking)
    if isinstance(next_act, Wait):
        return waiting(next_act)
    if isinstance(next_act, CreateInstance):
        event = Event(
            "instance.create_started", {"db_instance_identifier": next_act.name, "reason": next_act.reason}
        )
        return carry_out(RunGuard(ports, operation), next_act, event)
    if next_act is not None:
        return _bring_settings(operation, ports, next_act)
    try:
        return take_over_master(operation, ports, plan, cluster, instances)
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, 80, "change"))


def at_first(plan: RestorePlan) -> RestorePlan:
    """The plan as far as this phase: a cluster that starts quietly is given its roles with its parameter group."""
    return replace(plan, cluster=replace(plan.cluster, roles=())) if plan.gets_its_own_later else plan


def restored_endpoint(ports: Ports, plan: RestorePlan) -> DatabaseEndpoint | None:
    """Where the writer of the restored cluster answers; None while RDS does not name it.

    Raises:
        ClusterFailed: the cluster is gone.
    """
    name = plan.cluster.db_cluster_identifier
    cluster = ports.target_rds.find_cluster(name)
    if cluster is None:
        raise ClusterFailed(f"The cluster {name} is gone since it was restored.")
    return endpoint_of(cluster)


def _restore(operation: Operation, ports: Ports, plan: RestorePlan) -> StepOutcome:
    name, source = plan.cluster.db_cluster_identifier, plan.source.cluster_snapshot_arn
    if plan.copy is not None:
        # Never the original where a copy was planned: it may be in another Region, or under another key.
        copy = operation.record.snapshot_details.restored_from
        if copy is None:
            raise SnapshotCopyFailed("The record names no finished copy, although the plan needs one.")
        source = copy
    parameters = restore_parameters(plan, source, restored_with(operation, plan))
    message = f"the restore of the cluster {name} was started"
    restore = RestoreDbCluster(name, source, parameters, reason=message, percent=0)
    reason = f"the cluster {name} does not exist yet"
    details = {"db_cluster_identifier": name, "from": source, "reason": reason}
    return carry_out(RunGuard(ports, operation), restore, Event("cluster.restore_started", details))


def _bring_settings(operation: Operation, ports: Ports, act: SettingAct) -> StepOutcome:
    """One role, or the windows: what no request names and the replaced cluster has."""
    event = Event(f"cluster.{act.event}_changed", {"reason": act.reason})
    try:
        return carry_out(RunGuard(ports, operation), act, event)
    except StepFailed as failed:
        if act.kind != WINDOWS_KIND or failed.is_of_record:
            raise
        # A window is worth no restore: it is left, and the warning at the end says so.
        message = f"the windows are left as they are: {failed.message}"
        event = Event("cluster.settings_left", {"reason": failed.message})
        return StepOutcome(in_progress(message, 80, "change"), act_given_up(act.kind), (event,))
