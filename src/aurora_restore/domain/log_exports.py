"""Deciding about the export of logs, which waits until the new cluster has the name that it keeps.

RDS makes a log group `/aws/rds/cluster/NAME/TYPE` by the cluster's name of the moment, without a retention, and leaves
it when the cluster goes: one that exported its logs under its staging name would leave such groups behind at every run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aurora_restore.domain.acts import Done, ExportLogs, Leave, Wait
from aurora_restore.domain.asking import Asked
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.states import Strategy

LOG_EXPORTS_KIND = "log_exports"
# A cluster is busy now and then, for minutes; for the sake of its logs nothing else waits longer.
LOG_EXPORTS_LIMIT = timedelta(minutes=30)


def exports_logs_later(plan: RestorePlan) -> bool:
    """Whether logs are to be exported, and not before the switch; any other new cluster has its name from the start."""
    # With delete_first, and for a new cluster, the name under which it is restored is the one that it keeps.
    is_staging = plan.cluster.db_cluster_identifier != plan.target_cluster_id
    return plan.strategy is Strategy.SWAP and is_staging and bool(plan.cluster.cloudwatch_logs_exports)


def given_after_switch(plan: RestorePlan) -> frozenset[str]:
    """The settings that the new cluster is given only under the name that it keeps."""
    return frozenset({"cloudwatch_logs_exports"}) if exports_logs_later(plan) else frozenset()


def decide_log_exports(
    plan: RestorePlan, cluster: DbCluster, asked: Asked | None, now: datetime
) -> ExportLogs | Wait | Done | Leave:
    """What to do about the logs of the new cluster, which has the target's name by now."""
    missing, name = missing_exports(plan, cluster), cluster.db_cluster_identifier
    if not missing:
        return Done(f"{name} exports its logs: {', '.join(plan.cluster.cloudwatch_logs_exports)}")
    # The cluster serves without them: a warning names them, and the run goes on.
    if asked is not None and asked.is_overdue(now, LOG_EXPORTS_LIMIT):
        minutes = LOG_EXPORTS_LIMIT.total_seconds() / 60
        return Leave(f"not done within {minutes:g} minutes")
    if asked is not None and asked.is_under_way(now):
        reason = f"RDS has accepted the export of the logs of {name} and does not show it yet"
        return Wait("change", reason, 10)
    reason = f"{name} is to export its logs: {', '.join(missing)}"
    return ExportLogs(name, missing, kind=LOG_EXPORTS_KIND, reason=reason, percent=10)


def missing_exports(plan: RestorePlan, cluster: DbCluster) -> tuple[str, ...]:
    """The types of logs that are to be exported and are not."""
    expected = plan.cluster.cloudwatch_logs_exports
    return tuple(item for item in expected if item not in cluster.cloudwatch_logs_exports)


def log_exports_warning(plan: RestorePlan, cluster: DbCluster, reason: str) -> str:
    """What is not as it should be, and the command that sets it."""
    missing = missing_exports(plan, cluster)
    types = ", ".join(f'"{item}"' for item in missing)
    return (
        f"{plan.target_cluster_id} does not export these logs to CloudWatch: {', '.join(missing)} ({reason}). Turn it "
        f"on by `aws rds modify-db-cluster --db-cluster-identifier {plan.target_cluster_id} "
        f"--cloudwatch-logs-export-configuration '{{\"EnableLogTypes\":[{types}]}}'`."
    )
