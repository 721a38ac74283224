"""Secrets Manager through the wire."""

from __future__ import annotations

import traceback

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.domain.errors import (
    AwsThrottled,
    RestoreError,
    SecretMalformed,
    SecretNotAccessible,
    SecretNotFound,
)
from aurora_restore.domain.observed import Credentials

MARKED = "marked-value-3141"


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def secrets(aws: InProcessAws) -> AwsSecrets:
    return AwsSecrets(aws.clients())


def test_a_login_is_read_by_name_and_by_arn(aws: InProcessAws, secrets: AwsSecrets) -> None:
    arn = aws.create_secret("aurora-restore/admin", {"username": "root", "password": "pw", "engine": "x"})
    assert secrets.read_credentials("aurora-restore/admin") == Credentials("root", "pw")
    assert secrets.read_credentials(arn) == Credentials("root", "pw")


def test_a_missing_secret_is_named(secrets: AwsSecrets) -> None:
    with pytest.raises(SecretNotFound, match="aurora-restore/none"):
        secrets.read_credentials("aurora-restore/none")


def test_a_secret_marked_for_deletion_counts_as_missing_and_says_that_it_can_be_restored(
    aws: InProcessAws, secrets: AwsSecrets
) -> None:
    aws.create_secret("s", {"username": "root", "password": "pw"})
    aws.clients().secretsmanager().delete_secret(SecretId="s", RecoveryWindowInDays=7)
    with pytest.raises(SecretNotFound) as marked:
        secrets.read_credentials("s")
    with pytest.raises(SecretNotFound) as missing:
        secrets.read_credentials("another")

    assert (marked.value.is_marked_for_deletion, missing.value.is_marked_for_deletion) == (True, False)


@pytest.mark.parametrize(
    "value",
    [
        MARKED,
        f'{{"username": "root", "password": "{MARKED}"',
        f'["{MARKED}"]',
        f'"{MARKED}"',
        f'{{"password": "{MARKED}"}}',
        f'{{"username": "{MARKED}", "password": ""}}',
        f'{{"username": "{MARKED}", "password": 5}}',
        f'{{"username": null, "password": "{MARKED}"}}',
        MARKED.encode(),
    ],
)
def test_a_malformed_secret_is_refused_and_its_value_shows_nowhere(
    aws: InProcessAws, secrets: AwsSecrets, value: str | bytes
) -> None:
    aws.create_secret("s", value)
    with pytest.raises(SecretMalformed) as caught:
        secrets.read_credentials("s")
    assert MARKED not in everything_said_by(caught.value)


def test_a_login_shows_no_password() -> None:
    assert MARKED not in repr(Credentials("root", MARKED))


@pytest.mark.parametrize(
    "fault",
    [
        FaultKind.DENIED,
        Refusal("AccessDeniedException", "Access to KMS is not allowed"),
        Refusal("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text"),
    ],
)
def test_a_secret_that_may_not_be_read_is_distinguished_from_a_missing_one(
    aws: InProcessAws, secrets: AwsSecrets, fault: Refusal
) -> None:
    aws.create_secret("s", {"username": "root", "password": "pw"})
    aws.before(is_operation("GetSecretValue"), fault)
    with pytest.raises(SecretNotAccessible, match="the secret s"):
        secrets.read_credentials("s")


def test_a_throttled_read_can_be_repeated(aws: InProcessAws, secrets: AwsSecrets) -> None:
    aws.before(is_operation("GetSecretValue"), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        secrets.read_credentials("s")


def everything_said_by(error: RestoreError) -> str:
    """The message, the hint, and the whole chain of exceptions with all that they carry."""
    said = [error.message, error.hint, *traceback.format_exception(error)]
    link: BaseException | None = error
    while link is not None:
        said.append(f"{link!r} {vars(link)}")
        link = link.__cause__ or link.__context__
    return " ".join(said)
