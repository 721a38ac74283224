"""Whether the KMS keys can be used: the one that is asked for, and the one that the snapshot is encrypted with."""

from __future__ import annotations

from collections.abc import Iterable

from aurora_restore.domain.errors import KmsKeyNotAccessible, RestoreError
from aurora_restore.domain.observed import ClusterSnapshot, KmsKey
from aurora_restore.domain.request import RestoreRequest

SOURCE_KEY_HINT = (
    "Enable the key that the snapshot is encrypted with, or cancel its deletion; without it the pipeline cannot "
    "read the snapshot. A snapshot that was copied before under a key that works can be restored by its own name."
)


def requested_key_problems(
    request: RestoreRequest, found: KmsKey | RestoreError | None
) -> Iterable[RestoreError]:
    """What keeps the requested key from encrypting the new cluster."""
    if request.kms_key_id is None:
        return
    if isinstance(found, RestoreError):
        yield found
    elif found is None:
        yield KmsKeyNotAccessible(f"There is no KMS key {request.kms_key_id} in {request.target_region}.")
    elif found.key_state != "Enabled":
        yield KmsKeyNotAccessible(f"The KMS key {request.kms_key_id} is not enabled: {found.key_state}.")
    elif found.key_usage != "ENCRYPT_DECRYPT":
        yield KmsKeyNotAccessible(f"The KMS key {request.kms_key_id} is for {found.key_usage}.")


def source_key_problems(
    snapshot: ClusterSnapshot, found: KmsKey | RestoreError | None
) -> Iterable[RestoreError]:
    """What keeps RDS from reading the snapshot. A key that may not be looked at may still be used: a note says so."""
    key_id, name = snapshot.kms_key_id, snapshot.db_cluster_snapshot_identifier
    if not key_id or isinstance(found, RestoreError):
        return
    # What it is for needs no look: RDS has encrypted the snapshot with it.
    if found is None:
        yield KmsKeyNotAccessible(f"The key {key_id} of the snapshot {name} does not exist.", SOURCE_KEY_HINT)
    elif found.key_state != "Enabled":
        yield KmsKeyNotAccessible(
            f"The key {key_id} of the snapshot {name} is not enabled: {found.key_state}.", SOURCE_KEY_HINT
        )


def source_key_note(snapshot: ClusterSnapshot, found: KmsKey | RestoreError | None) -> str | None:
    """What the policy of a key must give that could not be looked at; None where there is nothing to say."""
    if not snapshot.kms_key_id or not isinstance(found, RestoreError):
        return None
    return (
        f"WARNING: the key {snapshot.kms_key_id}, which the snapshot is encrypted with, cannot be looked at. Its "
        "policy must give the pipeline's roles kms:DescribeKey, kms:Decrypt, kms:GenerateDataKeyWithoutPlaintext, "
        "kms:ReEncryptFrom and kms:CreateGrant, or the run ends with KMS_KEY_NOT_ACCESSIBLE where RDS reads the "
        "snapshot"
    )
