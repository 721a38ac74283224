"""What stays of a `local up` that is killed, is ended, or fails: nothing that a later command takes for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.stack.polling import poll_until

from aurora_restore.demo.setup import set_up
from local_stack import lifecycle, processes
from local_stack.aurora_service import AuroraService
from local_stack.lifecycle import UpOptions
from local_stack.state_directory import StateDirectory

pytestmark = pytest.mark.file_one_day_in(7, 2)

UP = "import sys, pathlib; from local_stack import lifecycle as l; from aurora_restore.demo.setup import set_up; "
UP += "l.up(l.UpOptions(home=pathlib.Path(sys.argv[1])), find_set_up=lambda: set_up)"
END_TIMEOUT_SECONDS = 60.0

Begin = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "a stack"
    yield directory
    lifecycle.down(directory)


@pytest.fixture
def begin(home: Path) -> Iterator[Begin]:
    """`begin()` starts an `up`, with everything that belongs to it, in a process of its own."""
    begun: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen([sys.executable, "-c", UP, str(home)], stderr=subprocess.DEVNULL))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()


def pid_in_set_up(home: Path) -> int:
    """The server of a stack that answers, and is not set up yet."""
    running = poll_until(StateDirectory(home).running, "the server", timeout_seconds=30)
    assert running is not None
    assert not StateDirectory(home).is_complete
    return running.pid


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.glob("*.json"))


def test_a_stack_whose_set_up_was_killed_is_called_incomplete_and_begun_anew(
    home: Path, begin: Begin
) -> None:
    process = begin()
    first = pid_in_set_up(home)
    process.kill()
    process.wait()
    seen = lifecycle.status(home)
    assert seen.is_running
    assert not seen.is_complete
    said: list[str] = []
    info = lifecycle.up(UpOptions(home=home), said.append)
    assert not info.already_running
    assert info.pid != first
    assert not processes.is_alive(first)
    assert "never set up to its end" in said[0]
    assert lifecycle.status(home).is_complete


def test_a_server_whose_up_was_killed_before_it_was_ready_is_found_and_ended(
    home: Path, begin: Begin
) -> None:
    process = begin()
    first = poll_until(StateDirectory(home).started, "the process of the server")
    process.kill()
    process.wait()
    assert lifecycle.down(home)
    assert first is not None
    assert not processes.is_alive(first)
    assert left(home) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_up_that_is_ended_takes_down_what_it_began(
    home: Path, begin: Begin, number: signal.Signals
) -> None:
    process = begin()
    server = pid_in_set_up(home)
    members = [server, *processes.descendants(server)]
    process.send_signal(number)
    status = process.wait(END_TIMEOUT_SECONDS)
    assert status in (128 + number, -number)
    assert [pid for pid in members if processes.is_alive(pid)] == []
    assert left(home) == []


def test_a_set_up_that_fails_leaves_no_process_and_no_address(home: Path) -> None:
    servers: list[int] = []

    def look(_said: str) -> None:
        if pid := StateDirectory(home).started():
            servers.extend([pid, *processes.descendants(pid)])

    with pytest.raises(ClientError, match="nowhere-north-1"):
        lifecycle.up(UpOptions(home=home, source_region="nowhere-north-1"), look, lambda: set_up)
    assert servers
    assert [pid for pid in servers if processes.is_alive(pid)] == []
    assert left(home) == []
    assert not lifecycle.status(home).is_complete


def test_signals_mean_after_up_what_they_meant_before(home: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    lifecycle.up(UpOptions(home=home))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_down_makes_no_folder_where_there_is_none(tmp_path: Path) -> None:
    assert not lifecycle.down(tmp_path / "never" / "there")
    assert os.listdir(tmp_path) == []


def test_what_blocks_the_engines_template_is_written_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "postgres").mkdir()
    for major in range(14, 19):
        (tmp_path / "postgres" / f"template-{major}").touch()
    AuroraService(tmp_path, "000000000000", 0, {}).close()
    assert "new clusters begin with is not made" in caplog.text
