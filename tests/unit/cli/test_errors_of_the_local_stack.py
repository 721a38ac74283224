"""The errors of the local stack, which are not classes of ours, end a command as ours do."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from aurora_restore.cli import app
from aurora_restore.cli.errors import translate
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_error
from aurora_restore.cli.views.errors import error_item
from local_stack.errors import LocalStackError, LocalStackNotRunning


@pytest.mark.parametrize(
    "kind", [LocalStackError, *LocalStackError.__subclasses__()], ids=lambda kind: kind.__name__
)
def test_each_is_reported_with_its_own_code_and_hint(kind: type[LocalStackError]) -> None:
    reported = translate(kind("what happened"))
    assert reported is not None
    assert error_item(reported) == {"code": kind.code, "message": "what happened", "hint": kind.default_hint}
    unreachable = kind is LocalStackNotRunning
    assert exit_code_of_error(reported) is (
        ExitCode.UNREACHABLE if unreachable else ExitCode.OPERATION_FAILED
    )


def test_where_no_stack_runs_the_command_says_so_in_one_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["local", "env", "--home", str(tmp_path), "--json"]) == 5
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "error": {
            "code": "LOCAL_STACK_NOT_RUNNING",
            "message": f"No local stack runs in {tmp_path}.",
            "hint": "Start it with `aurora-restore local up`.",
        }
    }
    assert printed.err == ""


def test_a_port_that_is_taken_ends_up_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert app.run(["local", "up", "--home", str(tmp_path), "--port", str(port)]) == 1
    err = " ".join(capsys.readouterr().err.split())
    assert "PORT_IN_USE" in err
    assert "What to do: Choose another port" in err
