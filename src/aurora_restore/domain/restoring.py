"""Deciding about the restore: first the cluster, then its instances, then the master password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora_restore.domain.acts import (
    AddRole,
    ChangeMasterPassword,
    CreateInstance,
    EnableDataApi,
    ModifyCluster,
    Wait,
)
from aurora_restore.domain.asking import Asking
from aurora_restore.domain.cluster_settings import (
    INSIGHTS_KIND,
    WINDOWS_KIND,
    SettingValues,
    cluster_settings_of,
    instance_settings_of,
    requested_settings,
)
from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, MasterLoginRefused, NameTaken
from aurora_restore.domain.late_settings import (
    MAINTENANCE_WINDOW,
    insights_settings,
    needed_settings,
    unmet_windows,
)
from aurora_restore.domain.log_exports import given_after_switch
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import Credentials, DbCluster, DbInstance
from aurora_restore.domain.plan import PlannedInstance, RestorePlan
from aurora_restore.domain.rds_statuses import (
    FAILED_CLUSTER_STATUSES,
    FAILED_INSTANCE_STATUSES,
    SERVING_STATUSES,
)
from aurora_restore.domain.record import MasterPasswordChanges, written
from aurora_restore.domain.windows import is_open

DATA_API_KIND = "data-api"
MASTER_PASSWORD = "master_user_password"  # noqa: S105 - the name of a pending value
# RDS changes a password in seconds to a few minutes; a request that died before it acted is made again then.
PASSWORD_TAKES_EFFECT = timedelta(minutes=3)
PASSWORD_LIMIT = timedelta(minutes=15)
LOGIN_PERCENT = 95
# Right after its creation a cluster is busy now and then, for minutes.
SETTINGS_LIMIT = timedelta(minutes=30)
# What a restore cannot be given, and is asked for afterwards.
SettingAct = AddRole | EnableDataApi | ModifyCluster


@dataclass(frozen=True)
class Owner:
    """Whose a cluster and its instances are: the tag that says so, and its value."""

    operation_id: str
    tag: str = OPERATION_TAG


def decide_restore(
    owner: Owner,
    plan: RestorePlan,
    cluster: DbCluster,
    instances: Sequence[DbInstance],
    asking: Asking,
) -> CreateInstance | SettingAct | Wait | None:
    """The next thing to do for a cluster that was restored; None where it and its instances are available.

    `instances` are the members that exist, by name or by membership.

    Raises:
        NameTaken, ClusterFailed, InstanceFailed
    """
    name = plan.cluster.db_cluster_identifier
    _require_ours("cluster", name, cluster.tags, owner)
    if cluster.status in FAILED_CLUSTER_STATUSES:
        raise ClusterFailed(f"The cluster {name} is `{cluster.status}`.")
    if cluster.status not in SERVING_STATUSES and not instances:
        # The cluster is the first half of the phase, its instances and the password the second.
        percent = (cluster.percent_progress or 0) // 2
        return Wait("cluster", f"the cluster {name} is `{cluster.status}`", percent, cluster.percent_progress)
    existing = {item.db_instance_identifier: item for item in instances}
    for number, expected in enumerate(plan.instances, start=1):
        found = existing.get(expected.db_instance_identifier)
        if found is None and (first := _unready_first(plan, existing)):
            # RDS makes the writer of whichever instance is ready first, and the first is to be the writer.
            reason = f"the first instance {first.db_instance_identifier} is `{first.status}`"
            return Wait("instances", reason, 60)
        if found is None:
            new, parameters = expected.db_instance_identifier, instance_parameters(plan, expected)
            reason = f"the instance {new}, {number} of {len(plan.instances)}, is being created"
            return CreateInstance(new, parameters, kind=f"instance-{number}", reason=reason, percent=60)
        _require_ours("instance", found.db_instance_identifier, found.tags, owner)
        if found.status in FAILED_INSTANCE_STATUSES:
            raise InstanceFailed(f"The instance {found.db_instance_identifier} is `{found.status}`.")
    waiting = [item for item in existing.values() if item.status not in SERVING_STATUSES]
    if waiting:
        words = ", ".join(f"{item.db_instance_identifier} is `{item.status}`" for item in waiting)
        return Wait("instances", f"the instance {words}", 70)
    if cluster.status not in SERVING_STATUSES:
        return Wait("change", f"the cluster {name} is `{cluster.status}`", 90)
    return _decide_settings(plan, cluster, asking)


@dataclass(frozen=True)
class RefusedLogin:
    """The master's login with the admin secret was refused, and why; what was done about that so far."""

    admin: Credentials
    reason: str
    changes: MasterPasswordChanges
    now: datetime


def decide_password(cluster: DbCluster, login: RefusedLogin) -> ChangeMasterPassword | Wait:
    """What to do so that the master's login with the admin secret is accepted.

    A new password takes effect with a delay: it is not changed again at every refusal, and not for ever.

    Raises:
        MasterLoginRefused
    """
    name, count, now = cluster.db_cluster_identifier, login.changes.count, login.now
    first, last = login.changes.first_time or now, login.changes.last_time or now
    is_on_its_way = (
        cluster.status not in SERVING_STATUSES or MASTER_PASSWORD in cluster.pending_modified_values
    )
    is_first = count == 0 and not is_on_its_way
    if not is_first and now - first > PASSWORD_LIMIT:
        raise MasterLoginRefused(
            f"The master user {login.admin.username} of {name} is refused although its password was changed "
            f"{count} time(s): {login.reason}"
        )
    if not is_first and (is_on_its_way or now - last < PASSWORD_TAKES_EFFECT):
        return Wait(
            "password", f"the new master password has not taken effect: {login.reason}", LOGIN_PERCENT
        )
    counted = MasterPasswordChanges(count=count + 1, first_time=first, last_time=now)
    reason = "the master password was changed to that of the admin secret"
    return ChangeMasterPassword(
        name, login.admin.password, reason=reason, percent=LOGIN_PERCENT, also=written(counted)
    )


@dataclass(frozen=True)
class ClusterToRestore:
    """What RestoreDBClusterFromSnapshot is asked for; the version is named, or RDS would take the Region's default."""

    db_cluster_identifier: str
    cluster_snapshot_identifier: str
    engine: str
    engine_version: str
    settings: SettingValues
    tags: Mapping[str, str]


@dataclass(frozen=True)
class InstanceToCreate:
    """What CreateDBInstance is asked for, for one member of a cluster."""

    db_instance_identifier: str
    db_cluster_identifier: str
    db_instance_class: str
    engine: str
    promotion_tier: int
    settings: SettingValues
    tags: Mapping[str, str]


def restore_parameters(
    plan: RestorePlan, cluster_snapshot_identifier: str, at_first: SettingValues | None = None
) -> ClusterToRestore:
    """What makes the cluster of the plan. `at_first`: the settings that it has until it is given its own."""
    settings = requested_settings(cluster_settings_of(plan.cluster))
    later = given_after_switch(plan)
    return ClusterToRestore(
        db_cluster_identifier=plan.cluster.db_cluster_identifier,
        cluster_snapshot_identifier=cluster_snapshot_identifier,
        engine=plan.source.engine,
        engine_version=plan.engine_version,
        settings={name: value for name, value in settings.items() if name not in later}
        | dict(at_first or {}),
        tags=plan.cluster.tags,
    )


def instance_parameters(plan: RestorePlan, instance: PlannedInstance) -> InstanceToCreate:
    """What makes one member of the cluster of the plan."""
    return InstanceToCreate(
        db_instance_identifier=instance.db_instance_identifier,
        db_cluster_identifier=plan.cluster.db_cluster_identifier,
        db_instance_class=instance.db_instance_class,
        engine=plan.source.engine,
        promotion_tier=instance.promotion_tier,
        settings=requested_settings(instance_settings_of(instance)),
        tags=plan.cluster.tags,
    )


def _unready_first(plan: RestorePlan, existing: Mapping[str, DbInstance]) -> DbInstance | None:
    """The first instance, where it exists and does not serve yet."""
    first = existing.get(plan.instances[0].db_instance_identifier)
    return first if first is not None and first.status not in SERVING_STATUSES else None


def _decide_settings(plan: RestorePlan, cluster: DbCluster, asking: Asking) -> SettingAct | Wait | None:
    """What a restore cannot be given, and was asked for or the replaced cluster had."""
    name = cluster.db_cluster_identifier
    missing = next((role for role in plan.cluster.roles if role not in cluster.roles), None)
    if missing:
        reason = f"the role {missing.role_arn} is to be the cluster's as well"
        role = AddRole(name, missing, kind=missing.kind, event="role", reason=reason, percent=80)
        return _needed(role, asking)
    if needed := next(needed_settings(plan, cluster), None):
        afterwards, settings = needed
        kind, reason = afterwards.kind, afterwards.reason.format(*settings.values())
        modify = ModifyCluster(name, settings, kind=kind, event=kind, reason=reason, percent=80)
        return _needed(modify, asking)
    if plan.cluster.http_endpoint and not cluster.http_endpoint:
        reason = "the Data API is to be on, as on the replaced cluster"
        enable = EnableDataApi(name, cluster.db_cluster_arn, kind=DATA_API_KIND, reason=reason, percent=80)
        return _needed(enable, asking)
    # Hours of restoring are not thrown away for these: what RDS does not take is left, and becomes a warning.
    if (insights := insights_settings(plan, cluster)) and not _is_left(INSIGHTS_KIND, asking):
        reason = "Database Insights are to be in the mode that the replaced cluster has"
        act = ModifyCluster(
            name, insights, kind=INSIGHTS_KIND, event=INSIGHTS_KIND, reason=reason, percent=80
        )
        return _unless_under_way(act, asking)
    windows = {}
    if not _is_left(WINDOWS_KIND, asking):
        windows = {name: expected for name, (expected, _) in unmet_windows(plan, cluster).items()}
    # RDS refuses a maintenance window around the present.
    if MAINTENANCE_WINDOW in windows and is_open(windows[MAINTENANCE_WINDOW], asking.now):
        del windows[MAINTENANCE_WINDOW]
    if windows:
        reason = f"to be as on the replaced cluster: {', '.join(windows)}"
        act = ModifyCluster(name, windows, kind=WINDOWS_KIND, event=WINDOWS_KIND, reason=reason, percent=80)
        return _unless_under_way(act, asking)
    return None


def _is_left(kind: str, asking: Asking) -> bool:
    asked = asking.asked.get(kind)
    return _is_overdue(kind, asking) or (asked is not None and asked.given_up)


def _is_overdue(kind: str, asking: Asking) -> bool:
    asked = asking.asked.get(kind)
    return asked is not None and asked.is_overdue(asking.now, SETTINGS_LIMIT)


def _needed(act: SettingAct, asking: Asking) -> SettingAct | Wait:
    """What the cluster is not to be without. Raises ClusterFailed where RDS has not done it within its time."""
    if _is_overdue(act.kind, asking):
        minutes = SETTINGS_LIMIT.total_seconds() / 60
        raise ClusterFailed(f"RDS has not done it within {minutes:g} minutes: {act.reason}.")
    return _unless_under_way(act, asking)


def _unless_under_way(act: SettingAct, asking: Asking) -> SettingAct | Wait:
    """What RDS has accepted a moment ago need not show yet."""
    asked = asking.asked.get(act.kind)
    if asked is None or not asked.is_under_way(asking.now):
        return act
    return Wait("change", f"RDS has accepted a change and does not show it yet: {act.reason}", 80)


def _require_ours(kind: str, name: str, tags: Mapping[str, str], owner: Owner) -> None:
    found = tags.get(owner.tag)
    if found != owner.operation_id:
        made_by = tags.get(OPERATION_TAG)
        whose = f"the operation {made_by}" if made_by else "an owner unknown to this pipeline"
        raise NameTaken(f"The {kind} name {name} is taken; it belongs to {whose}. It was not touched.")
