"""RestoreCluster of an undo: nothing is restored, the kept cluster is started again."""

from __future__ import annotations

from aurora_restore.domain.acts import ChangePort, StartCluster
from aurora_restore.domain.errors import ClusterFailed
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_CLUSTER_STATUSES, SERVING_STATUSES
from aurora_restore.domain.record import RestoreDetails, changed
from aurora_restore.domain.results import done, in_progress
from aurora_restore.domain.retirement import refuse_another_cluster
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard

STOPPED_ON_PURPOSE = frozenset({"stopped", "stopping"})


def wake_kept_cluster(
    operation: Operation, ports: Ports, plan: RestorePlan, cluster: DbCluster | None
) -> StepOutcome:
    """Start the kept cluster and wait for its instances. Raises ClusterFailed, NameTaken."""
    name = plan.cluster.db_cluster_identifier
    if cluster is None or plan.replacement is None:
        raise ClusterFailed(f"The kept cluster {name} is gone since the plan was made.")
    # The kept name may have been given to another cluster since, which must not be started or renamed.
    refuse_another_cluster(cluster, plan.replacement.incoming_resource_id or "")
    if cluster.status == "stopped":
        start = StartCluster(name, reason=f"the kept cluster {name} is being started", percent=10)
        event = Event("cluster.start_started", {"db_cluster_identifier": name})
        return carry_out(RunGuard(ports, operation), start, event)
    if cluster.status in FAILED_CLUSTER_STATUSES - STOPPED_ON_PURPOSE:
        raise ClusterFailed(f"The kept cluster {name} is `{cluster.status}`.")
    statuses = {name: cluster.status} | {
        item.db_instance_identifier: item.status for item in ports.target_rds.list_cluster_instances(name)
    }
    waiting = [f"{item} is `{status}`" for item, status in statuses.items() if status not in SERVING_STATUSES]
    if waiting:
        return StepOutcome(in_progress(", ".join(waiting), 50, "start"))
    if plan.cluster.port and cluster.port != plan.cluster.port:
        # It was about to be retired, and has another port than the one that clients know.
        port, reason = plan.cluster.port, f"{name} gets its port {plan.cluster.port} back"
        lift = ChangePort(name, port, is_fence=False, kind="lift_fence", reason=reason, percent=60)
        event = Event("cluster.fence_lifted", {"db_cluster_identifier": name, "port": port})
        return carry_out(RunGuard(ports, operation), lift, event)
    changes = changed(
        RestoreDetails,
        db_cluster_identifier=cluster.db_cluster_identifier,
        db_cluster_arn=cluster.db_cluster_arn,
        db_cluster_resource_id=cluster.db_cluster_resource_id,
        engine=cluster.engine,
        engine_version=cluster.engine_version,
    )
    return StepOutcome(done(f"the kept cluster {name} serves again"), changes)
