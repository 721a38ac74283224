"""Why the local stack cannot do what it is asked, with a hint that says what to do."""

from __future__ import annotations

from typing import ClassVar


class LocalStackError(Exception):
    """Base of the local stack's errors. Each has a code that programs can tell it by, and says what to do."""

    code: ClassVar[str] = "LOCAL_STACK_ERROR"
    default_hint: ClassVar[str] = "Look at `aurora-restore local logs`."

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint


class LocalStackNotRunning(LocalStackError):
    code = "LOCAL_STACK_NOT_RUNNING"
    default_hint = "Start it with `aurora-restore local up`."


class LocalStackStartFailed(LocalStackError):
    code = "LOCAL_STACK_START_FAILED"
    default_hint = (
        "The end of the log is above; `aurora-restore local up --fresh` begins with an empty state."
    )


class LocalStackBusy(LocalStackError):
    code = "LOCAL_STACK_BUSY"
    default_hint = "Wait until the other command is done, then try again."


class PortInUse(LocalStackError):
    code = "PORT_IN_USE"
    default_hint = "Choose another port, or leave it out: the stack then finds a free one."


class LocalStackOnAnotherPort(LocalStackError):
    code = "LOCAL_STACK_ON_ANOTHER_PORT"
    default_hint = "Stop it with `aurora-restore local down` first, or leave the port out."


class LocalStackStopFailed(LocalStackError):
    code = "LOCAL_STACK_STOP_FAILED"
    default_hint = "End the processes that are named, then run `aurora-restore local down` again."
