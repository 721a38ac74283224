"""Starting, watching and ending the servers' processes, so that none outlives us."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineError, PortTaken

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0
TOOL_TIMEOUT_SECONDS = 300.0
_POLL_SECONDS = 0.005
_DATA_DESCRIPTOR = 9
_MOST_SAID = 4000

# Runs in a fresh interpreter, because code between fork and exec is not safe in a process with threads. The
# death signal is asked for after the change of user, which would clear it; a parent that died before that is
# noticed by the changed parent id. exec keeps the process id: the server is our own child. Libraries that came with
# the program are for the program, not for this interpreter. A program that gets a root directory of its own is opened
# before that.
_LAUNCHER = """
import ctypes, json, os, sys
parent, death_signal, uid, gid, data, wanted, root = json.loads(sys.argv[1])
program = sys.argv[3]
if root is not None:
    program = os.open(program, os.O_RDONLY)
    os.chroot(root)
if uid is not None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if data is not None:
    os.dup2(data, wanted)
    os.chdir("/")
os.umask(0o077)
if sys.platform == "linux":
    if ctypes.CDLL(None, use_errno=True).prctl(1, death_signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
if sys.argv[2]:
    os.environ["LD_LIBRARY_PATH"] = sys.argv[2]
os.execve(program, sys.argv[3:], os.environ)
"""


@dataclass(frozen=True)
class Program:
    """A program and its arguments, of which the first one is its path.

    `libraries` is its LD_LIBRARY_PATH. `root`: the directory that it sees as the root of all, and beside which there
    is nothing for it; only where it is started by root. `said` is what it reads from its standard input.
    """

    arguments: tuple[str, ...]
    libraries: str = ""
    root: Path | None = None
    said: bytes = b""

    @property
    def name(self) -> str:
        return Path(self.arguments[0]).name


def data_argument(data: Path, account: Account) -> str:
    """The path by which a program that `spawn` starts in `data` finds it, where it has no root directory of its own.

    `nobody` may have no way through the directories above (a project in root's home); the link that the kernel
    keeps to an open directory leads there directly. The working directory would do as well, but until PostgreSQL
    16 each program leaves it for a moment, and ends where it cannot come back.
    """
    return f"/proc/self/fd/{_DATA_DESCRIPTOR}" if _is_handed_over(account) else str(data)


def _is_handed_over(account: Account) -> bool:
    return account.drops_root and sys.platform == "linux"


def spawn(
    program: Program,
    data: Path,
    account: Account,
    output: IO[bytes] | int,
    death_signal: signal.Signals = signal.SIGINT,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in `data` as `account`, with a clean environment, tied to the calling thread's life."""
    user = (account.uid, account.gid) if account.drops_root else (None, None)
    root = None if program.root is None else str(program.root)
    with _opened(data, program, account) as descriptors:
        terms = [os.getpid(), int(death_signal), *user, *(descriptors or (None,)), _DATA_DESCRIPTOR, root]
        return subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", "-c", _LAUNCHER),
                *(json.dumps(terms), program.libraries),
                *program.arguments,
            ],
            cwd=data,
            pass_fds=descriptors,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            stdin=subprocess.PIPE if program.said else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C in the terminal is for us alone: we end the servers in our own order.
            start_new_session=True,
        )


@contextmanager
def _opened(data: Path, program: Program, account: Account) -> Iterator[tuple[int, ...]]:
    """A descriptor of the directory for the program, where it needs one."""
    if program.root is not None or not _is_handed_over(account):
        yield ()
        return
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def run_tool(
    program: Program, data: Path, account: Account, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program in `data` to its end. Raises EngineError with what it said."""
    process = spawn(program, data, account, subprocess.PIPE, signal.SIGTERM, environment)
    try:
        output, _ = process.communicate(program.said or None, timeout=TOOL_TIMEOUT_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        said = output.decode(errors="replace").strip()
        raise EngineError(f"{program.name} ended with status {process.returncode}: {said[-_MOST_SAID:]}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def connected_socket(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """A connection that sends at once: otherwise every login waits 40 ms for a delayed acknowledgement."""
    sock = socket.create_connection((address, port), timeout_seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def find_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class ServerKind:
    """What differs between the servers of two engines.

    `lock_file`, in the data, begins with the server's process id. `is_ready` is asked for a server that runs. A server
    that says one of `words_of_a_taken_port` ended because it could not listen.
    """

    name: str
    lock_file: str
    is_ready: Callable[[Server], bool]
    stop_signals: tuple[signal.Signals, ...]
    words_of_a_taken_port: tuple[str, ...]


@dataclass
class Server:
    """A database server that is our child."""

    kind: ServerKind
    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    port: int
    log_offset: int = 0

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def lock_lines(self) -> list[str]:
        """The lines of the lock file; none where another process wrote it (one that was killed leaves it behind)."""
        try:
            lines = (self.data / self.kind.lock_file).read_text().splitlines()
        except FileNotFoundError:
            return []
        return lines if lines and lines[0].strip() == str(self.process.pid) else []

    def wait_until_ready(self) -> None:
        """Raises PortTaken, or EngineError with the end of the log."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.kind.is_ready(self):
            if not self.is_running:
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                self.stop()
                raise self._failure(f"was not ready after {START_TIMEOUT_SECONDS:g} seconds")
            time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> EngineError:
        said = self.log.read_bytes()[self.log_offset :].decode(errors="replace")
        text = (
            f"The {self.kind.name} server on port {self.port} {what}. It said in {self.log}:\n{said[-2000:]}"
        )
        is_taken = any(words in said for words in self.kind.words_of_a_taken_port)
        return PortTaken(text) if is_taken else EngineError(text)

    def stop(self) -> None:
        """Fast shutdown (sessions are ended, nothing is lost); harder after ten seconds."""
        for stop_signal in self.kind.stop_signals:
            self.process.send_signal(stop_signal)
            try:
                self.process.wait(timeout=STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return
        raise EngineError(f"The {self.kind.name} server {self.process.pid} does not end.")


@dataclass
class ServerPool:
    """The servers that run, by key.

    All are started by one thread that lives as long as the pool: the kernel sends the death signal when the
    *thread* ends that started a process, and callers come from threads of any length of life.
    """

    account: Account
    kind: ServerKind
    _servers: dict[str, Server] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starter: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-starter")
    )

    def find(self, key: str) -> Server | None:
        with self._lock:
            server = self._servers.get(key)
        return server if server and server.is_running else None

    def start(self, key: str, program: Program, data: Path, log: Path, port: int) -> Server:
        """Start a server and wait until it takes connections. Raises PortTaken, EngineError."""
        await_former_server(data, self.kind)
        try:
            starting = self._starter.submit(self._spawn, key, program, data, log, port)
        except RuntimeError as error:
            raise EngineError("The local database engine is closed.") from error
        server = starting.result()
        try:
            server.wait_until_ready()
        except EngineError:
            self._forget(key)
            raise
        return server

    def _spawn(self, key: str, program: Program, data: Path, log: Path, port: int) -> Server:
        with log.open("ab") as output:
            offset = output.tell()
            process = spawn(program, data, self.account, output, self.kind.stop_signals[0])
        server = Server(self.kind, process, data, log, port, offset)
        with self._lock:
            self._servers[key] = server
        return server

    def stop(self, key: str) -> None:
        server = self.find(key)
        if server:
            server.stop()
        self._forget(key)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._servers.pop(key, None)

    def close(self) -> None:
        """Stop all servers; none can be started afterwards."""
        self._starter.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            servers = [server for server in self._servers.values() if server.is_running]
        for server in servers:
            server.process.send_signal(self.kind.stop_signals[0])
        for server in servers:
            server.stop()


def await_former_server(data: Path, kind: ServerKind) -> None:
    """Wait for the end of a server that an earlier, killed stack left in `data`, and end what has outlived it.

    A process of a PostgreSQL that was killed can go on for a minute, and until it ends the next one finds the shared
    memory in use. It is ended only where it works in `data` and the server itself does not any more.

    Where the server's id is now that of another process, its lock file is removed: the next server would take
    that process for the former one and refuse to start. A lock file of a dead process is the server's own business.
    """
    if sys.platform != "linux":
        return
    lock_file = data / kind.lock_file
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while pids := [pid for pid in _process_ids() if _works_in(pid, data)]:
        if time.monotonic() > deadline:
            raise EngineError(f"A {kind.name} server (processes {pids}) still works in {data}.")
        if _first_number(lock_file) not in pids:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    former = _first_number(lock_file)
    if former and Path(f"/proc/{former}").exists():
        lock_file.unlink(missing_ok=True)


def _process_ids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _first_number(lock_file: Path) -> int | None:
    try:
        return int(lock_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _works_in(pid: int, data: Path) -> bool:
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", data)
    except OSError:
        return False
