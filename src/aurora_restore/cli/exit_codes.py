"""The exit statuses of `aurora-restore`: the one place where they are given and explained.

    0    success
    1    the operation ran and failed (or a rehearsal missed an objective, a proof of the demo did not hold, a
         deployment failed, or audit events do not verify: `audit --verify`)
    2    usage error: an option or a value that the command line cannot read
    3    refused: the request, before anything was created; a cancel that comes too late
    4    what was asked for is not there (no such operation)
    5    AWS, the stack or the credentials cannot be reached; or a part to install is missing
    6    timed out; the operation itself goes on
    7    the operation was cancelled (of `cancel` itself, that is 0)
    8    `check`: something is red; `notify --test`: no subscription is confirmed
    9    `check`: nothing is red, and something could not be looked at
    70   a defect of this program; it says nothing about the operation
    74   the output could not be written (a full disk); it says nothing about the operation
    130  interrupted with ctrl-c, or the input ended at a question; the operation itself goes on

They are stable: scripts may rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from aurora_restore.cli import errors
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.checks.finding import Health
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    RequestRefused,
    RestoreError,
    TransientError,
)
from aurora_restore.domain.states import OperationStatus, RehearsalVerdict


class ExitCode(IntEnum):
    OK = 0
    OPERATION_FAILED = 1
    USAGE = 2
    REQUEST_REFUSED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    CANCELLED = 7
    RED = 8
    NOT_KNOWN = 9
    DEFECT = 70
    OUTPUT_LOST = 74
    LEFT = 130


# The first that fits counts, so that a special case comes before what it is a case of.
_BY_ERROR: tuple[tuple[type[RestoreError], ExitCode], ...] = (
    (errors.UsageProblem, ExitCode.USAGE),
    (errors.NotFound, ExitCode.NOT_FOUND),
    (errors.Unreachable, ExitCode.UNREACHABLE),
    (errors.TimedOut, ExitCode.TIMED_OUT),
    (errors.OperationEnded, ExitCode.REQUEST_REFUSED),
    (errors.AlreadySwitched, ExitCode.REQUEST_REFUSED),
    (errors.OutputLost, ExitCode.OUTPUT_LOST),
    (errors.InternalError, ExitCode.DEFECT),
    (TransientError, ExitCode.UNREACHABLE),
    # AWS refuses what this command asks of it: that says nothing about the operation.
    (AccessDenied, ExitCode.UNREACHABLE),
    (AwsRequestFailed, ExitCode.UNREACHABLE),
    (RequestRefused, ExitCode.REQUEST_REFUSED),
)
# Errors of the local stack, which are not classes of our own.
_UNREACHABLE_CODES = frozenset({"LOCAL_STACK_NOT_RUNNING"})


def exit_code_of_error(error: RestoreError) -> ExitCode:
    """The exit status for an error that ended a command."""
    if error.code in _UNREACHABLE_CODES:
        return ExitCode.UNREACHABLE
    for error_type, exit_code in _BY_ERROR:
        if isinstance(error, error_type):
            return exit_code
    return ExitCode.OPERATION_FAILED


def exit_code_of_health(health: Health) -> ExitCode:
    """The exit status of a check: what is not known is not as good as green, also for cron."""
    return {Health.GREEN: ExitCode.OK, Health.RED: ExitCode.RED, Health.UNKNOWN: ExitCode.NOT_KNOWN}[health]


def exit_code_of_record(record: Mapping[str, Any]) -> ExitCode:
    """The exit status for an operation that has ended, from its record."""
    view = view_operation(record)
    match view.status:
        case OperationStatus.SUCCEEDED:
            # Nothing failed; but a program that asked is to notice, as with a test that does not pass.
            has_missed = view.record.rehearsal.verdict is RehearsalVerdict.OBJECTIVE_MISSED
            return ExitCode.OPERATION_FAILED if has_missed else ExitCode.OK
        case OperationStatus.CANCELLED:
            return ExitCode.CANCELLED
    return ExitCode.REQUEST_REFUSED if view.was_refused else ExitCode.OPERATION_FAILED
