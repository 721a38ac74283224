"""Processes of the local stack: that they die with their parent, what memory they hold, whether they live."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It runs, and is another user's.
        return True
    stat = _stat(pid)
    return stat is None or stat[0] != "Z"


def start_detached(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Start a program that outlives this process, in a session of its own, so that the terminal's Ctrl-C is not for it.

    Its output goes to `log`, which is begun anew. The process id is returned.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    file_actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(
        arguments[0], list(arguments), dict(environment), file_actions=file_actions, setsid=True
    )


def exit_status(pid: int) -> int | None:
    """How a child of this process ended (negative: by a signal); None while it runs, or where another process began it.

    The answer is given once: the system forgets the child then.
    """
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def _stat(pid: int) -> list[str] | None:
    """What Linux shows of a process, from its one-letter state on; None where it is gone or there is no /proc."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything: the state follows the last bracket.
    return stat.rpartition(")")[2].split()


def start_time(pid: int) -> str | None:
    """When the process started, in clock ticks since boot: with the id it names one process for good.

    None where the process is gone or the system has no /proc.
    """
    stat = _stat(pid)
    return stat[19] if stat else None


def peak_rss_bytes(pid: int) -> int:
    """The most memory that the process has had resident (VmHWM), 0 where it is gone or unknown.

    Not `ru_maxrss`: after a fork that counts the memory of the parent as well.
    """
    return _kib(pid, "status", "VmHWM:") * 1024


def pss_bytes(pid: int) -> int:
    """The memory of a process, shared pages counted by their share; 0 where it is gone or unknown."""
    return _kib(pid, "smaps_rollup", "Pss:") * 1024


def _kib(pid: int, file: str, field: str) -> int:
    try:
        lines = (PROC / str(pid) / file).read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(field))


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, itself left out; empty where the system has no /proc."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        stat = _stat(int(entry.name))
        if stat:
            parent = int(stat[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = list(children.get(pid, []))
    while waiting:
        child = waiting.pop()
        found.append(child)
        waiting.extend(children.get(child, []))
    return found


def wait_until(condition: Callable[[], bool], timeout_seconds: float, interval_seconds: float = 0.02) -> bool:
    """Poll until the condition holds; False where it never did within the time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval_seconds)
    return True


def wait_until_gone(pids: Iterable[int], timeout_seconds: float) -> list[int]:
    """Wait until none of the processes runs; those that still do are returned."""
    left = list(pids)
    wait_until(lambda: not any(is_alive(pid) for pid in left), timeout_seconds)
    return [pid for pid in left if is_alive(pid)]
