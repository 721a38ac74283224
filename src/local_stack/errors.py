"""What can stand in the way of the local stack, in words that say what to do."""

from __future__ import annotations

from typing import ClassVar

from aurora_restore.domain.errors import RestoreError


class LocalStackError(RestoreError):
    """Base of the local stack's errors."""

    code: ClassVar[str] = "LOCAL_STACK_ERROR"
    default_hint: ClassVar[str] = "Look at `aurora-restore local logs`."


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
