"""The demo as a newcomer runs it: it proves what it claims, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support import mysql

from local_aurora.engines.mysql.install import Kind
from local_stack.stack_info import StackInfo

TIMEOUT_SECONDS = 300


def start_demo(folder: Path, *options: str, home: Path | None = None) -> subprocess.Popen[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AURORA_"))
    }
    if home:
        environment["AURORA_RESTORE_HOME"] = str(home)
    return subprocess.Popen(
        [sys.executable, "-m", "aurora_restore", "demo", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(demo: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Status, output and errors."""
    out, err = demo.communicate(timeout=TIMEOUT_SECONDS)
    return demo.returncode, out, err


def processes_that_name(folder: Path) -> list[str]:
    """The server of a stack has its home among its arguments, and so have its PostgreSQL servers."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            commands.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
    return [command for command in commands if str(folder) in command]


def what_is_left(folder: Path) -> tuple[list[Path], list[str]]:
    return list((folder / ".local").iterdir()), processes_that_name(folder)


# These two take turns, so that each day has a demo.
@pytest.mark.file_one_day_in(2, 0)
def test_two_demos_in_one_folder_prove_every_claim_and_take_down_what_they_started(tmp_path: Path) -> None:
    folder = tmp_path / "a path with a space"
    folder.mkdir()
    demos = [start_demo(folder) for _ in range(2)]
    for status, out, err in map(end_of, demos):
        assert status == 0, out + err
        assert "claims are proved" in out
        assert "NOT TRUE" not in out
        assert "later orders are not there" in out
    assert what_is_left(folder) == ([], [])


@pytest.mark.one_day_in(2)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_that_is_ended_from_outside_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    assert demo.stdout is not None
    assert any("It is up" in line for line in demo.stdout)
    assert processes_that_name(tmp_path)
    if number is signal.SIGHUP:
        # As a terminal that goes: between the end of its output and the signal nothing is written.
        demo.send_signal(signal.SIGSTOP)
        demo.stdout.close()
        demo.stdout = None
    demo.send_signal(number)
    demo.send_signal(signal.SIGCONT)
    status, _, err = end_of(demo)
    assert status == 128 + number, err
    assert what_is_left(tmp_path) == ([], [])


@pytest.mark.one_day_in(4)
def test_the_demo_proves_the_same_on_mysql(tmp_path: Path) -> None:
    if isinstance(missing := mysql.found(Kind.MYSQL), str):
        pytest.skip(missing)
    status, out, err = end_of(start_demo(tmp_path, "--engine", "mysql"))
    assert status == 0, out + err
    assert "All 8 claims are proved" in out
    assert what_is_left(tmp_path) == ([], [])


@pytest.fixture
def quick(stack: StackInfo) -> Iterator[StackInfo]:
    """The stack, with an Aurora that takes next to no time."""
    before = stack.control.durations()
    stack.control.change_durations(copy=0.2, restore=0.2, instance=0.2, password_change=0.2)
    yield stack
    stack.control.change_durations(**before)


@pytest.mark.file_one_day_in(2, 1)
def test_the_demo_uses_a_stack_that_runs_and_works_again_and_again(quick: StackInfo, tmp_path: Path) -> None:
    for _ in range(2):
        status, out, err = end_of(start_demo(tmp_path, "--json", home=quick.home))
        assert status == 0, out + err
        document = json.loads(out)
        assert all(proof["holds"] for proof in document["proofs"])
        assert document["record"]["status"] == "SUCCEEDED"
        assert quick.control.status()["uptime_seconds"] > 0
