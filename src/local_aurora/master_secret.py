"""The master secret that RDS manages in Secrets Manager.

The Aurora user guide, "Password management with Amazon Aurora and AWS Secrets Manager": it can be asked for when a
cluster is created or modified, not when one is restored from a snapshot; the password is generated; the secret is
deleted with its cluster. The secret cannot be read here: it is shown, and its password is set, as RDS does both.
"""

from __future__ import annotations

import secrets
import uuid

from local_aurora import errors
from local_aurora.objects import Cluster
from local_aurora.timing import Kind
from local_aurora.world import Call

_DEFAULT_KEY = "alias/aws/secretsmanager"


def wants_managed_secret(call: Call, cluster: Cluster) -> bool:
    """Whether the call turns the management on.

    Raises:
        AwsError: InvalidParameterCombination for a password beside it, or for a key without it, as the reference of
            ModifyDBCluster says. The management is not turned off here.
    """
    expected, is_managed = call.params.get("ManageMasterUserPassword"), "MasterUserSecret" in cluster.settings
    if call.text("MasterUserPassword") is not None and (expected or is_managed):
        raise errors.invalid_combination(
            "You can't specify MasterUserPassword while RDS manages the master user password in Secrets Manager."
        )
    if expected is False and is_managed:
        raise errors.invalid_combination("You must specify MasterUserPassword to end its management.")
    if call.text("MasterUserSecretKmsKeyId") and not (expected and not is_managed):
        raise errors.invalid_combination(
            "MasterUserSecretKmsKeyId is valid only when ManageMasterUserPassword is turned on."
        )
    return bool(expected) and not is_managed


def begin_managed_secret(call: Call, cluster: Cluster) -> None:
    """The secret shows at once as `creating`; the server has its password a moment later."""
    # Made of the cluster's id, so that a run that is repeated shows the same secret.
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{cluster.region}/{cluster.resource_id}")
    place = f"{cluster.region}:{cluster.account}"
    key = call.text("MasterUserSecretKmsKeyId") or _DEFAULT_KEY
    secret = {
        "SecretArn": f"arn:aws:secretsmanager:{place}:secret:rds!cluster-{name}-{name.hex[:6]}",
        "SecretStatus": "creating",
        "KmsKeyId": key if key.startswith("arn:") else f"arn:aws:kms:{place}:{key.replace('alias/', 'key/')}",
    }
    cluster.settings = {**cluster.settings, "MasterUserSecret": secret}
    cluster.pending_password = secrets.token_hex(16)
    seconds = call.world.durations.password_change
    call.world.begin_change(Kind.CLUSTER_PASSWORD, call.region, cluster.resource_id, call.now, seconds)
