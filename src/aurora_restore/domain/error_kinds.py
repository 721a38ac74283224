"""The trunk of the tree of errors: what every error has, and the three kinds there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

RECORD_SERVICE = "dynamodb"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in the operator's words."""

    code: str
    message: str
    hint: str

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (self,)

    def to_item(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


class RestoreError(Exception):
    """Base of all our errors."""

    service: str | None = None
    """The service (its IAM prefix, as `rds`) of which the error is the answer, or the silence."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    default_hint: ClassVar[str] = (
        "Look at the log of the function for this operation id, and report it as a bug."
    )
    default_cleanup_hint: ClassVar[str] = "Remove the cause that the message names."
    """What to do where a cleanup meets it: there is nothing to choose or to start again, as there is in a run."""

    def __init__(self, message: str, hint: str | None = None, *, cleanup_hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.cleanup_hint = cleanup_hint or self.default_cleanup_hint

    @property
    def is_of_record(self) -> bool:
        """Whether the record could not be read or written. Such an error is never an answer about the cluster."""
        return self.service == RECORD_SERVICE

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (Problem(self.code, self.message, self.hint),)


class RequestRefused(RestoreError):
    """The request cannot be carried out. Nothing was created."""

    code = "REQUEST_REFUSED"
    default_hint = "Correct the request and start again; nothing was created."


class StepFailed(RestoreError):
    """A phase cannot be brought to its end."""

    code = "STEP_FAILED"


class TransientError(RestoreError):
    """A repetition can help; the state machine repeats the phase."""

    code = "TRANSIENT_ERROR"
    default_hint = "The phase is repeated by itself. If this ends the run, start it again later."
    default_cleanup_hint = "Nothing has to be done: it is tried again by itself."
