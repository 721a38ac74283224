"""KMS: whether a key exists and may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_restore.aws.failures import AWS_ERRORS, error_code, error_message, translate
from aurora_restore.domain.errors import AccessDenied, KmsKeyNotAccessible
from aurora_restore.domain.observed import KmsKey

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients


class AwsKeys:
    """Implements the port `Keys`."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def find_key(self, kms_key_id: str, region: str | None = None) -> KmsKey | None:
        """The key behind a key id, key ARN, alias name or alias ARN; None where the Region has none.

        Raises:
            KmsKeyNotAccessible: the role may not look at the key, or the ARN is not one of a key.
        """
        try:
            response = self._clients.kms(region).describe_key(KeyId=kms_key_id)
        except AWS_ERRORS as error:
            code = error_code(error)
            if code == "NotFoundException":
                return None
            failure = translate("kms", error)
            # Both are for the operator to mend: the grant, or the ARN in the request.
            if isinstance(failure, AccessDenied) or code == "InvalidArnException":
                raise KmsKeyNotAccessible(
                    f"the key {kms_key_id} cannot be looked at: {error_message(error)}"
                ) from error
            raise failure from error
        key = response["KeyMetadata"]
        return KmsKey(
            key_id=key["KeyId"],
            arn=key["Arn"],
            key_state=key["KeyState"],
            key_usage=key.get("KeyUsage", "ENCRYPT_DECRYPT"),
        )
