"""What can end a command, as one kind of error: a code, a message and a hint.

RestoreError (of the domain)
├── UsageProblem  the command line cannot read what it was given
├── NotFound      what was asked for is not there
├── Unreachable   AWS, the stack, the credentials, or a part that is not installed
├── TimedOut      the time that was allowed is over
├── OutputLost    what was to be shown could not be written
├── OperationEnded, AlreadySwitched   too late to cancel it
├── those of the local stack, which has a tree of its own: shown with the same codes and hints
└── InternalError a defect of ours
"""

from __future__ import annotations

from typing import Any

from aurora_restore.domain.errors import AccessDenied, RestoreError
from local_stack.errors import LocalStackError


class UsageProblem(RestoreError):
    code = "USAGE_ERROR"
    default_hint = "`aurora-restore COMMAND --help` describes the options."


class PathUnusable(UsageProblem):
    code = "PATH_UNUSABLE"
    default_hint = "Name a path that exists, or that can be made, and that you may use."


class PricesUnusable(UsageProblem):
    code = "PRICES_UNUSABLE"
    default_hint = "Give a file of prices as docs/costs.md describes it, or leave --prices out."


class RegionUnknown(UsageProblem):
    code = "REGION_UNKNOWN"
    default_hint = "Give the name of an AWS Region, for example us-west-2."


class RegionMissing(UsageProblem):
    code = "REGION_MISSING"
    default_hint = "Give --region (or --target-region), or set AWS_REGION."


class NotFound(RestoreError):
    code = "NOT_FOUND"
    default_hint = "`aurora-restore list` shows what there is."


class OperationNotFound(NotFound):
    code = "OPERATION_NOT_FOUND"
    default_hint = (
        "`aurora-restore list` shows the recent operations. An operation is known in the Region that "
        "it restores into: give --region for another."
    )


class ScheduleNotFound(NotFound):
    code = "SCHEDULE_NOT_FOUND"
    default_hint = (
        "`aurora-restore schedule list` shows the schedules of the Region; give --region for another."
    )


class BackupNotFound(NotFound):
    code = "BACKUP_NOT_FOUND"
    default_hint = (
        "Give the place that `aurora-restore backup --to` was given. A backup that was interrupted has no manifest, "
        "and cannot be recovered."
    )


class ArchiveNotFound(NotFound):
    code = "ARCHIVE_NOT_FOUND"
    default_hint = "Give the place that `aurora-restore archive --to` was given."


class Unreachable(RestoreError):
    code = "UNREACHABLE"
    default_hint = "Check what the credentials are allowed to do, the account and the Region."


class CredentialsMissing(Unreachable):
    code = "CREDENTIALS_MISSING"
    default_hint = (
        "Set AWS_PROFILE or the AWS credential variables; for the local stack: "
        'eval "$(aurora-restore local env)".'
    )


class CredentialsRefused(Unreachable):
    code = "CREDENTIALS_REFUSED"
    default_hint = "Log in again, or check which account and role the credentials belong to."


class AwsUnreachable(Unreachable):
    code = "AWS_UNREACHABLE"
    default_hint = (
        "Check the network and AWS_ENDPOINT_URL. `aurora-restore local up` starts "
        "the local stack, and `aurora-restore local status` shows it."
    )


class PipelineNotDeployed(Unreachable):
    code = "PIPELINE_NOT_DEPLOYED"
    default_hint = (
        "Deploy it there with `aurora-restore deploy`, or give the --region that it is deployed in."
    )


class PartMissing(Unreachable):
    code = "PART_MISSING"
    default_hint = "Install it with: pip install 'aurora-restore[local]'"


class TimedOut(RestoreError):
    code = "TIMED_OUT"
    default_hint = "It goes on. Take it up again with `aurora-restore watch`."


class ExportOverdue(TimedOut):
    code = "EXPORT_OVERDUE"
    default_hint = "Repeat the command, with a longer --timeout-minutes: it begins new exports."


class CleanupOverdue(TimedOut):
    code = "CLEANUP_OVERDUE"
    default_hint = (
        "See whether the rules aurora-restore-abnormal-end and aurora-restore-sweep are enabled; `watch` shows the "
        "command that begins the cleanup by hand."
    )


class OperationEnded(RestoreError):
    code = "OPERATION_ENDED"
    default_hint = "There is nothing to cancel. `aurora-restore status OPERATION` shows how it ended."


class AlreadySwitched(RestoreError):
    code = "ALREADY_SWITCHED"
    default_hint = (
        "The restore has succeeded, and nothing is undone. While the old cluster is kept, "
        "`aurora-restore undo OPERATION` puts it back."
    )


class ProofFailed(RestoreError):
    code = "PROOF_FAILED"
    default_hint = "Begin with a fresh local stack: `aurora-restore local up --fresh`."


class OutputLost(RestoreError):
    code = "OUTPUT_LOST"
    default_hint = (
        "Make room where the output goes, and ask again: the operation itself is not touched by this."
    )


class InternalError(RestoreError):
    code = "INTERNAL_ERROR"
    default_hint = "This is a defect; run again with AURORA_RESTORE_TRACEBACK=1 to see where, and report it."


MISSING_RIGHT_HINT = (
    "These credentials lack the right that is named in the message. The policies of viewers, operators and "
    "administrators are in infrastructure/access.yaml; a policy above them can refuse, too."
)

# There are credentials, but AWS does not accept them: the operator has to log in, not to configure them.
_REFUSED_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId",
     "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"}
)  # fmt: skip
_NOT_DEPLOYED = frozenset({"ResourceNotFoundException", "StateMachineDoesNotExist"})


def translate(error: BaseException) -> RestoreError | None:
    """The error in our words; None for an unexpected one.

    An error of the adapters gives way to one that says more to an operator at a terminal, where its cause allows
    that: the pipeline is not deployed, credentials are missing, nothing answers.
    """
    if isinstance(error, RestoreError):
        if found := _from_botocore(error.__cause__):
            return found
        # At a terminal it is not a role of the pipeline that lacks a right, but the credentials of the user.
        if isinstance(error, AccessDenied) and error.hint == AccessDenied.default_hint:
            error.hint = MISSING_RIGHT_HINT
        return error
    if isinstance(error, LocalStackError):
        # The local stack does not know our errors; what it raises is shown, and ends a command, as ours are.
        ours: type[RestoreError] = type(type(error).__name__, (RestoreError,), {"code": error.code})
        return ours(error.message, error.hint)
    if _is_of_botocore(error):
        return _from_botocore(error) or Unreachable(f"AWS did not do what was asked: {error}")
    return None


def _is_of_botocore(error: BaseException | None) -> bool:
    # By the module's name, which spares the import of botocore where the error is of another kind.
    return type(error).__module__.startswith("botocore")


def _from_botocore(error: BaseException | None) -> RestoreError | None:
    if not _is_of_botocore(error):
        return None
    from botocore import exceptions as aws  # noqa: PLC0415 - half a second that `--help` need not pay

    match error:
        case aws.NoCredentialsError() | aws.PartialCredentialsError() | aws.ProfileNotFound():
            return CredentialsMissing(f"No AWS credentials were found: {error}")
        case aws.TokenRetrievalError() | aws.SSOError() | aws.CredentialRetrievalError():
            return CredentialsRefused(f"The AWS credentials cannot be used: {error}")
        case aws.NoRegionError():
            return RegionMissing("No AWS Region is configured.")
        case aws.ConnectionError() | aws.HTTPClientError():
            return AwsUnreachable(f"AWS cannot be reached: {error}")
        case aws.ClientError():
            detail: Any = error.response.get("Error", {})
            code, message = detail.get("Code", ""), detail.get("Message", str(error))
            if code in _REFUSED_CREDENTIALS:
                asked = error.operation_name
                return CredentialsRefused(f"AWS does not accept the credentials ({asked}: {message})")
            # The first table or state machine that is asked for is missing: then all of them are.
            if code in _NOT_DEPLOYED:
                return PipelineNotDeployed(
                    f"The pipeline is not deployed in this account and Region ({message})"
                )
    return None
