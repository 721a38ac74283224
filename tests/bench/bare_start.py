"""What no local stack could do without: ministack as it comes, and one new PostgreSQL server beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local_aurora.engines.account import Account, choose_account
from local_aurora.engines.postgresql.engine import KIND
from local_aurora.engines.postgresql.install import find_programs, program
from local_aurora.engines.postgresql.versions import packaged
from local_aurora.engines.process import (
    HOST,
    Server,
    data_argument,
    find_free_port,
    run_tool,
    spawn,
)
from local_stack import ministack_hooks, processes

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class BareStart:
    """Seconds until each of them takes connections, and the memory (PSS) of both together when idle."""

    ministack_seconds: float
    postgres_seconds: float
    memory_bytes: int

    @property
    def seconds(self) -> float:
        return self.ministack_seconds + self.postgres_seconds


def measure_bare_start() -> BareStart:
    """Start one after the other, look at their memory, end both."""
    with TemporaryDirectory(prefix="aurora-restore-bench-") as directory:
        begun = time.monotonic()
        with _ministack(Path(directory)) as ministack:
            answered = time.monotonic()
            with _postgres(Path(directory)) as postgres:
                ready = time.monotonic()
                members = [
                    pid for root in (ministack, postgres) for pid in (root, *processes.descendants(root))
                ]
                memory_bytes = sum(processes.pss_bytes(pid) for pid in members)
    return BareStart(answered - begun, ready - answered, memory_bytes)


@contextmanager
def _ministack(directory: Path) -> Iterator[int]:
    """Its process, once it answers: the same services as in the local stack, nothing of ours."""
    port = find_free_port()
    environment = {"PATH": os.environ["PATH"], **ministack_hooks.settings(port, directory)}
    process = subprocess.Popen(
        [sys.executable, "-m", "ministack.app"],
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not processes.wait_until(lambda: _answers(port), START_TIMEOUT_SECONDS):
            raise RuntimeError(f"ministack alone did not answer within {START_TIMEOUT_SECONDS:.0f} s.")
        yield process.pid
    finally:
        _end(process)


@contextmanager
def _postgres(directory: Path) -> Iterator[int]:
    """The process of a server with a new, empty database."""
    account = choose_account()
    programs = find_programs(account, packaged().root)
    data = directory / "data"
    data.mkdir(mode=0o700)
    account.own(data)
    run_tool(
        program(
            [str(programs / "initdb"), "--pgdata", data_argument(data, account), "--no-sync", "--no-locale"]
        ),
        data,
        account,
    )
    server = _start_postgres(programs, data, account, directory / "postgres.log")
    try:
        server.wait_until_ready()
        yield server.process.pid
    finally:
        server.stop()


def _start_postgres(programs: Path, data: Path, account: Account, log: Path) -> Server:
    port = find_free_port()
    command = [str(programs / "postgres"), "-D", data_argument(data, account)]
    command += [f"--port={port}", f"--listen_addresses={HOST}", "--unix_socket_directories="]
    with log.open("ab") as output:
        return Server(KIND, spawn(program(command), data, account, output), data, log, port)


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
