"""Secrets Manager: database logins. A secret's value enters no message, log line or exception's chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import AWS_ERRORS, error_code, error_message, translate
from aurora_restore.domain.errors import (
    AccessDenied,
    RestoreError,
    SecretMalformed,
    SecretNotAccessible,
    SecretNotFound,
)
from aurora_restore.domain.observed import Credentials

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

NOT_FOUND_CODES = frozenset({"ResourceNotFoundException"})
NO_ACCESS_CODES = frozenset({"DecryptionFailure", "EncryptionFailure"})


class AwsSecrets:
    """Implements the port `Secrets`."""

    def __init__(self, clients: Clients, region: str | None = None) -> None:
        self._clients = clients
        self._region = region

    def read_credentials(self, secret_id: str) -> Credentials:
        """The login that the secret's current version holds as a JSON object with `username` and `password`.

        Raises:
            SecretNotFound: there is no such secret, it has no current version, or it is marked for deletion.
            SecretNotAccessible: the role may not read it, or may not use its key.
            SecretMalformed: its value is something else.
        """
        try:
            response = self._clients.secretsmanager(self._region).get_secret_value(SecretId=secret_id)
        except AWS_ERRORS as error:
            raise _translated(secret_id, error) from error
        try:
            value = json.loads(response.get("SecretString") or "")
        except ValueError:
            # Nothing is raised in here: a JSONDecodeError carries the whole value and must not be in the chain.
            value = None
        if not isinstance(value, dict):
            raise SecretMalformed(f"the value of the secret {secret_id} is not a JSON object")
        texts = {name for name, entry in value.items() if isinstance(entry, str) and entry}
        missing = [name for name in ("username", "password") if name not in texts]
        if missing:
            raise SecretMalformed(f"the secret {secret_id} lacks text under {' and '.join(missing)}")
        return Credentials(username=value["username"], password=value["password"])


def _translated(secret_id: str, error: BaseException) -> RestoreError:
    code = error_code(error)
    if code in NOT_FOUND_CODES:
        return SecretNotFound(f"there is no secret {secret_id}")
    # The code alone is not enough: Secrets Manager uses it for several states of a secret.
    if code == "InvalidRequestException" and "deletion" in error_message(error):
        not_found = SecretNotFound(
            f"the secret {secret_id} is marked for deletion",
            "Restore it (`aws secretsmanager restore-secret`), or create another one.",
        )
        not_found.is_marked_for_deletion = True
        return not_found
    failure = translate("secretsmanager", error)
    # Without the right to use its key, a secret is as unreadable as without the right to read it.
    if isinstance(failure, AccessDenied) or code in NO_ACCESS_CODES:
        return SecretNotAccessible(f"the secret {secret_id} cannot be read: {failure.message}")
    return failure
