"""The one tree of errors.

Each class is an error that an operator can meet. Its class name is what Step Functions sees, its `code` is
what the record, the notification and the command line show, its `hint` says what to do next.

    RestoreError
    ├── RequestRefused        what was asked cannot be done: found before anything is created
    ├── StepFailed            a step met something that a repetition will not mend
    └── TransientError        a repetition can help: Step Functions calls the step again
"""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.domain.error_kinds import RECORD_SERVICE
from aurora_restore.domain.error_kinds import Problem as Problem
from aurora_restore.domain.error_kinds import RequestRefused as RequestRefused
from aurora_restore.domain.error_kinds import RestoreError as RestoreError
from aurora_restore.domain.error_kinds import StepFailed as StepFailed
from aurora_restore.domain.error_kinds import TransientError as TransientError
from aurora_restore.domain.replacement_errors import Cancelled as Cancelled
from aurora_restore.domain.replacement_errors import DeletionProtected as DeletionProtected
from aurora_restore.domain.replacement_errors import DifferenceNotAccepted as DifferenceNotAccepted
from aurora_restore.domain.replacement_errors import EndpointNotProved as EndpointNotProved
from aurora_restore.domain.replacement_errors import ExecutionLost as ExecutionLost
from aurora_restore.domain.replacement_errors import ExecutionTimedOut as ExecutionTimedOut
from aurora_restore.domain.replacement_errors import FinalSnapshotFailed as FinalSnapshotFailed
from aurora_restore.domain.replacement_errors import GlobalClusterMember as GlobalClusterMember
from aurora_restore.domain.replacement_errors import KeepNeedsSwap as KeepNeedsSwap
from aurora_restore.domain.replacement_errors import ManualIntervention as ManualIntervention
from aurora_restore.domain.replacement_errors import NothingKept as NothingKept
from aurora_restore.domain.replacement_errors import ReplacedOutsidePrefix as ReplacedOutsidePrefix
from aurora_restore.domain.replacement_errors import RollbackNeeded as RollbackNeeded
from aurora_restore.domain.replacement_errors import SweepIncomplete as SweepIncomplete
from aurora_restore.domain.replacement_errors import SwitchOverFailed as SwitchOverFailed
from aurora_restore.domain.replacement_errors import TargetIsSource as TargetIsSource
from aurora_restore.domain.replacement_errors import TargetNotAvailable as TargetNotAvailable
from aurora_restore.domain.replacement_errors import TooManyTags as TooManyTags


class InvalidRequest(RequestRefused):
    code = "INVALID_REQUEST"
    default_hint = "Correct the field that is named; the fields are described in docs/reference.md."


class UnknownField(RequestRefused):
    code = "UNKNOWN_FIELD"
    default_hint = "Correct the name of the field, or leave it out."


class InvalidDate(RequestRefused):
    code = "INVALID_DATE"
    default_hint = (
        "Write the day as YYYY-MM-DD (UTC), not later than today, or `latest`, or `yesterday`; `random` is for "
        "rehearsals."
    )


class DateInFuture(RequestRefused):
    code = "DATE_IN_FUTURE"
    default_hint = "Days are UTC days. Choose today or an earlier one, or `latest`."


class AdminSecretNotFound(RequestRefused):
    code = "ADMIN_SECRET_NOT_FOUND"
    default_hint = (
        "Create it in the target Region: aws secretsmanager create-secret --name NAME "
        '--secret-string \'{"username": "MASTER USER OF THE SOURCE", "password": "A NEW ONE"}\'.'
    )


class InvalidTargetName(RequestRefused):
    code = "INVALID_TARGET_NAME"
    default_hint = (
        "Use 1 to 63 letters, digits and hyphens; begin with a letter; no two hyphens together, "
        "none at the end."
    )


class TargetOutsidePrefix(RequestRefused):
    code = "TARGET_OUTSIDE_PREFIX"
    default_hint = "Choose a name with the prefix, or deploy the stack with another TargetClusterPrefix."


class SharedSnapshot(RequestRefused):
    code = "SHARED_SNAPSHOT"
    default_hint = "Copy the snapshot into your own account, and name the copy."


class TargetRegionMismatch(RequestRefused):
    code = "TARGET_REGION_MISMATCH"
    default_hint = "Start the restore on the stack of the target Region, or leave target_region out."


class TargetExists(RequestRefused):
    code = "TARGET_EXISTS"
    default_hint = (
        "Choose another target_cluster_id, or have it replaced: delete_cluster_if_exists: true. It stays as it is "
        "until the new one is proved."
    )


class TargetLocked(RequestRefused):
    code = "TARGET_LOCKED"
    default_hint = (
        "Wait for that operation to end, or end it: `aurora-restore cancel OPERATION --reason ...`; then start "
        "again under a new name."
    )


class SnapshotNotFound(RequestRefused):
    code = "SNAPSHOT_NOT_FOUND"
    default_hint = (
        "Look at `aws rds describe-db-cluster-snapshots` in the source Region, and choose a day that has one."
    )


class SnapshotAmbiguous(RequestRefused):
    code = "SNAPSHOT_AMBIGUOUS"
    default_hint = "Name the cluster in source_cluster_id."


class SnapshotNotAvailable(RequestRefused):
    code = "SNAPSHOT_NOT_AVAILABLE"
    default_hint = "Wait until the snapshot is `available`, then start again under a new name."


class EngineNotSupported(RequestRefused):
    code = "ENGINE_NOT_SUPPORTED"
    default_hint = "The pipeline restores snapshots of aurora-postgresql and of aurora-mysql."


class SubnetGroupRequired(RequestRefused):
    code = "SUBNET_GROUP_REQUIRED"
    default_hint = "Give db_subnet_group_name: a new cluster has no predecessor to take it from."


class SubnetGroupNotFound(RequestRefused):
    code = "SUBNET_GROUP_NOT_FOUND"
    default_hint = "Create the subnet group in the target Region, or name one that exists."


class SubnetGroupTooFewZones(RequestRefused):
    code = "SUBNET_GROUP_TOO_FEW_ZONES"
    default_hint = "Aurora needs subnets in two availability zones at least: add one to the subnet group."


class SecurityGroupRequired(RequestRefused):
    code = "SECURITY_GROUP_REQUIRED"
    default_hint = "Give vpc_security_group_ids: a new cluster has no predecessor to take them from."


class SecurityGroupNotFound(RequestRefused):
    code = "SECURITY_GROUP_NOT_FOUND"
    default_hint = "Name security groups of the target Region."


class SecurityGroupOfAnotherVpc(RequestRefused):
    code = "SECURITY_GROUP_OF_ANOTHER_VPC"
    default_hint = "Name security groups of the VPC that the subnet group lies in."


class InstanceClassNotOrderable(RequestRefused):
    code = "INSTANCE_CLASS_NOT_ORDERABLE"
    default_hint = (
        "Choose a class from `aws rds describe-orderable-db-instance-options` for this engine "
        "version and Region."
    )


class EngineVersionNotOffered(RequestRefused):
    code = "ENGINE_VERSION_NOT_OFFERED"
    default_hint = (
        "Name a newer minor version that the target Region offers in engine_version (aws rds "
        "describe-db-engine-versions --engine ENGINE), or upgrade the source."
    )


class ParameterGroupNotFound(RequestRefused):
    code = "PARAMETER_GROUP_NOT_FOUND"
    default_hint = (
        "Create the parameter group in the target Region, or leave the field out for the engine's default."
    )


class ParameterGroupFamilyMismatch(RequestRefused):
    code = "PARAMETER_GROUP_FAMILY_MISMATCH"
    default_hint = "Name a parameter group of the family of the snapshot's engine version."


class KmsKeyRequired(RequestRefused):
    code = "KMS_KEY_REQUIRED"
    default_hint = (
        "Give kms_key_id: a key of the target Region. Keys do not leave their Region, so an "
        "encrypted copy needs one there."
    )


class KmsKeyNotAccessible(RequestRefused):
    code = "KMS_KEY_NOT_ACCESSIBLE"
    default_hint = (
        "Check that the key exists in the target Region, is enabled, and that its policy lets the "
        "pipeline's role use it and create grants."
    )


class SecretNotFound(RequestRefused):
    """There is no such secret; or there still is, where `is_marked_for_deletion`, and it can be restored."""

    code = "SECRET_NOT_FOUND"
    default_hint = "Create the secret in the target Region with a JSON value of `username` and `password`."
    is_marked_for_deletion = False


class SecretNotAccessible(RequestRefused):
    code = "SECRET_NOT_ACCESSIBLE"
    default_hint = (
        "Give the secret a name under the stack's SecretPrefix, or let the role read it and use its key."
    )


class SecretMalformed(RequestRefused):
    code = "SECRET_MALFORMED"
    default_hint = "The secret's value must be a JSON object with `username` and `password`, both strings."


class SecretWrongUser(RequestRefused):
    code = "SECRET_WRONG_USER"
    default_hint = (
        "Put the name of the snapshot's master user into the admin secret: the master user of a cluster "
        "cannot be renamed."
    )


class PasswordNotAcceptable(RequestRefused):
    code = "PASSWORD_NOT_ACCEPTABLE"
    default_hint = (
        "Aurora PostgreSQL takes 8 to 99, and Aurora MySQL 8 to 41 printable ASCII characters, without / ' \" @ and "
        "space."
    )


class QuotaExceeded(RequestRefused):
    code = "QUOTA_EXCEEDED"
    default_hint = "Ask for a higher quota in the target Region, or remove what is no longer needed."


class OperationNotRunning(StepFailed):
    service = RECORD_SERVICE
    code = "OPERATION_NOT_RUNNING"
    default_hint = "The record was closed by hand or by another run; start a new operation to go on."


class NameTaken(StepFailed):
    code = "NAME_TAKEN"
    default_hint = (
        "Something that this operation did not make has the name that it needs. Look at its tags to "
        "see whose it is."
    )
    default_cleanup_hint = (
        "The tags of what has the name say whose it is. Rename it, or delete it if it is not needed."
    )


class SnapshotCopyFailed(StepFailed):
    code = "SNAPSHOT_COPY_FAILED"
    default_hint = (
        "The failed copy is removed; its events stay for 14 days: aws rds describe-events "
        "--source-type db-cluster-snapshot --duration 1440. See them and the key's policy, then start again "
        "under a new name."
    )


class ClusterFailed(StepFailed):
    code = "CLUSTER_FAILED"
    default_hint = (
        "The failed cluster is removed; its events stay for 14 days: aws rds describe-events "
        "--source-type db-cluster --duration 1440. See what they say, then start again under a new "
        "name."
    )


class InstanceFailed(StepFailed):
    code = "INSTANCE_FAILED"
    default_hint = (
        "The failed instance is removed; its events stay for 14 days: aws rds describe-events "
        "--source-type db-instance --duration 1440. See what they say, then start again under a new "
        "name."
    )


class DbUserSetupFailed(StepFailed):
    code = "DB_USER_SETUP_FAILED"
    default_hint = (
        "Look at the checks in the record; correct the request or the secrets and start again under "
        "a new name."
    )


class VerificationFailed(StepFailed):
    code = "VERIFICATION_FAILED"
    default_hint = "The record lists each field that differs (restore_details.verification)."


class PhaseTimedOut(StepFailed):
    code = "PHASE_TIMED_OUT"
    default_hint = (
        "Look at what the phase was waiting for; raise its limit (PhaseTimeoutHours) if it only needs longer."
    )


class RecordTooLarge(StepFailed):
    service = RECORD_SERVICE
    code = "RECORD_TOO_LARGE"
    default_hint = "A record holds 400 KB: ask for fewer users or databases in one run."


class AccessDenied(StepFailed):
    """`action`: the permission that is missing, as `rds:DescribeDBClusters`; empty where AWS does not say it."""

    code = "ACCESS_DENIED"
    action: str = ""
    default_hint = (
        "The pipeline's role lacks a right that is named in the message; update the stack, or look "
        "for a policy above it."
    )
    default_cleanup_hint = default_hint


class AwsRequestFailed(StepFailed):
    code = "AWS_REQUEST_FAILED"
    default_hint = "AWS refused the request for the reason it gives; repeating it does not help."


class NotificationFailed(StepFailed):
    code = "NOTIFICATION_FAILED"
    default_hint = "Check that the topic exists and that the role may publish to it (and use its key)."


class ConfigurationError(StepFailed):
    code = "CONFIGURATION_ERROR"
    default_hint = "Set the environment variable that is named; the stack's template sets them all."


class AwsUnavailable(TransientError):
    """AWS could not do it now; `is_silent` where AWS did not answer, which may be our network's fault."""

    code = "AWS_UNAVAILABLE"
    is_silent = False


class AwsThrottled(TransientError):
    code = "AWS_THROTTLED"


class CopySlotsInUse(TransientError):
    code = "COPY_SLOTS_IN_USE"
    default_hint = (
        "Five copies are in flight in the target Region, and AWS allows no more; the pipeline waits for a free "
        "slot."
    )


class RecordContended(TransientError):
    code = "RECORD_CONTENDED"
    default_hint = "Other calls changed the same record at the same time; the pipeline repeats the call."


class ResourceBusy(TransientError):
    code = "RESOURCE_BUSY"
    default_hint = "RDS is at work on the same thing; the pipeline waits until that is over."


# --- The network of the functions ---------------------------------------------------------------------------
class NetworkUnreachable(RequestRefused):
    code = "NETWORK_UNREACHABLE"
    default_hint = (
        "The stack's SubnetIds need a way to the AWS APIs (a NAT gateway, or VPC endpoints for dynamodb, rds and "
        "secretsmanager), and its SecurityGroupIds must let HTTPS out; then start again under a new name."
    )


class DatabaseOutOfReach(RequestRefused):
    code = "DATABASE_OUT_OF_REACH"
    default_hint = (
        "Give the functions that talk to databases subnets from which the cluster can be reached: aurora-restore "
        "deploy --parameter SubnetIds=subnet-1,subnet-2 --parameter SecurityGroupIds=sg-1."
    )


# --- Databases ----------------------------------------------------------------------------------------------
class DatabaseUnreachable(TransientError):
    code = "DATABASE_UNREACHABLE"
    default_hint = (
        "Check the security groups, the subnets of the three functions that talk to databases, and "
        "the certificate bundle."
    )


class DatabaseBusy(TransientError):
    """The server answered with an error that passes: the network is not the cause."""

    code = "DATABASE_BUSY"
    default_hint = (
        "The database server answers, with the words above: the network is not the cause. See who holds its "
        "connections or locks."
    )


class MasterLoginRefused(StepFailed):
    code = "MASTER_LOGIN_REFUSED"
    default_hint = (
        "The password was changed and the master user is refused all the same: see whether it logs in by IAM, is "
        "locked or may not log in, and whether the admin secret was changed meanwhile."
    )


class MasterLoginByIam(StepFailed):
    code = "MASTER_LOGIN_BY_IAM"
    default_hint = (
        "Let the master user log in by its password in the source (Aurora PostgreSQL: revoke rds_iam from it; Aurora "
        "MySQL: give it another plugin than AWSAuthenticationPlugin, and unlock it), make a snapshot, and start again "
        "with that one under a new name."
    )


class ParameterGroupNotApplied(StepFailed):
    code = "PARAMETER_GROUP_NOT_APPLIED"
    default_hint = (
        "See what the events of the instances say (aws rds describe-events --source-type db-instance --duration 1440) "
        "and whether the requested group fits the instances, then start again under a new name; or ask for "
        "`quiet_start: false`, with which the cluster has the requested group from the beginning."
    )


class CopyNotQuiet(StepFailed):
    code = "COPY_NOT_QUIET"
    default_hint = (
        "Let the master user act for the owner that is named (`GRANT <owner> TO <master user> WITH ADMIN OPTION` in "
        "the source cluster) or open the database that is named, and restore a snapshot taken after that; or ask for "
        "`quiet_start: false` if the copy may act as production does."
    )


# --- Rehearsals ---------------------------------------------------------------------------------------------
class RehearsalReplacesNothing(RequestRefused):
    code = "REHEARSAL_REPLACES_NOTHING"
    default_hint = (
        "A rehearsal restores beside everything that exists, and deletes what it restored: leave "
        "delete_cluster_if_exists and deletion_protection out, and target_cluster_id too for a name of its own."
    )


class NotTheScratchCluster(StepFailed):
    code = "NOT_THE_SCRATCH_CLUSTER"
    default_hint = (
        "The rehearsal deletes only the cluster that it made itself. Look at the resource id and the tags of the "
        "cluster that is named, and delete by hand what is not needed."
    )


# --- Schedules ----------------------------------------------------------------------------------------------
class ScheduleMalformed(StepFailed):
    code = "SCHEDULE_MALFORMED"
    default_hint = (
        "Delete the schedule and create it again with `aurora-restore schedule create`, which writes its "
        "input."
    )


class ScheduledNameTaken(StepFailed):
    code = "SCHEDULED_NAME_TAKEN"
    default_hint = (
        "Start this operation by hand with `aurora-restore start`. Then delete the schedule and create it "
        "again under a name that no other schedule and no operation begins with."
    )


# --- Several problems at once --------------------------------------------------------------------------------
class PreflightFailed(RequestRefused):
    """Several problems of a request at once, each with its own code."""

    code = "PREFLIGHT_FAILED"

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "; ".join(f"{problem.code}: {problem.message}" for problem in problems)
        super().__init__(f"{len(problems)} problems: {lines}")
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


def refuse(problems: Sequence[RestoreError]) -> None:
    """Raise the problems of a request: one as itself, several as `PreflightFailed`; nothing for none."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise PreflightFailed([problem for error in problems for problem in error.problems])


def _tree(error: type[RestoreError]) -> list[type[RestoreError]]:
    return [error, *(below for child in error.__subclasses__() for below in _tree(child))]


# By the name that Step Functions sees.
ERRORS_BY_NAME = {error.__name__: error for error in _tree(RestoreError)}
TRANSIENT_CODES = frozenset(error.code for error in _tree(TransientError))
