"""The codes of RDS that are not errors for the caller: busy, gone already, exists already."""

from __future__ import annotations

BUSY_CODES = frozenset(
    {
        "InvalidDBClusterSnapshotStateFault",
        "InvalidDBClusterStateFault",
        "InvalidDBInstanceState",
        "InvalidResourceStateFault",
    }
)
NAME_TAKEN_CODE = "DBClusterAlreadyExistsFault"
CLUSTER_GONE_CODES = frozenset({"DBClusterNotFoundFault"})
INSTANCE_GONE_CODES = frozenset({"DBInstanceNotFound", "DBInstanceNotFoundFault"})
SNAPSHOT_NOT_FOUND_CODES = frozenset({"DBClusterSnapshotNotFoundFault"})
GROUP_NOT_FOUND_CODES = frozenset({"DBParameterGroupNotFound", "DBClusterParameterGroupNotFound"})
