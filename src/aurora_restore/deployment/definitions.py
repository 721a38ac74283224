"""The definitions of the two state machines, in the Amazon States Language; a phase is one entry of `PHASES`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.deployment.functions import BY_NAME
from aurora_restore.domain import errors
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.settings import MACHINE_TIMEOUT_HOURS

State = dict[str, Any]

# What Lambda, its runtime and Step Functions raise where nothing is wrong with the step.
SERVICE_ERRORS = (
    *(f"Lambda.{name}" for name in (
        "ClientExecutionTimeoutException", "ServiceException", "AWSLambdaException", "SdkClientException",
        "TooManyRequestsException", "ResourceNotReadyException", "ResourceConflictException",
        "EC2ThrottledException", "ENILimitReachedException", "SubnetIPAddressLimitReachedException", "Unknown",
    )),
    "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout",
)  # fmt: skip
NO_ANSWER = ("Sandbox.Timedout", "States.Timeout")
EVERY_ERROR = ("States.ALL",)
ID = {"operation_id.$": "$$.Execution.Name"}
REQUEST = ID | {"execution_arn.$": "$$.Execution.Id", "request.$": "$$.Execution.Input"}
ANSWER = ("operation_id", "status", "wait_seconds", "progress_percent", "message")
CLEANUP_TIMEOUT_HOURS = 48
# A task outlives its function, so that it is the function's own end that is seen.
MARGIN_SECONDS = 30


@dataclass(frozen=True)
class Step:
    """A call of a function: its state's name, what an operator reads about it, and what the function is given.

    `attempts` is how often a transient error may occur before the run ends with it.
    """

    name: str
    function: str
    comment: str
    payload: Mapping[str, Any]
    attempts: int = 60
    timeout_seconds: int = 0

    @property
    def limit(self) -> int:
        return self.timeout_seconds or BY_NAME[self.function].timeout + MARGIN_SECONDS


def _phase(
    phase: Phase, function: str, comment: str, payload: Mapping[str, Any] = ID, attempts: int = 60
) -> Step:
    return Step(phase.value, function, comment, payload, attempts)


def _named(phase: Phase) -> Mapping[str, Any]:
    """For a function of several phases: its payload names the phase."""
    return ID | {"phase": phase.value}


PHASES: tuple[Step, ...] = (
    _phase(Phase.SNAPSHOT_CHECK, "snapshot-check",
           "Checks the whole request, takes the lock of the target, finds the snapshot and writes the plan into the "
           "record. Nothing is created. A problem of the request ends the run here, with all problems at once.",
           REQUEST),
    _phase(Phase.COPY_SNAPSHOT, "copy-snapshot",
           "Copies the snapshot into this Region, or finds a finished copy of it. Skipped where no copy is needed. "
           "Hours are usual for a large database."),
    _phase(Phase.CLEAR_TARGET, "retire-replaced",
           "Only for delete_first: takes a final snapshot of the cluster that has the target's name and proves it, "
           "then deletes its instances and the cluster. Skipped otherwise.", _named(Phase.CLEAR_TARGET)),
    _phase(Phase.RESTORE_CLUSTER, "restore-cluster",
           "Restores the cluster, creates its instances, and takes the production password out of it."),
    _phase(Phase.DEFUSE, "setup-db-users",
           "Looks through every database for what came along with the snapshot, and puts to rest what would act by "
           "itself. What is done is written down first.", _named(Phase.DEFUSE)),
    _phase(Phase.SETUP_DB_USERS, "setup-db-users",
           "Makes the database users of the request and checks what each of them can do."),
    _phase(Phase.APPLY_PARAMETER_GROUP, "restore-cluster",
           "Gives the cluster the parameter group, security groups and roles that it is to have, and restarts each "
           "instance. Skipped where it had them from the beginning.", _named(Phase.APPLY_PARAMETER_GROUP)),
    _phase(Phase.VERIFY_RESTORE, "verify-restore",
           "Compares what was asked for with what exists, field by field, into the record."),
    _phase(Phase.SWITCH_OVER, "switch-over",
           "Where a cluster is replaced: renames the old one to its retired name and the new one to the target's "
           "name; between the two the target's name does not resolve. Skipped otherwise."),
    _phase(Phase.PROVE_ENDPOINT, "prove-endpoint",
           "Looks at the new cluster as a client does: the target's name resolves, the certificate verifies, the "
           "database says who it is. Renews a certificate that still names the cluster as it was called before."),
    _phase(Phase.RETIRE_REPLACED, "retire-replaced",
           "Where a cluster was replaced: keeps the old one, stopped, for as long as was asked; or takes its final "
           "snapshot and proves it, then deletes its instances and the cluster. Skipped otherwise.",
           _named(Phase.RETIRE_REPLACED)),
    _phase(Phase.ARCHIVE_SNAPSHOT, "archive-snapshot", "Marks the copy with the day until which it is kept."),
    _phase(Phase.END_REHEARSAL, "retire-replaced",
           "Only for a rehearsal: measures it, holds the scratch cluster for as long as was asked, then deletes its "
           "instances and the cluster. Skipped otherwise.", _named(Phase.END_REHEARSAL)),
    # Fewer attempts than elsewhere: people hear of the end soon, even where it could not be recorded.
    _phase(Phase.NOTIFY, "notify",
           "Publishes the one message about the end of the run, closes the record and releases the lock.",
           attempts=12),
)  # fmt: skip

PROBE = Step(
    "ProbeNetwork", "setup-db-users",
    "Asks the function that talks to databases whether it reaches the AWS APIs from its network. A run that could not "
    "log in is refused here, before anything is begun; so is a dry run.",
    ID | {"probe": True},
    timeout_seconds=60,
)  # fmt: skip
RECORD_FAILURE = Step(
    "RecordFailure", "record-failure",
    "Writes the error into the record. Where nothing was made yet it closes the record, releases the lock and "
    "publishes the message; otherwise that is left to the cleanup, which the end of this execution starts. Input: "
    "Error and Cause of the phase that failed.",
    REQUEST | {"error.$": "$.Error", "cause.$": "$.Cause"},
    attempts=12,
)  # fmt: skip
CALLED_IN_A_RESTORE = frozenset(step.function for step in (*PHASES, PROBE, RECORD_FAILURE))
CLEAN_UP = Step(
    "CleanUp", "cleanup",
    "Stops what still runs, puts the replaced cluster back, removes what the restore made, publishes the message, "
    "closes the record and releases the lock: one thing a call. Finished snapshot copies stay. It is repeated for "
    "hours, since giving up would leave a mess.",
    {"operation_id.$": "$.detail.name", "execution_arn.$": "$.detail.executionArn"},
    attempts=240,
)  # fmt: skip


def restore_definition() -> State:
    """The state machine of the restores."""
    states: dict[str, State] = {}
    names = [step.name for step in PHASES]
    for step, following in zip(PHASES, [*names[1:], "Succeeded"], strict=True):
        # The network is probed once the request is known to be good, and before anything is created.
        if step is PHASES[0]:
            states |= _three_states(step, _restoring(step), "RecordFailure", PROBE.name) | _between(names[1])
        else:
            states |= _three_states(step, _restoring(step), "RecordFailure", following)
    return {
        "Comment": "Restores a dated Aurora snapshot as a cluster of its own. Every phase is the same three states: "
        "its function (Task), what that answered (Choice), and the wait before it is called again (Wait), which it is "
        "until it says DONE or SKIPPED; everything that lasts is in the table AuroraRestoreState under the execution's "
        "name.",
        "StartAt": names[0],
        "TimeoutSeconds": MACHINE_TIMEOUT_HOURS * 3600,
        "States": states | _ends(),
    }


def cleanup_definition() -> State:
    """The state machine that cleans up after a run that failed, timed out or was stopped."""
    retries = [
        _retry(SERVICE_ERRORS, 2, 60, 300),
        _retry(transient_errors(), 5, CLEAN_UP.attempts, 300),
        _retry(EVERY_ERROR, 5, 12, 600),
    ]
    return {
        "Comment": "Cleans up after a restore that failed, timed out or was stopped. Its input is the event of that "
        "end as EventBridge sends it, or the same two fields from the sweep. The one step is called until it says "
        "DONE or SKIPPED; everything that lasts is in the table AuroraRestoreState under the name of the execution "
        "that ended.",
        "StartAt": CLEAN_UP.name,
        "TimeoutSeconds": CLEANUP_TIMEOUT_HOURS * 3600,
        "States": {
            # The event stays the state's input, whatever the function answers.
            **_three_states(CLEAN_UP, retries, "CleanUpFailed", "Succeeded", "$.outcome", "$.failure"),
            "Succeeded": {"Type": "Succeed"},
            "UnexpectedStepStatus": {
                "Comment": "A bug of the program, which must not pass for success.",
                "Type": "Fail",
                "Error": "UnexpectedStepStatus",
                "Cause": "The cleanup answered with a status that is not one of DONE, IN_PROGRESS and SKIPPED. The "
                "answer is the output of the last step in the history of this execution.",
            },
            "CleanUpFailed": _failed(
                "The alarm aurora-restore-cleanup-failed tells of it, and the next sweep begins the cleanup anew. The "
                "record of the operation says how far it came.",
                "$.failure.Error",
                "$.failure.Cause",
            ),
        },
    }


def transient_errors() -> tuple[str, ...]:
    """Our own transient errors, by the names that Step Functions sees."""

    def below(base: type[errors.RestoreError]) -> Iterator[str]:
        for cls in base.__subclasses__():
            # A step does not raise an error of another package (the packaging, a test).
            if cls.__module__.startswith("aurora_restore.domain."):
                yield cls.__name__
            yield from below(cls)

    return tuple(sorted(below(errors.TransientError)))


def _three_states(
    step: Step, retries: list[State], failed: str, following: str, outcome: str = "$", failure: str = ""
) -> dict[str, State]:
    """The call, what it answered, and the wait before the next call."""
    # The defaults of the language are left out, so that the file has only what a reader has to know.
    kept = {} if outcome == "$" else {"ResultPath": outcome}
    catch = {"ErrorEquals": list(EVERY_ERROR), **({"ResultPath": failure} if failure else {}), "Next": failed}

    def status(value: StepStatus) -> State:
        return {"Variable": f"{outcome}.status", "StringEquals": value.value}

    return {
        step.name: _task(step, ANSWER, kept, retries, [catch], f"{step.name}Outcome"),
        f"{step.name}Outcome": {
            "Type": "Choice",
            "Choices": [
                status(StepStatus.IN_PROGRESS) | {"Next": f"{step.name}Wait"},
                {"Or": [status(StepStatus.DONE), status(StepStatus.SKIPPED)], "Next": following},
            ],
            "Default": "UnexpectedStepStatus",
        },
        f"{step.name}Wait": {"Type": "Wait", "SecondsPath": f"{outcome}.wait_seconds", "Next": step.name},
    }


def _task(
    step: Step,
    answer: Sequence[str],
    result_path: State,
    retries: list[State],
    catches: list[State],
    following: str,
) -> State:
    return {
        "Comment": step.comment,
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": BY_NAME[step.function].full_name, "Payload": dict(step.payload)},
        "ResultSelector": {f"{name}.$": f"$.Payload.{name}" for name in answer},
        **result_path,
        "TimeoutSeconds": step.limit,
        "Retry": retries,
        "Catch": catches,
        "Next": following,
    }


def _retry(names: Sequence[str], interval: int, attempts: int, most_seconds: int) -> State:
    # Full jitter: runs that met the same outage do not all come back in the same second.
    return {
        "ErrorEquals": list(names),
        "IntervalSeconds": interval,
        "BackoffRate": 2.0,
        "MaxAttempts": attempts,
        "MaxDelaySeconds": most_seconds,
        "JitterStrategy": "FULL",
    }


def _restoring(step: Step, service_attempts: int = 6) -> list[State]:
    return [
        _retry(SERVICE_ERRORS, 2, service_attempts, 60),
        _retry(transient_errors(), 5, step.attempts, 300),
    ]


def _between(following: str) -> dict[str, State]:
    """What comes between the check and everything else: the probe of the network, and the end of a dry run."""
    unreachable = errors.NetworkUnreachable.__name__
    # Few attempts: a network that is set up wrongly stays so, and an operator waits for the refusal.
    retries = [*_restoring(PROBE, service_attempts=3), _retry([unreachable], 2, 2, 60)]
    catches = [
        {"ErrorEquals": list(NO_ANSWER), "Next": "NetworkSilent"},
        {"ErrorEquals": list(EVERY_ERROR), "Next": "RecordFailure"},
    ]
    # From the execution's input: the step's answer has by then replaced the state's own.
    dry_run = {"Variable": "$$.Execution.Input.dry_run"}
    return {
        PROBE.name: _task(PROBE, ANSWER, {}, retries, catches, "PlanOnly"),
        "NetworkSilent": {
            "Comment": "The function did not come to an end in its time: not even the refusal of a request reached it.",
            "Type": "Pass",
            "Result": {
                "Error": unreachable,
                "Cause": "The functions that talk to databases got no answer from the AWS APIs within a minute, nor a "
                "refusal.",
            },
            "Next": "RecordFailure",
        },
        "PlanOnly": {
            "Comment": "A dry run ends with the plan: anything but an explicit restore goes to Notify.",
            "Type": "Choice",
            "Choices": [
                dry_run | {"IsPresent": False, "Next": following},
                dry_run | {"IsNull": True, "Next": following},
                dry_run | {"BooleanEquals": False, "Next": following},
            ],
            "Default": Phase.NOTIFY.value,
        },
    }


def _ends() -> dict[str, State]:
    # Beside the error of the step, which stays what the run ends with.
    unrecorded = {
        "ErrorEquals": list(EVERY_ERROR),
        "ResultPath": "$.record_failure",
        "Next": "FailedUnrecorded",
    }
    return {
        "Succeeded": {"Type": "Succeed"},
        "UnexpectedStepStatus": {
            "Comment": "A phase answered with a status that is not one of DONE, IN_PROGRESS and SKIPPED: a bug of "
            "the program, which must not pass for success.",
            "Type": "Pass",
            "Result": {
                "Error": "UnexpectedStepStatus",
                "Cause": "A phase answered with a status that the state machine does not know. The answer is the "
                "output of the last step in the history of this execution.",
            },
            "Next": "RecordFailure",
        },
        "RecordFailure": _task(
            RECORD_FAILURE,
            ("operation_id", "error", "cause"),
            {},
            _restoring(RECORD_FAILURE),
            [unrecorded],
            "Failed",
        ),
        "Failed": _failed(
            "The record of this operation holds the code of the error, what it means and what to do next.",
            "$.error",
            "$.cause",
        ),
        "FailedUnrecorded": _failed(
            "The failure could not be written into the record either, so the record may still say RUNNING and the lock "
            "may still be held until the cleanup has been there. What is shown is the error of the step; why it could "
            "not be recorded is under record_failure in the input of this state.",
            "$.Error",
            "$.Cause",
        ),
    }


def _failed(comment: str, error: str, cause: str) -> State:
    return {"Comment": comment, "Type": "Fail", "ErrorPath": error, "CausePath": cause}
