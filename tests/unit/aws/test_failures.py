"""Each error of botocore becomes the one error of the domain that names it."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from aurora_restore.aws.failures import (
    ACCESS_DENIED_CODES,
    QUOTA_CODES,
    SIGN_IN_HINT,
    THROTTLING_CODES,
    UNAVAILABLE_CODES,
    Translating,
    translate,
)
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    AwsUnavailable,
    CopySlotsInUse,
    KmsKeyNotAccessible,
    ParameterGroupNotFound,
    QuotaExceeded,
    RestoreError,
    SnapshotNotAvailable,
    SnapshotNotFound,
    SubnetGroupNotFound,
    TransientError,
)

URL = "https://rds.us-west-2.amazonaws.com"


def refused(code: str, message: str = "no", http_status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": http_status}},  # type: ignore[typeddict-item]
        "CopyDBClusterSnapshot",
    )


@pytest.mark.parametrize("code", sorted(THROTTLING_CODES))
def test_throttling_can_be_repeated(code: str) -> None:
    assert type(translate("rds", refused(code))) is AwsThrottled


@pytest.mark.parametrize("code", sorted(UNAVAILABLE_CODES))
def test_an_outage_can_be_repeated(code: str) -> None:
    assert type(translate("rds", refused(code))) is AwsUnavailable


def test_any_answer_of_the_500s_can_be_repeated() -> None:
    assert type(translate("rds", refused("NeverHeardOf", http_status=503))) is AwsUnavailable


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        ResponseParserError("half an answer"),
    ],
)
def test_a_lost_connection_can_be_repeated(error: Exception) -> None:
    assert isinstance(translate("rds", error), TransientError)


@pytest.mark.parametrize("code", sorted(ACCESS_DENIED_CODES))
def test_a_missing_right_is_named(code: str) -> None:
    failure = translate("rds", refused(code, "User: x is not authorized"))
    assert type(failure) is AccessDenied
    assert "rds:CopyDBClusterSnapshot" in failure.message


@pytest.mark.parametrize(
    "error", [refused("ExpiredToken"), refused("UnrecognizedClientException"), NoCredentialsError()]
)
def test_credentials_that_do_not_work_ask_for_signing_in(error: Exception) -> None:
    failure = translate("sts", error)
    assert type(failure) is AccessDenied
    assert failure.hint == SIGN_IN_HINT


@pytest.mark.parametrize("code", sorted(QUOTA_CODES))
def test_a_full_quota_is_its_own_error(code: str) -> None:
    assert type(translate("rds", refused(code))) is QuotaExceeded


def test_five_copies_in_flight_are_a_wait_and_the_quota_of_snapshots_is_not() -> None:
    in_flight = refused("SnapshotQuotaExceeded", "Cannot copy more than 5 snapshots across regions")
    no_room = refused("SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots")
    assert type(translate("rds", in_flight)) is CopySlotsInUse
    assert type(translate("rds", no_room)) is QuotaExceeded


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("DBClusterParameterGroupNotFound", ParameterGroupNotFound),
        ("DBParameterGroupNotFound", ParameterGroupNotFound),
        ("DBClusterSnapshotNotFoundFault", SnapshotNotFound),
        ("DBSubnetGroupNotFoundFault", SubnetGroupNotFound),
        ("InvalidDBClusterSnapshotStateFault", SnapshotNotAvailable),
        ("KMSKeyNotAccessibleFault", KmsKeyNotAccessible),
    ],
)
def test_what_the_domain_has_a_name_for_gets_it(code: str, expected: type[RestoreError]) -> None:
    assert type(translate("rds", refused(code))) is expected


def test_anything_else_shows_service_operation_code_and_reason() -> None:
    failure = translate("rds", refused("InvalidVPCNetworkStateFault", "the subnet is gone"))
    assert type(failure) is AwsRequestFailed
    assert failure.message == "rds:CopyDBClusterSnapshot: InvalidVPCNetworkStateFault: the subnet is gone"


def test_a_lack_of_capacity_says_what_to_do() -> None:
    failure = translate("rds", refused("InsufficientDBInstanceCapacity"))
    assert "another class" in failure.hint


def test_a_request_that_botocore_refuses_is_not_an_outage() -> None:
    assert type(translate("rds", ParamValidationError(report="x"))) is AwsRequestFailed


def test_an_expected_code_ends_the_block_quietly_and_others_do_not() -> None:
    with Translating("rds", ignoring={"DBClusterNotFoundFault"}):
        raise refused("DBClusterNotFoundFault")
    with pytest.raises(AwsThrottled) as caught, Translating("rds", ignoring={"DBClusterNotFoundFault"}):
        raise refused("Throttling")
    assert isinstance(caught.value.__cause__, ClientError)


def test_errors_of_our_own_pass_untouched() -> None:
    with pytest.raises(KeyError), Translating("rds", ignoring={"x"}):
        raise KeyError("x")
