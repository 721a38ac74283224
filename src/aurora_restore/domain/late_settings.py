"""Settings that a restore does not take, or that RDS may not take: they are asked for afterwards.

Hours of restoring are not thrown away for a window or for the mode of Database Insights: a warning names what is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from aurora_restore.domain.cluster_settings import CLUSTER_SETTINGS, WINDOWS_KIND, Afterwards, SettingValues
from aurora_restore.domain.errors import InvalidRequest
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.request import RestoreRequest

STANDARD_INSIGHTS, ADVANCED_INSIGHTS = "standard", "advanced"
# ModifyDBCluster: a request for the mode `advanced` must turn Performance Insights on and keep its data so long.
ADVANCED_INSIGHTS_DAYS = 465
INSIGHTS_MODE, MAINTENANCE_WINDOW = "database_insights_mode", "preferred_maintenance_window"


def needed_settings(plan: RestorePlan, cluster: DbCluster) -> Iterator[tuple[Afterwards, SettingValues]]:
    """What the cluster is not to be without, and a restore does not take: one request after another."""
    for name, row in CLUSTER_SETTINGS.items():
        value = getattr(plan.cluster, name)
        if row.afterwards and not row.afterwards.may_be_left and value not in (None, getattr(cluster, name)):
            yield row.afterwards, {name: value}


def insights_problem(request: RestoreRequest) -> InvalidRequest | None:
    """Whether the request names a retention that the mode of the replaced cluster does not allow.

    It is found before anything is restored: RDS would set the retention of the mode, and the verification would fail.
    """
    # Days that are inherited from the replaced cluster fit its mode already.
    days = request.performance_insights_retention_days
    is_asked = "performance_insights_retention_days" in request.asked_for
    if not is_asked or request.database_insights_mode != ADVANCED_INSIGHTS or days == ADVANCED_INSIGHTS_DAYS:
        return None
    return InvalidRequest(
        f"performance_insights_retention_days is {days}, but the replaced cluster has Database Insights in the mode "
        f"{ADVANCED_INSIGHTS}, which needs {ADVANCED_INSIGHTS_DAYS} days."
    )


def insights_settings(plan: RestorePlan, cluster: DbCluster) -> SettingValues:
    """Instances inherit the mode from their cluster, and a restore takes none."""
    expected = plan.cluster.database_insights_mode or STANDARD_INSIGHTS
    if expected == (cluster.database_insights_mode or STANDARD_INSIGHTS):
        return {}
    settings: dict[str, object] = {INSIGHTS_MODE: expected}
    # RDS takes this mode only together with Performance Insights, its retention and its key, if it has one.
    if expected == ADVANCED_INSIGHTS:
        keys = (item.performance_insights_kms_key_id for item in plan.instances)
        settings |= {
            "performance_insights": True,
            "performance_insights_retention_days": ADVANCED_INSIGHTS_DAYS,
        }
        if key := next(filter(None, keys), None):
            settings["performance_insights_kms_key_id"] = key
    return settings


def left_settings(plan: RestorePlan, cluster: DbCluster) -> dict[str, tuple[str, str]]:
    """What was requested and is left as it is: the setting, the requested value, the actual value. A warning names
    each."""
    found = unmet_windows(plan, cluster)
    if insights_settings(plan, cluster):
        expected = plan.cluster.database_insights_mode or STANDARD_INSIGHTS
        found[INSIGHTS_MODE] = (expected, cluster.database_insights_mode or STANDARD_INSIGHTS)
    return found


def unmet_windows(plan: RestorePlan, cluster: DbCluster) -> dict[str, tuple[str, str]]:
    """The windows that the cluster does not have as it should: the setting, the expected value, the actual value."""
    windows = [
        name
        for name, row in CLUSTER_SETTINGS.items()
        if row.afterwards and row.afterwards.kind == WINDOWS_KIND
    ]
    expected = {name: (getattr(plan.cluster, name), getattr(cluster, name)) for name in windows}
    return {
        name: (value, found or "none")
        for name, (value, found) in expected.items()
        if value and value != found
    }
