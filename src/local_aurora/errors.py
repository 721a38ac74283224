"""How the local Aurora refuses: the wire codes and words of Amazon RDS."""

from __future__ import annotations

THROTTLING_MESSAGE = "Rate exceeded"


class AwsError(Exception):
    """An answer of RDS that is an error. `code` is the wire code, as in `Error.Code` of a botocore ClientError.

    The HTTP status follows from the code (botocore's model of rds; 400 for codes the model does not list)
    unless one is given.
    """

    def __init__(self, code: str, message: str, http_status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status


class ReplyLostError(Exception):
    """The call acted, and its reply never reached the caller: a face drops the connection."""


def invalid_value(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def invalid_combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def throttled() -> AwsError:
    return AwsError("Throttling", THROTTLING_MESSAGE)


def cluster_not_found(identifier: str) -> AwsError:
    return AwsError("DBClusterNotFoundFault", f"DBCluster {identifier} not found.")


def cluster_exists(identifier: str) -> AwsError:
    return AwsError("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identifier}")


def invalid_cluster_state(message: str) -> AwsError:
    return AwsError("InvalidDBClusterStateFault", message)


def snapshot_not_found(identifier: str) -> AwsError:
    return AwsError("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {identifier}")


def snapshot_exists(identifier: str) -> AwsError:
    message = (
        f"Cannot create the cluster snapshot because one with the identifier {identifier} already exists."
    )
    return AwsError("DBClusterSnapshotAlreadyExistsFault", message)


def invalid_snapshot_state(message: str) -> AwsError:
    return AwsError("InvalidDBClusterSnapshotStateFault", message)


def snapshot_quota_exceeded(message: str) -> AwsError:
    """Both limits of snapshots share this code; only the message tells the quota from the copies in flight."""
    return AwsError("SnapshotQuotaExceeded", message)


# The codes of instances and parameter groups end without `Fault`, as botocore's model has them.
def instance_not_found(identifier: str) -> AwsError:
    return AwsError("DBInstanceNotFound", f"DBInstance {identifier} not found.")


def instance_exists(identifier: str) -> AwsError:
    return AwsError("DBInstanceAlreadyExists", "DB instance already exists: " + identifier)


def invalid_instance_state(message: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", message)


def subnet_group_not_found(name: str) -> AwsError:
    return AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")


def cluster_parameter_group_not_found(name: str) -> AwsError:
    return AwsError("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {name}")


def parameter_group_not_found(name: str) -> AwsError:
    return AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")


def key_not_accessible(key: str, reason: str) -> AwsError:
    message = (
        f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it. "
        f"{reason}"
    )
    return AwsError("KMSKeyNotAccessibleFault", message.strip())
