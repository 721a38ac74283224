"""Deciding how a restored cluster gets what it is to have in the end: its parameter group, security groups and roles.

A group that is put in place takes effect in each instance when that is rebooted, the writer first, then the readers one
at a time (AuroraUserGuide, "Associating a DB cluster parameter group with a DB cluster in Amazon Aurora", "Rebooting an
Aurora cluster with read availability"). RDS tells how far it is by DBClusterParameterGroupStatus, which lags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.cluster_settings import ClusterRole, SettingValues
from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, ParameterGroupNotApplied
from aurora_restore.domain.naming import short_hash
from aurora_restore.domain.observed import DbCluster, DbInstance, is_auto_scaled
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.quiet_group import REMOVE_ACT, RESET_ACT
from aurora_restore.domain.rds_statuses import (
    FAILED_CLUSTER_STATUSES,
    FAILED_INSTANCE_STATUSES,
    SERVING_STATUSES,
)
from aurora_restore.domain.verification import IN_SYNC

PENDING_REBOOT = "pending-reboot"
CHANGE_ACT, REBOOT_ACT = "wanted_group", "reboot_for_group"
# RDS accepts a change and shows it later; what has not shown by then may have been shown and missed.
SHOWS_WITHIN = timedelta(minutes=3)
# A reboot that was asked for so long ago has been, or never comes.
REBOOT_AGAIN = timedelta(minutes=5)
# Each single thing is over in minutes.
APPLY_LIMIT = timedelta(minutes=45)


class ApplyAction(Enum):
    CHANGE_CLUSTER = "change cluster"
    ADD_ROLE = "add role"
    REBOOT = "reboot"
    REMOVE_GROUP = "remove group"
    WAIT = "wait"


@dataclass(frozen=True)
class ApplyDecision:
    """`kind` is the word under which the record keeps when it was asked for; `subject` the instance to reboot."""

    action: ApplyAction
    reason: str
    waiting_for: str = "parameter_group"
    kind: str = ""
    subject: str = ""
    role: ClusterRole | None = None
    settings: SettingValues = field(default_factory=dict)


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


def decide_applying(seen: Applying) -> ApplyDecision:
    """The next thing to do. REMOVE_GROUP: nothing is left but the pipeline's own group.

    Raises:
        ClusterFailed, InstanceFailed: one of them does not come up with the requested group.
        ParameterGroupNotApplied: RDS has not done it within its time.
    """
    if seen.cluster.status in FAILED_CLUSTER_STATUSES:
        raise ClusterFailed(f"The cluster {seen.cluster.db_cluster_identifier} is `{seen.cluster.status}`.")
    for instance in seen.instances:
        if instance.status in FAILED_INSTANCE_STATUSES:
            raise InstanceFailed(f"The instance {instance.db_instance_identifier} is `{instance.status}`.")
    return _change(seen) or _busy(seen) or _role(seen) or _reboots(seen) or _removal(seen)


def _change(seen: Applying) -> ApplyDecision | None:
    cluster, plan = seen.cluster, seen.plan
    settings: dict[str, object] = {}
    if seen.wanted_group and cluster.db_cluster_parameter_group_name != seen.wanted_group:
        settings["db_cluster_parameter_group_name"] = seen.wanted_group
    expected = tuple(sorted(plan.cluster.vpc_security_group_ids))
    if (
        plan.cluster.quarantine_security_group_ids
        and tuple(sorted(cluster.vpc_security_group_ids)) != expected
    ):
        settings["vpc_security_group_ids"] = expected
    if not settings:
        return None
    reason = f"{cluster.db_cluster_identifier} is to have its own {_words(settings)}"
    decision = ApplyDecision(ApplyAction.CHANGE_CLUSTER, reason, kind=CHANGE_ACT, settings=settings)
    return _unless_under_way(seen, decision)


def _words(settings: SettingValues) -> str:
    names = {
        "db_cluster_parameter_group_name": "parameter group",
        "vpc_security_group_ids": "security groups",
    }
    return " and ".join(names[name] for name in settings)


def _busy(seen: Applying) -> ApplyDecision | None:
    statuses = {seen.cluster.db_cluster_identifier: seen.cluster.status} | {
        item.db_instance_identifier: item.status for item in seen.instances
    }
    busy = [f"{name} is `{status}`" for name, status in statuses.items() if status not in SERVING_STATUSES]
    return ApplyDecision(ApplyAction.WAIT, ", ".join(busy), "reboot") if busy else None


def _role(seen: Applying) -> ApplyDecision | None:
    missing = next((role for role in seen.plan.cluster.roles if role not in seen.cluster.roles), None)
    if missing is None:
        return None
    kind = f"role-{short_hash(f'{missing.role_arn} {missing.feature_name}')}"
    reason = f"the role {missing.role_arn} is to be the cluster's as well"
    return _unless_under_way(seen, ApplyDecision(ApplyAction.ADD_ROLE, reason, kind=kind, role=missing))


def _reboots(seen: Applying) -> ApplyDecision | None:
    """The first instance that has not taken up the requested group."""
    if seen.wanted_group is None:
        return None
    return next((decision for name in seen.members if (decision := _reboot(seen, name))), None)


def _reboot(seen: Applying, instance: str) -> ApplyDecision | None:
    asked, status = seen.asked.get(reboot_act(instance)), seen.status_of(instance)
    if asked is None:
        return _first_reboot(seen, instance, status)
    age = seen.now - asked.last
    # Where no status told that a reboot is due, `in-sync` says nothing: only one that was accepted, and had its time.
    if status == IN_SYNC and (instance in seen.seen_pending or (asked.answered and age > REBOOT_AGAIN)):
        return None
    reason = f"{instance} shows the parameter group as `{status}` after its reboot was asked for"
    if asked.is_overdue(seen.now, APPLY_LIMIT):
        raise ParameterGroupNotApplied(f"After {_minutes(APPLY_LIMIT)} minutes still: {reason}.")
    if age < (REBOOT_AGAIN if asked.answered else ASK_AGAIN):
        return ApplyDecision(ApplyAction.WAIT, reason, "reboot")
    return ApplyDecision(ApplyAction.REBOOT, reason, "reboot", reboot_act(instance), instance)


def _first_reboot(seen: Applying, instance: str, status: str) -> ApplyDecision:
    changed = seen.changed
    if status != PENDING_REBOOT and changed and seen.now - changed.last < SHOWS_WITHIN:
        reason = f"RDS does not show yet that {instance} has to be rebooted: it is `{status}`"
        return ApplyDecision(ApplyAction.WAIT, reason)
    reason = f"{instance} takes the parameter group {seen.wanted_group} up when it is rebooted"
    return ApplyDecision(ApplyAction.REBOOT, reason, "reboot", reboot_act(instance), instance)


def _removal(seen: Applying) -> ApplyDecision:
    reason = f"{seen.cluster.db_cluster_identifier} has all that it is to have"
    return ApplyDecision(ApplyAction.REMOVE_GROUP, reason, kind=REMOVE_ACT)


def _unless_under_way(seen: Applying, decision: ApplyDecision) -> ApplyDecision:
    asked = seen.asked.get(decision.kind)
    if asked is None:
        return decision
    if asked.is_overdue(seen.now, APPLY_LIMIT):
        raise ParameterGroupNotApplied(
            f"RDS has not done it within {_minutes(APPLY_LIMIT)} minutes: {decision.reason}."
        )
    if asked.is_under_way(seen.now):
        reason = f"RDS has accepted a change and does not show it yet: {decision.reason}"
        return ApplyDecision(ApplyAction.WAIT, reason, "change")
    return decision


def _minutes(limit: timedelta) -> str:
    return f"{limit.total_seconds() / 60:g}"
