"""The one translation from what botocore raises to the errors of the domain.

Error codes are those of the wire (`Error.Code`), which is not always the name of botocore's exception class:
`SnapshotQuotaExceeded`, `DBInstanceNotFound`, … lack the `Fault` that the class carries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType, TracebackType

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.parsers import ResponseParserError

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
)

# Everything that a call through botocore can raise about the call.
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)

CONDITION_FAILED = "ConditionalCheckFailedException"
"""DynamoDB's refusal of a write whose condition does not hold."""

# After these it is not known whether AWS did what the request asked for.
NO_ANSWER_ERRORS = (BotocoreConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)

CREDENTIAL_ERRORS = (
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMSThrottling",
        "KMSThrottlingException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)

UNAVAILABLE_CODES = frozenset(
    {
        "ConcurrentUpdateException",
        "DependencyTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServiceErrorException",
        "KMSInternalException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionConflictException",
        "Unavailable",
    }
)

ACCESS_DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)

CREDENTIAL_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

QUOTA_CODES = frozenset(
    {
        "DBClusterAutomatedBackupQuotaExceededFault",
        "DBClusterEndpointQuotaExceededFault",
        "DBClusterQuotaExceededFault",
        "DBClusterRoleQuotaExceeded",
        "DBInstanceQuotaExceeded",
        "DBParameterGroupQuotaExceeded",
        "InstanceQuotaExceeded",
        "ServiceQuotaExceededException",
        "StorageQuotaExceeded",
    }
)

CAPACITY_CODES = frozenset(
    {
        "InsufficientDBClusterCapacityFault",
        "InsufficientDBInstanceCapacity",
        "InsufficientStorageClusterCapacity",
    }
)

OWN_ERROR_CODES: Mapping[str, type[RestoreError]] = MappingProxyType(
    {
        "DBClusterParameterGroupNotFound": ParameterGroupNotFound,
        "DBClusterSnapshotNotFoundFault": SnapshotNotFound,
        "DBParameterGroupNotFound": ParameterGroupNotFound,
        "DBSnapshotNotFound": SnapshotNotFound,
        "DBSubnetGroupNotFoundFault": SubnetGroupNotFound,
        "InvalidDBClusterSnapshotStateFault": SnapshotNotAvailable,
        "KMSKeyNotAccessibleFault": KmsKeyNotAccessible,
    }
)

# RDS answers `SnapshotQuotaExceeded` both where the quota of manual snapshots is used up and where too many
# copies are in flight. Only the text distinguishes them: "Cannot copy more than 5 snapshots across regions".
COPY_SLOTS_TEXT = "across regions"

CAPACITY_HINT = "AWS has no room for this class in these zones now: choose another class, or try again later."
SIGN_IN_HINT = (
    "Sign in again (`aws sts get-caller-identity` shows who you are), and check the profile and Region."
)


def error_code(error: BaseException) -> str | None:
    """The wire's `Error.Code`, or None where the error is not an answer of AWS."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return None


def error_message(error: BaseException) -> str:
    """What AWS said, or botocore's own words."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", "")) or "AWS gave no reason"
    return str(error)


def translate(service: str, error: BaseException) -> RestoreError:
    """The domain's error for what botocore raised in a call to `service` (its IAM prefix, as `rds`)."""
    translated: RestoreError
    if isinstance(error, ClientError):
        translated = _translate_answer(service, error)
    elif isinstance(error, CREDENTIAL_ERRORS):
        translated = AccessDenied(f"there are no usable AWS credentials: {error}", SIGN_IN_HINT)
    elif isinstance(error, NO_ANSWER_ERRORS):
        # The request may have been carried out: a step has to observe before it repeats a change.
        translated = AwsUnavailable(f"{service} gave no usable answer: {error}")
        translated.is_silent = True
    else:
        translated = AwsRequestFailed(f"a request to {service} could not be made: {error}")
    translated.service = service
    return translated


def _translate_answer(service: str, error: ClientError) -> RestoreError:
    code = error_code(error) or ""
    action = f"{service}:{error.operation_name}"
    said = f"{action}: {code}: {error_message(error)}"
    # What passes by itself comes first, so that it is never taken for a reason to give up.
    if code in THROTTLING_CODES:
        return AwsThrottled(said)
    if code == "SnapshotQuotaExceeded" and COPY_SLOTS_TEXT in error_message(error).lower():
        return CopySlotsInUse(said)
    # A proxy or a load balancer in front of the service answers with codes that no list has.
    http_status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in UNAVAILABLE_CODES or http_status >= 500:
        return AwsUnavailable(said)
    if code in ACCESS_DENIED_CODES:
        denied = AccessDenied(f"{action} was refused: {error_message(error)}")
        denied.action = action
        return denied
    if code in CREDENTIAL_CODES:
        return AccessDenied(f"{action} was refused: {error_message(error)}", SIGN_IN_HINT)
    if code in QUOTA_CODES or code == "SnapshotQuotaExceeded":
        return QuotaExceeded(said)
    if code in OWN_ERROR_CODES:
        return OWN_ERROR_CODES[code](said)
    return AwsRequestFailed(said, CAPACITY_HINT if code in CAPACITY_CODES else None)


class Translating:
    """Around a call: translates what it raises; an error whose code is in `ignoring` ends the block quietly.

    with Translating("rds", ignoring={"DBClusterNotFoundFault"}):
        return parse(client.describe_db_clusters(…))
    return None
    """

    def __init__(self, service: str, ignoring: Collection[str] = ()) -> None:
        self._service = service
        self._ignoring = ignoring

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, AWS_ERRORS):
            return False
        if error_code(error) in self._ignoring:
            return True
        raise translate(self._service, error) from error
