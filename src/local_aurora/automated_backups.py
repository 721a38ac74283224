"""The automated backups of deleted clusters, which are retained where the deletion asked for it.

"The retained automated backups quota is the same as your DB cluster quota" (API_DeleteDBCluster,
DBClusterAutomatedBackupQuotaExceededFault). Each goes when its cluster's retention is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from local_aurora.errors import AwsError
from local_aurora.objects import Cluster
from local_aurora.paging import matching, page
from local_aurora.world import Call, operation

_FILTERS = {
    "status": lambda backup: (backup["Status"],),
    "db-cluster-id": lambda backup: (backup["DBClusterIdentifier"],),
}


def refuse_beyond_quota(call: Call, cluster: Cluster) -> None:
    """Raises AwsError where there is no room for the backups of a cluster that is to be deleted."""
    retained = _retained(call)
    # One that is retained already takes no second place.
    if cluster.resource_id not in retained and len(retained) >= call.world.quotas.clusters:
        raise AwsError(
            "DBClusterAutomatedBackupQuotaExceededFault",
            f"The quota for retained automated backups was exceeded: {call.world.quotas.clusters}.",
        )


def retain(call: Call, cluster: Cluster) -> None:
    """Keep the backups of a cluster that is being deleted."""
    days = int(cluster.settings.get("BackupRetentionPeriod") or 1)
    until = call.now + timedelta(days=days)
    # As one text, since the saved state has a mapping of texts here.
    call.region.retained_backups[cluster.resource_id] = f"{until.isoformat()} {cluster.identifier}"


def _retained(call: Call) -> dict[str, tuple[datetime, str]]:
    """Until when, and of which cluster, by resource id; what is over goes."""
    found = {}
    # The call that looks removes what is over: nothing else watches the clock for it.
    for resource_id, kept in list(call.region.retained_backups.items()):
        until, _, name = kept.partition(" ")
        if datetime.fromisoformat(until) <= call.now:
            del call.region.retained_backups[resource_id]
        else:
            found[resource_id] = (datetime.fromisoformat(until), name)
    return found


def describe_db_cluster_automated_backups(call: Call) -> dict[str, Any]:
    retained = [(key, name, "retained") for key, (_, name) in _retained(call).items()]
    active = [(c.resource_id, c.identifier, "active") for c in call.region.clusters.values()]
    backups = [
        {
            "DbClusterResourceId": key,
            "DBClusterIdentifier": name,
            "Status": status,
            "Region": call.region.name,
        }
        for key, name, status in (*active, *retained)
    ]
    found = matching(call, backups, _FILTERS)
    return page(
        call, "DBClusterAutomatedBackups", found, lambda b: str(b["DbClusterResourceId"]), lambda b: b
    )


OPERATIONS = {
    "DescribeDBClusterAutomatedBackups": operation(
        describe_db_cluster_automated_backups, "Filters MaxRecords Marker"
    ),
}
