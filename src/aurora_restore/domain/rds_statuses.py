"""The statuses of RDS objects, by what they mean to a run."""

from __future__ import annotations

# How the restore of a cluster can end.
FAILED_RESTORE_STATUSES = frozenset({"cloning-failed", "failed", "migration-failed"})
# Statuses that a cluster or an instance does not leave by itself (Aurora user guide, "Viewing DB cluster status").
FAILED_CLUSTER_STATUSES = FAILED_RESTORE_STATUSES | {
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-parameters",
    "stopped",
    "stopping",
    "upgrade-failed",
    "deleting",
}
# An instance whose creation ended so serves nothing and holds nothing: the data of an Aurora cluster is in its volume.
FAILED_CREATION_STATUSES = frozenset(
    {
        "failed",
        "incompatible-create",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "restore-error",
    }
)
FAILED_INSTANCE_STATUSES = FAILED_CREATION_STATUSES | {
    "deleting",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "stopped",
    "stopping",
    "storage-full",
}
# Aurora backs a cluster up soon after it is made, and it serves meanwhile.
SERVING_STATUSES = frozenset({"available", "backing-up"})

STOPPED_STATUSES = frozenset({"stopped", "stopping", "starting"})
FAILED_SNAPSHOT_STATUSES = frozenset({"failed", "incompatible-restore", "incompatible-parameters"})
GOING_STATUSES = frozenset({"deleting", "deleted"})
