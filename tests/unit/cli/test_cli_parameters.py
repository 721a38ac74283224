"""What every command takes alike: ids of operations, values that are missing, the form of errors, completions."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import click
import pytest
from tests.unit.cli.cli_fakes import existing, pipeline_with, started

from aurora_restore.cli import app
from aurora_restore.cli.lazy_group import ENTRIES

NAME = "restore-20261122-114200"


@pytest.mark.parametrize("arguments", [
    ["start", "--target-cluster", "--json"],
    ["start", "--target-cluster", "--source-date", "latest"],
    ["start", "--target-cluster", "staging", "--name", "--watch"],
    ["start", "--target-cluster", "staging", "--security-group", "--json"],
    ["undo", NAME, "--name", "--watch"],
    ["cancel", NAME, "--reason", "--no-watch"],
])  # fmt: skip
def test_an_option_where_a_value_is_expected_starts_nothing(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with())
    assert app.run(arguments) == 2
    assert started(pipeline) == {}
    printed = capsys.readouterr()
    assert "is an option" in printed.out + printed.err


@pytest.mark.parametrize("command", ["watch", "status", "events", "logs", "undo"])
@pytest.mark.parametrize("operation_id", ["", "x" * 81, "a/b", "two words", "a\x1b[31m"])
def test_an_id_that_no_operation_can_have_is_a_usage_error(
    command: str,
    operation_id: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    existing(monkeypatch, pipeline_with())
    assert app.run([command, operation_id, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "USAGE_ERROR"
    assert "OPERATION" in error["message"]
    assert "\x1b" not in error["message"]


def test_an_id_that_reads_as_an_option_does_not_change_the_form_of_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(None))
    assert app.run(["status", "--", "--json"]) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "OPERATION_NOT_FOUND" in printed.err


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_of_commands_says_what_the_command_itself_says(name: str) -> None:
    entry = ENTRIES[name]
    module = importlib.import_module(f"aurora_restore.cli.commands.{entry.module}")
    command = getattr(module, entry.attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    first_paragraph, _, _ = (command.help or "").partition("\n\n")
    assert entry.summary == " ".join(first_paragraph.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_shown_how_to_complete_our_commands(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["completion", shell]) == 0
    assert app.COMPLETE_VARIABLE in capsys.readouterr().out


def test_commands_and_options_are_completed() -> None:
    def completed(words: str, index: int) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from aurora_restore.cli.app import main; main()"],
            env={app.COMPLETE_VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("aurora-restore sta", 1) == ["start", "status"]
    assert "--replace-strategy" in completed("aurora-restore start --repl", 2)
