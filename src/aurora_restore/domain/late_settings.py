"""Settings that a restore does not take, or that RDS may not take: asked for afterwards, and no reason to end a run.

Hours of restoring are not thrown away for a window or for the mode of Database Insights: a warning names what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan

STANDARD_INSIGHTS, ADVANCED_INSIGHTS = "standard", "advanced"
# ModifyDBCluster: a request for the mode `advanced` must turn Performance Insights on and keep its data so long.
ADVANCED_INSIGHTS_DAYS = 465
BACKUP_WINDOW, MAINTENANCE_WINDOW = "PreferredBackupWindow", "PreferredMaintenanceWindow"
INSIGHTS_MODE = "DatabaseInsightsMode"
LEFT_FIELDS: Mapping[str, str] = {
    BACKUP_WINDOW: "preferred_backup_window",
    MAINTENANCE_WINDOW: "preferred_maintenance_window",
    INSIGHTS_MODE: "database_insights_mode",
}
"""What costs no restore where RDS does not take it, by its name in a comparison of two clusters."""


def insights_settings(plan: RestorePlan, cluster: DbCluster) -> dict[str, Any]:
    """Instances inherit the mode from their cluster, and a restore takes none."""
    expected = plan.cluster.database_insights_mode or STANDARD_INSIGHTS
    if expected == (cluster.database_insights_mode or STANDARD_INSIGHTS):
        return {}
    settings: dict[str, Any] = {INSIGHTS_MODE: expected}
    if expected == ADVANCED_INSIGHTS:
        keys = (item.performance_insights_kms_key_id for item in plan.instances)
        settings |= {
            "EnablePerformanceInsights": True,
            "PerformanceInsightsRetentionPeriod": ADVANCED_INSIGHTS_DAYS,
        }
        if key := next(filter(None, keys), None):
            settings["PerformanceInsightsKMSKeyId"] = key
    return settings


def left_settings(plan: RestorePlan, cluster: DbCluster) -> dict[str, tuple[str, str]]:
    """What was requested and is left as it is: the parameter, the requested value, the actual value. A warning names
    each."""
    found = unmet_windows(plan, cluster)
    if insights_settings(plan, cluster):
        expected = plan.cluster.database_insights_mode or STANDARD_INSIGHTS
        found[INSIGHTS_MODE] = (expected, cluster.database_insights_mode or STANDARD_INSIGHTS)
    return found


def unmet_windows(plan: RestorePlan, cluster: DbCluster) -> dict[str, tuple[str, str]]:
    """The windows that the cluster does not have as it should: its parameter, the expected value, the actual value."""
    expected = {
        BACKUP_WINDOW: (plan.cluster.preferred_backup_window, cluster.preferred_backup_window),
        MAINTENANCE_WINDOW: (plan.cluster.preferred_maintenance_window, cluster.preferred_maintenance_window),
    }
    return {
        name: (value, found or "none")
        for name, (value, found) in expected.items()
        if value and value != found
    }
