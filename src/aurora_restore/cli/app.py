"""The command line `aurora-restore`: its commands put together, and the one place where an error ends it."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator

import click
from click.shell_completion import shell_complete

from aurora_restore.cli.errors import InternalError, OutputLost, PathUnusable, UsageProblem, translate
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_error
from aurora_restore.cli.lazy_group import LazyGroup
from aurora_restore.cli.parameters import Invocation
from aurora_restore.cli.screen import escape_what_cannot_be_shown, make_screen
from aurora_restore.cli.views.errors import error_item, render_error

PROGRAM = "aurora-restore"
# What a shell sets when it asks for completions; `completion` prints the script that makes it do so.
COMPLETE_VARIABLE = "_AURORA_RESTORE_COMPLETE"
TRACEBACK_VARIABLE = "AURORA_RESTORE_TRACEBACK"
# Of a stream: a full disk or a quota is not a defect of this program.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


@click.command(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success; 1 the operation failed; 2 usage error; 3 refused before anything was created, or "
    "too late to cancel; 4 not found; 5 AWS, the stack or the credentials are unreachable; 6 timed out; 7 the "
    "operation was cancelled; 8 a check is red; 9 a check could not be made; 70 a defect of this program; 74 the "
    "output could not be written; 130 interrupted.",
)
@click.version_option(package_name=PROGRAM, message="%(package)s %(version)s")
def commands() -> None:
    """Restores a dated Amazon Aurora snapshot as a cluster of its own, in another Region."""


def main() -> None:
    """The console script. Ends the process with a status of `exit_codes`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit status.

    Every error is shown as code, message and hint. An unexpected one is a defect: AURORA_RESTORE_TRACEBACK=1 adds
    its traceback.
    """
    escape_what_cannot_be_shown()
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        return shell_complete(commands, {}, PROGRAM, COMPLETE_VARIABLE, instruction)
    invocation = Invocation()
    try:
        with commands.make_context(PROGRAM, list(arguments), obj=invocation) as context:
            status = commands.invoke(context)
        # Here and not at the interpreter's end, where an error could not be reported.
        sys.stdout.flush()
        return status if isinstance(status, int) else int(ExitCode.OK)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        # Also where the input ended at a question.
        return int(ExitCode.LEFT)
    except SystemExit as end:
        # Rich ends the program with 1 where a reader left (`| head`); here 1 says that the operation failed.
        if any(isinstance(error, BrokenPipeError) for error in _and_what_came_before(end)):
            _forget_output()
            return _signal_status(end) or int(ExitCode.OK)
        return end.code if isinstance(end.code, int) else int(ExitCode.OK)
    except BrokenPipeError as error:
        _forget_output()
        return _signal_status(error) or int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the last resort: a user must not meet a bare traceback
        # A command line that could not be read was not read far enough to know its --json.
        unread = isinstance(error, click.UsageError) and "--json" in arguments
        return _end_with(error, invocation.json_output or unread)


def _signal_status(end: BaseException) -> int | None:
    """The status of a program that a signal ended: after SIGHUP the terminal is gone, and with it the reader."""
    statuses = (each.code for each in _and_what_came_before(end) if isinstance(each, SystemExit))
    return next((status for status in statuses if isinstance(status, int) and status > 128), None)


def _and_what_came_before(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def _forget_output() -> None:
    """What is still to be written goes nowhere: the interpreter would try it again at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_with(error: Exception, as_json: bool) -> int:
    if isinstance(error, click.UsageError) and not as_json:
        # Click shows the usage of the command that was meant, too.
        error.show()
        return int(ExitCode.USAGE)
    known = translate(error)
    if isinstance(error, click.ClickException):
        # Click folds its messages for a terminal; ours are folded where they are shown.
        known = UsageProblem(" ".join(error.format_message().split()))
    elif known is None:
        if os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exception(error)
        known = InternalError(f"{type(error).__name__}: {error}")
        # With a name an OSError is about a file that a user named; without one it is about a stream.
        if isinstance(error, OSError) and error.filename is not None:
            known = PathUnusable(f"{os.fspath(error.filename)!r} cannot be used: {error.strerror}.")
        elif isinstance(error, OSError) and error.errno in _NO_ROOM:
            known = OutputLost(f"The output could not be written: {error.strerror}.")
    if isinstance(known, OutputLost):
        # A document could not be written either: what is left is standard error.
        _forget_output()
        as_json = False
    screen = make_screen(as_json)
    if as_json:
        screen.data({"error": error_item(known)})
    else:
        screen.err.print(render_error(error_item(known)), crop=False)
    return int(exit_code_of_error(known))
