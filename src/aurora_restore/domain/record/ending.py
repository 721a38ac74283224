"""What a record has of the end of an operation: its error, its cleanup, the message about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from aurora_restore.domain.error_kinds import Problem, RestoreError
from aurora_restore.domain.record.parts import NOTHING, Part, optional, renamed
from aurora_restore.domain.record.progress import ActState, WaitState
from aurora_restore.domain.states import Ending, RehearsalVerdict


class ProblemState(Part):
    """One of the things that were wrong, with its own hint."""

    code: str = ""
    message: str = ""
    hint: str = ""


class ErrorState(Part, path="error"):
    """Why the operation ended: the error of the phase `step`, in the operator's words."""

    code: str = ""
    message: str = ""
    hint: str = ""
    step: str | None = optional()
    problems: tuple[ProblemState, ...] = renamed("faults", default=())

    @classmethod
    def of(cls, error: RestoreError | Problem, step: str | None = None) -> Self:
        """An error as the record has it. One of a step lists its problem also where that is the only one."""
        listed = error.problems if step or len(error.problems) > 1 else ()
        problems = (ProblemState(code=each.code, message=each.message, hint=each.hint) for each in listed)
        return cls(
            code=error.code, message=error.message, hint=error.hint, step=step, problems=tuple(problems)
        )

    def completed(self, step: str | None, hint: str = "") -> Self:
        """The same with this step and this hint, where it does not say them itself."""
        return self.read({"step": step, "hint": hint, **self.item})


class Cleanup(Part, path="cleanup"):
    """How far the cleanup of the operation has come.

    Attributes:
        ending, reason: how the operation is to end, decided once; from then on no phase makes a request.
        ended_time: when its execution had ended.
        message: what is being done now; done, kept: what was done and what is left on purpose, a sentence each.
        asked: what the cleanup asked of AWS, by kind.
        error, failing_since, failed_time: why its last call failed, since when calls fail, and when the last one did;
            none once a call has succeeded.
    """

    ending: Ending | None = None
    reason: str = ""
    ended_time: datetime | None = None
    last_updated_time: datetime | None = None
    message: str = ""
    done: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    waits: Mapping[str, WaitState] = optional(NOTHING)
    asked: Mapping[str, ActState] = optional(NOTHING)
    error: ErrorState | None = optional()
    failing_since: datetime | None = optional()
    failed_time: datetime | None = optional()


class RehearsalState(Part, path="rehearsal"):
    """What a rehearsal has shown, and what became of its scratch cluster.

    Attributes:
        missed: the objectives that were missed: `rto`, `rpo`.
        rto_minutes, rpo_hours: the objectives; rto_seconds, rpo_seconds: what was measured.
        hold_until: until when the scratch cluster is held.
        removed_time: when it was seen gone; left: why it was not deleted.
    """

    verdict: RehearsalVerdict | None = None
    missed: tuple[str, ...] = ()
    rto_minutes: float | None = optional()
    rpo_hours: float | None = optional()
    rto_seconds: float | None = optional()
    rpo_seconds: float | None = optional()
    measured_time: datetime | None = optional()
    hold_until: datetime | None = optional()
    removed_time: datetime | None = optional()
    left: str | None = optional()

    @property
    def outcome(self) -> Mapping[str, Any]:
        """What it has shown, and nothing else."""
        shown = ("verdict", "missed", "rto_seconds", "rpo_seconds")
        return {name: value for name, value in self.item.items() if name in shown}


class Notification(Part, path="notification"):
    """The message about the end: its id, or the error and hint where it could not be sent."""

    message_id: str | None = optional()
    published_time: datetime | None = optional()
    error: str | None = optional()
    hint: str | None = optional()
    subject: str = ""


class AuditEntry(Part):
    """An audit event that is noted in the record before it is appended to the audit table.

    Attributes:
        expires_at: when DynamoDB may remove it, in epoch seconds.
        sequence, previous_hash, hash: its place in the chain, from 1 on; entries of earlier versions have none.
    """

    time: datetime | None = None
    event: str = ""
    details: Mapping[str, Any] = NOTHING
    expires_at: int | None = optional()
    sequence: int = optional(0)
    previous_hash: str = optional("")
    hash: str = optional("")


class AuditHead(Part, path="audit_head"):
    """The end of the chain of audit events: how many there are, and the hash and the time of the last one.

    `is_late`: an earlier version began the operation, whose events come before the chain.
    """

    count: int = 0
    hash: str = ""
    time: datetime | None = None
    is_late: bool = optional(False)

    def ends_here(self) -> Mapping[str, Any]:
        """The condition on a record that its chain ends here still: no other call has added an event meanwhile."""
        # As the item has it, and not as it is read: the hash of a record that was edited may be anything.
        return {f"{self.PATH}.hash": self.item.get("hash")}
