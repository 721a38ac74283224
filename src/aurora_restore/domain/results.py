"""What every step answers, and the phases in their order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepStatus(StrEnum):
    DONE = "DONE"
    IN_PROGRESS = "IN_PROGRESS"
    SKIPPED = "SKIPPED"


class Phase(StrEnum):
    """The phases of a run; the values are the state names of the state machine."""

    SNAPSHOT_CHECK = "SnapshotCheck"
    COPY_SNAPSHOT = "CopySnapshot"
    CLEAR_TARGET = "ClearTarget"
    RESTORE_CLUSTER = "RestoreCluster"
    DEFUSE = "Defuse"
    SETUP_DB_USERS = "SetupDbUsers"
    APPLY_PARAMETER_GROUP = "ApplyParameterGroup"
    VERIFY_RESTORE = "VerifyRestore"
    SWITCH_OVER = "SwitchOver"
    PROVE_ENDPOINT = "ProveEndpoint"
    RETIRE_REPLACED = "RetireReplaced"
    ARCHIVE_SNAPSHOT = "ArchiveSnapshot"
    END_REHEARSAL = "EndRehearsal"
    NOTIFY = "Notify"


@dataclass(frozen=True)
class StepResult:
    """The same small thing from every step: it becomes the state machine's payload, so it holds no secret.

    `waiting_for` names the wait (`copy`, `cluster`, `instances`, …), so that each is timed by itself;
    `reported_percent` is what RDS says of it. `subject`: what exactly is waited for, where a limit counts for that
    alone. `goes_on`: the work is the step's own, so that nothing is waited for. `remaining_seconds`: when the wait
    ends, where that is known and not estimated.
    """

    status: StepStatus
    message: str
    wait_seconds: int = 0
    progress_percent: int = 0
    waiting_for: str = ""
    reported_percent: int | None = None
    subject: str = ""
    goes_on: bool = False
    remaining_seconds: float | None = None

    def to_payload(self, operation_id: str) -> dict[str, object]:
        return {
            "operation_id": operation_id,
            "status": self.status.value,
            "wait_seconds": self.wait_seconds,
            "progress_percent": self.progress_percent,
            "message": self.message,
        }


def done(message: str) -> StepResult:
    return StepResult(StepStatus.DONE, message, progress_percent=100)


def skipped(message: str) -> StepResult:
    return StepResult(StepStatus.SKIPPED, message, progress_percent=100)


def in_progress(
    message: str,
    progress_percent: int = 0,
    waiting_for: str = "",
    reported_percent: int | None = None,
    *,
    subject: str = "",
    remaining_seconds: float | None = None,
) -> StepResult:
    """Not yet. The runner fills in the wait."""
    return StepResult(
        StepStatus.IN_PROGRESS,
        message,
        progress_percent=progress_percent,
        waiting_for=waiting_for,
        reported_percent=reported_percent,
        subject=subject,
        remaining_seconds=remaining_seconds,
    )


def goes_on(message: str, progress_percent: int, work: str) -> StepResult:
    """Not yet, and the next call goes on with the work at once."""
    return StepResult(
        StepStatus.IN_PROGRESS, message, progress_percent=progress_percent, waiting_for=work, goes_on=True
    )
