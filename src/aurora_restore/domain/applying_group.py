"""Deciding how a restored cluster gets what it is to have in the end: its parameter group, security groups and roles.

A group that is put in place takes effect in each instance when that is rebooted, the writer first, then the readers one
at a time (AuroraUserGuide, "Associating a DB cluster parameter group with a DB cluster in Amazon Aurora", "Rebooting an
Aurora cluster with read availability"). DBClusterParameterGroupStatus shows how far each instance is, and it lags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora_restore.domain.acts import AddRole, ModifyCluster, RebootInstance, Wait
from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, ParameterGroupNotApplied
from aurora_restore.domain.observed import DbCluster, DbInstance, is_auto_scaled, not_serving
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.quiet_group import RESET_ACT
from aurora_restore.domain.rds_statuses import FAILED_CLUSTER_STATUSES, FAILED_INSTANCE_STATUSES
from aurora_restore.domain.record import seen_pending_changed
from aurora_restore.domain.verification import IN_SYNC

PENDING_REBOOT = "pending-reboot"
CHANGE_ACT, REBOOT_ACT = "wanted_group", "reboot_for_group"
WAIT = "parameter_group"
# RDS accepts a change and shows it later; what has not shown by then may have been shown and missed.
SHOWS_WITHIN = timedelta(minutes=3)
# A reboot that was asked for so long ago has been, or never comes.
REBOOT_AGAIN = timedelta(minutes=5)
# Each single thing is over in minutes.
APPLY_LIMIT = timedelta(minutes=45)
_SETTING_WORDS = {
    "db_cluster_parameter_group_name": "parameter group",
    "vpc_security_group_ids": "security groups",
}
ApplyAct = ModifyCluster | AddRole | RebootInstance


@dataclass(frozen=True)
class Applying:
    """What is known of the cluster, from a fresh look.

    `instances`: those that the run made; what Application Auto Scaling added comes and goes, and may not be rebooted.
    `wanted_group`: None where the cluster had it from the beginning. `seen_pending`: the instances whose status was
    observed as `pending-reboot` before they were rebooted, so that `in-sync` says that the reboot has been.
    """

    plan: RestorePlan
    cluster: DbCluster
    instances: Sequence[DbInstance]
    wanted_group: str | None
    asked: Mapping[str, Asked]
    seen_pending: frozenset[str]
    now: datetime

    @property
    def members(self) -> list[str]:
        """The instances that the run made, the writer first."""
        return [name for name in self.cluster.member_identifiers if not is_auto_scaled(name)]

    @property
    def changed(self) -> Asked | None:
        """When the cluster was last given another group, or its group other values."""
        times = [asked for kind in (CHANGE_ACT, RESET_ACT) if (asked := self.asked.get(kind))]
        return max(times, key=lambda asked: asked.last, default=None)

    def status_of(self, instance: str) -> str:
        return self.cluster.parameter_group_statuses.get(instance, "")


def reboot_act(instance_identifier: str) -> str:
    return f"{REBOOT_ACT}-{instance_identifier}"


def decide_applying(seen: Applying) -> ApplyAct | Wait | None:
    """The next thing to do; None where nothing is left but the pipeline's own group.

    Raises:
        ClusterFailed, InstanceFailed: one of them does not come up with the requested group.
        ParameterGroupNotApplied: RDS has not done it within its time.
    """
    if seen.cluster.status in FAILED_CLUSTER_STATUSES:
        raise ClusterFailed(f"The cluster {seen.cluster.db_cluster_identifier} is `{seen.cluster.status}`.")
    for instance in seen.instances:
        if instance.status in FAILED_INSTANCE_STATUSES:
            raise InstanceFailed(f"The instance {instance.db_instance_identifier} is `{instance.status}`.")
    cluster, name = seen.cluster, seen.cluster.db_cluster_identifier
    # One request for the parameter group and the security groups: each would make the cluster busy.
    if settings := _settings_to_give(seen):
        words = " and ".join(_SETTING_WORDS[setting] for setting in settings)
        reason = f"{name} is to have its own {words}"
        change = ModifyCluster(name, settings, kind=CHANGE_ACT, reason=reason, waits_for=WAIT)
        return _unless_under_way(seen, change)
    # RDS refuses a role, or a reboot, while the cluster or an instance is in the middle of something.
    if busy := not_serving(cluster, seen.instances):
        return Wait("reboot", ", ".join(busy))
    missing = next((role for role in seen.plan.cluster.roles if role not in cluster.roles), None)
    if missing:
        reason = f"the role {missing.role_arn} is to be the cluster's as well"
        add_role = AddRole(name, missing, kind=missing.kind, reason=reason, waits_for=WAIT)
        return _unless_under_way(seen, add_role)
    return _reboots(seen)


def _settings_to_give(seen: Applying) -> dict[str, object]:
    """What the cluster started without, and does not show yet."""
    cluster, planned = seen.cluster, seen.plan.cluster
    settings: dict[str, object] = {}
    if seen.wanted_group and cluster.db_cluster_parameter_group_name != seen.wanted_group:
        settings["db_cluster_parameter_group_name"] = seen.wanted_group
    # RDS shows security groups in an order of its own.
    expected = tuple(sorted(planned.vpc_security_group_ids))
    if planned.quarantine_security_group_ids and tuple(sorted(cluster.vpc_security_group_ids)) != expected:
        settings["vpc_security_group_ids"] = expected
    return settings


def _reboots(seen: Applying) -> RebootInstance | Wait | None:
    """What is to be done about the first instance that has not taken up the requested group; None where all have."""
    if seen.wanted_group is None:
        return None
    for instance in seen.members:
        asked, status, changed = seen.asked.get(reboot_act(instance)), seen.status_of(instance), seen.changed
        if asked is None and status != PENDING_REBOOT and changed and seen.now - changed.last < SHOWS_WITHIN:
            # A reboot before RDS knows of the new group would have to be repeated.
            reason = f"RDS does not show yet that {instance} has to be rebooted: it is `{status}`"
            return Wait(WAIT, reason)
        if asked is None:
            reason = f"{instance} takes the parameter group {seen.wanted_group} up when it is rebooted"
            return _reboot(seen, instance, reason)
        age = seen.now - asked.last
        # Without a status that said a reboot is due, `in-sync` says nothing: the reboot must have had its time.
        if status == IN_SYNC and (instance in seen.seen_pending or (asked.answered and age > REBOOT_AGAIN)):
            continue
        reason = f"{instance} shows the parameter group as `{status}` after its reboot was asked for"
        if asked.is_overdue(seen.now, APPLY_LIMIT):
            raise ParameterGroupNotApplied(f"After {_minutes(APPLY_LIMIT)} minutes still: {reason}.")
        if age < (REBOOT_AGAIN if asked.answered else ASK_AGAIN):
            return Wait("reboot", reason)
        return _reboot(seen, instance, reason)
    return None


def _reboot(seen: Applying, instance: str, reason: str) -> RebootInstance:
    # `in-sync` shows before a change as well as after the reboot: only after `pending-reboot` it proves a reboot.
    is_pending = seen.status_of(instance) == PENDING_REBOOT
    also = seen_pending_changed(instance) if is_pending else {}
    return RebootInstance(instance, kind=reboot_act(instance), reason=reason, also=also)


def _unless_under_way(seen: Applying, act: AddRole | ModifyCluster) -> AddRole | ModifyCluster | Wait:
    """What RDS has accepted a moment ago need not show yet; what it has not done within its time ends the run."""
    asked = seen.asked.get(act.kind)
    if asked is None:
        return act
    if asked.is_overdue(seen.now, APPLY_LIMIT):
        raise ParameterGroupNotApplied(
            f"RDS has not done it within {_minutes(APPLY_LIMIT)} minutes: {act.reason}."
        )
    if asked.is_under_way(seen.now):
        reason = f"RDS has accepted a change and does not show it yet: {act.reason}"
        return Wait("change", reason)
    return act


def _minutes(limit: timedelta) -> str:
    return f"{limit.total_seconds() / 60:g}"
