"""The command line `aurora-restore`: its commands put together, and the one place where an error ends it."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer

from aurora_restore.cli import (
    cancel_command,
    demo_command,
    deploy_command,
    local_commands,
    operations,
    undo_command,
)
from aurora_restore.cli.errors import InternalError, OutputLost, PathUnusable, WrongUse, translate
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_error
from aurora_restore.cli.screen import escape_what_cannot_be_shown, make_screen
from aurora_restore.cli.views.errors import error_item, render_error
from aurora_restore.domain.errors import RestoreError

TRACEBACK_VARIABLE = "AURORA_RESTORE_TRACEBACK"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
_EXIT_STATUSES = (
    "Exit status: 0 well; 1 the operation failed; 2 wrong use; 3 refused before anything was created, or too late "
    "to cancel; 4 not found; 5 AWS, stack or credentials out of reach; 6 out of time; 7 the operation was cancelled; "
    "70 a defect of this program; 74 the output could not be written; 130 left with ctrl-c."
)


def build_app() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="aurora-restore",
        help="Restores a dated Amazon Aurora snapshot as a cluster of its own, in another Region.",
        epilog=_EXIT_STATUSES,
        no_args_is_help=True,
        add_completion=False,
        # A traceback with the values of variables could show a secret.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    demo_command.register(app)
    operations.register(app)
    cancel_command.register(app)
    undo_command.register(app)
    deploy_command.register(app)
    local_commands.register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"aurora-restore {version('aurora-restore')}\n")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script. Ends the process with a status of `exit_codes`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit status.

    Every error is shown as code, message and hint. An unexpected one is a defect: AURORA_RESTORE_TRACEBACK=1 adds
    its traceback.
    """
    as_json = "--json" in arguments
    escape_what_cannot_be_shown()
    try:
        status = build_app()(arguments, prog_name="aurora-restore", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else int(ExitCode.OK)
    except typer.Abort:
        # The input ended where an answer was wanted.
        return int(ExitCode.LEFT)
    except SystemExit as end:
        if _reader_has_gone(end):
            _forget_output()
            return _signal_status(end) or int(ExitCode.OK)
        return end.code if isinstance(end.code, int) else int(ExitCode.OK)
    except BrokenPipeError as error:
        _forget_output()
        return _signal_status(error) or int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the last resort: nobody is to meet a bare traceback
        return _end_with(error, as_json)


def _reader_has_gone(end: SystemExit) -> bool:
    """Whether the end comes from a reader that left (`| head`), after which nothing is left to say.

    Typer and Rich both end the program with 1 then, which here says that the operation failed.
    """
    return any(isinstance(error, BrokenPipeError) for error in _and_what_came_before(end))


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
    if not as_json and _wrong_use(error):
        from typer import rich_utils  # noqa: PLC0415 - not paid for by commands that are used rightly

        # Typer shows wrong use in its own way, which is for people only.
        rich_utils.rich_format_error(cast(Any, error))
        return int(ExitCode.USAGE)
    known = _in_our_words(error)
    if isinstance(known, OutputLost):
        _forget_output()
        return _end(known, as_json=False)
    return _end(known, as_json)


def _in_our_words(error: Exception) -> RestoreError:
    if known := translate(error) or _wrong_use(error):
        return known
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.filename is not None:
        return PathUnusable(f"{os.fspath(error.filename)!r} cannot be used: {error.strerror}.")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return OutputLost(f"The output could not be written: {error.strerror}.")
    return InternalError(f"{type(error).__name__}: {error}")


def _wrong_use(error: Exception) -> WrongUse | None:
    """A command line that Typer refused. Its errors have a base class, but no public name for it."""
    describe = getattr(error, "format_message", None)
    if getattr(error, "exit_code", None) != ExitCode.USAGE or describe is None:
        return None
    return WrongUse(" ".join(str(describe()).split()))


def _end(error: RestoreError, as_json: bool) -> int:
    screen = make_screen(as_json)
    if as_json:
        screen.data({"error": error_item(error)})
    else:
        screen.err.print(render_error(error_item(error)), crop=False)
    return int(exit_code_of_error(error))
