"""Deciding about the export of logs, which waits until the new cluster has the name that it keeps.

RDS makes a log group `/aws/rds/cluster/NAME/TYPE` by the cluster's name of the moment, without a retention, and leaves
it when the cluster goes: one that exported its logs under its staging name would leave such groups behind at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from aurora_restore.domain.asking import Asked
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.replacement import Strategy

LOG_EXPORTS_KIND = "log_exports"
# A cluster is busy now and then, for minutes; for the sake of its logs nothing else waits longer.
LOG_EXPORTS_LIMIT = timedelta(minutes=30)


class ExportsAction(Enum):
    TURN_ON = "turn on"
    WAIT = "wait"
    DONE = "done"
    LEAVE = "leave"


@dataclass(frozen=True)
class ExportsDecision:
    """`missing`: the types of logs that are to be exported and are not."""

    action: ExportsAction
    reason: str
    missing: tuple[str, ...] = ()


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
) -> ExportsDecision:
    """What to do about the logs of the new cluster, which has the target's name by now."""
    expected = plan.cluster.cloudwatch_logs_exports
    missing = tuple(item for item in expected if item not in cluster.cloudwatch_logs_exports)
    name = cluster.db_cluster_identifier
    if not missing:
        return ExportsDecision(ExportsAction.DONE, f"{name} exports its logs: {', '.join(expected)}")
    # The cluster serves without them: a warning names them, and the run goes on.
    if asked is not None and asked.is_overdue(now, LOG_EXPORTS_LIMIT):
        minutes = LOG_EXPORTS_LIMIT.total_seconds() / 60
        return ExportsDecision(ExportsAction.LEAVE, f"not done within {minutes:g} minutes", missing)
    if asked is not None and asked.is_under_way(now):
        reason = f"RDS has accepted the export of the logs of {name} and does not show it yet"
        return ExportsDecision(ExportsAction.WAIT, reason, missing)
    reason = f"{name} is to export its logs: {', '.join(missing)}"
    return ExportsDecision(ExportsAction.TURN_ON, reason, missing)


def log_exports_warning(plan: RestorePlan, missing: tuple[str, ...], reason: str) -> str:
    """What is not as it should be, and the command that sets it."""
    types = ", ".join(f'"{item}"' for item in missing)
    return (
        f"{plan.target_cluster_id} does not export these logs to CloudWatch: {', '.join(missing)} ({reason}). Turn it "
        f"on by `aws rds modify-db-cluster --db-cluster-identifier {plan.target_cluster_id} "
        f"--cloudwatch-logs-export-configuration '{{\"EnableLogTypes\":[{types}]}}'`."
    )
