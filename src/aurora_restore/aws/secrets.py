"""Secrets Manager: database logins. A secret's value enters no message, log line or exception's chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
        return _parse_credentials(secret_id, response.get("SecretString"))


def _parse_credentials(secret_id: str, text: str | None) -> Credentials:
    value = _parse_object(text)
    if value is None:
        raise SecretMalformed(f"the value of the secret {secret_id} is not a JSON object")
    missing = [name for name in ("username", "password") if not _is_text(value.get(name))]
    if missing:
        raise SecretMalformed(f"the secret {secret_id} lacks text under {' and '.join(missing)}")
    return Credentials(username=value["username"], password=value["password"])


def _parse_object(text: str | None) -> dict[str, Any] | None:
    """None for what is no JSON object. A JSONDecodeError carries the whole value: it must not travel on."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _translated(secret_id: str, error: BaseException) -> RestoreError:
    code = error_code(error)
    if code in NOT_FOUND_CODES:
        return SecretNotFound(f"there is no secret {secret_id}")
    if code == "InvalidRequestException" and "deletion" in error_message(error):
        return SecretNotFound(
            f"the secret {secret_id} is marked for deletion",
            "Restore it (`aws secretsmanager restore-secret`), or create another one.",
        )
    failure = translate("secretsmanager", error)
    if isinstance(failure, AccessDenied) or code in NO_ACCESS_CODES:
        return SecretNotAccessible(f"the secret {secret_id} cannot be read: {failure.message}")
    return failure
