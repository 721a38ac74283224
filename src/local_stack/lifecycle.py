"""The life of the local stack: up, status, environment, logs, down. What the command line and the tests call."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from local_stack import processes
from local_stack.control import ControlClient
from local_stack.errors import (
    LocalStackNotRunning,
    LocalStackOnAnotherPort,
    LocalStackStartFailed,
    LocalStackStopFailed,
    PortInUse,
)
from local_stack.server_settings import ServerSettings, port_is_free
from local_stack.stack_info import StackInfo, environment_of, names_to_unset
from local_stack.state_directory import RunningServer, StateDirectory

START_TIMEOUT_SECONDS = 30.0
START_INTERVAL_SECONDS = 0.02
STOP_TIMEOUT_SECONDS = 20.0
KILL_TIMEOUT_SECONDS = 5.0
LOG_LINES_SHOWN = 15
FOLLOW_INTERVAL_SECONDS = 0.2

Progress = Callable[[str], None]
"""Called with a sentence that says what is being done."""

SetUp = Callable[[StackInfo, Progress], None]
"""Fills a new stack that answers: what is deployed and seeded there is the caller's."""


@dataclass(frozen=True)
class UpOptions:
    """How the stack is brought up.

    `home` None: $AURORA_RESTORE_HOME, else .local/aurora-restore in the current folder. `port` is that of the AWS
    endpoint; 0 keeps the last one or finds a free one. `durations` are in seconds, named as in
    `local_aurora.timing.Durations`. `idle_worker_seconds` is how long a Lambda worker without work is kept, and
    `maximum_workers` how many there are at most: each takes memory, and a new one takes processor time to begin.
    """

    home: Path | None = None
    fresh: bool = False
    port: int = 0
    durations: Mapping[str, float] = field(default_factory=dict)
    account_id: str = "000000000000"
    region: str = "us-west-2"
    source_region: str = "us-east-1"
    idle_worker_seconds: float = 10.0
    maximum_workers: int = 6


@dataclass(frozen=True)
class StackStatus:
    """`info` is None where nothing runs; memory is the proportional set size of all processes together.

    `postgresql` has the versions `at_hand`, and the one behind each of the `clusters`; `mysql` once there was one.
    `is_complete`: the state was set up to its end. Where it was not, `up` is at it, or the next one begins anew.
    """

    home: Path
    info: StackInfo | None
    uptime_seconds: float = 0.0
    memory_bytes: int = 0
    process_count: int = 0
    workers: tuple[Mapping[str, Any], ...] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    is_complete: bool = False
    postgresql: Mapping[str, Any] = field(default_factory=dict)
    mysql: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        return self.info is not None


def up(
    options: UpOptions | None = None,
    on_progress: Progress = lambda _: None,
    find_set_up: Callable[[], SetUp] | None = None,
) -> StackInfo:
    """Bring the stack up in the background, set it up where its state is new, and wait until it is ready.

    `find_set_up` gives what fills a new stack, and is called while the server starts, so that what it has to import
    costs no time of its own. Without it a new stack stays empty.

    Where it runs already nothing happens, and the answer says so (`already_running`); durations are changed. One
    that runs but was never set up to its end is thrown away, and begun anew. Where this process is ended
    (SIGTERM, SIGHUP, Ctrl-C) before the stack is up, nothing of it stays.

    Raises:
        LocalStackBusy: another `up` or `down` is under way.
        LocalStackOnAnotherPort: it runs already, and not on the port that was asked for.
        PortInUse: the port that was asked for is taken.
        LocalStackStartFailed: the server ended, or did not answer in time; the end of its log is in the message.
        ValueError: an unknown duration.
        Any error of the set-up; nothing of the stack stays then either.
    """
    options = options or UpOptions()
    directory = StateDirectory.find(options.home)
    started = time.monotonic()
    with directory.exclusively(), _ended_by_signals():
        running = directory.running()
        if running and directory.is_complete and not options.fresh:
            return _as_it_runs(directory, running, options)
        _clear_the_way(directory, running, on_progress)
        return _start_fresh_or_kept(directory, options, on_progress, find_set_up, started)


def _as_it_runs(directory: StateDirectory, running: RunningServer, options: UpOptions) -> StackInfo:
    if options.port and not running.gateway_url.endswith(f":{options.port}"):
        raise LocalStackOnAnotherPort(
            f"The local stack in {directory.home} runs already, at {running.gateway_url}; "
            f"it cannot move to port {options.port} while it runs."
        )
    if options.durations:
        ControlClient(running.control_url).change_durations(**options.durations)
    return _info(directory, running, already_running=True)


def _clear_the_way(directory: StateDirectory, running: RunningServer | None, on_progress: Progress) -> None:
    if running is not None:
        complete = directory.is_complete
        on_progress(
            "Stopping the stack that runs"
            if complete
            else "Stopping the stack that runs: it was never set up to its end, and is begun anew"
        )
    _stop(directory)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program in the orderly way: as an exception, which takes down what was begun.

    A program that ignores one of them (`nohup`) goes on doing so. Only a main thread can have handlers of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {
        number: handler
        for number in (signal.SIGTERM, signal.SIGHUP)
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }

    def end(number: int, _frame: FrameType | None) -> None:
        for each in former:  # a second one must not end what takes down
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in former:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _start_fresh_or_kept(
    directory: StateDirectory,
    options: UpOptions,
    on_progress: Progress,
    find_set_up: Callable[[], SetUp] | None,
    started: float,
) -> StackInfo:
    if options.port and not port_is_free(options.port):
        raise PortInUse(f"Port {options.port} on 127.0.0.1 is taken by another program.")
    if options.fresh or not directory.is_complete:
        directory.throw_away_state()
    _note_settings(directory, options)
    directory.make_private()
    on_progress("Starting the local AWS")
    try:
        pid = _spawn(directory)
        set_up = None if find_set_up is None or directory.is_complete else find_set_up()
        running = _wait_until_ready(directory, pid)
        info = _info(directory, running)
        if not directory.is_complete:
            if set_up is not None:
                set_up(info, on_progress)
            directory.note_complete()
    except BaseException:
        _stop(directory)
        raise
    notes = tuple(info.control.status()["notes"])
    return replace(info, notes=notes, seconds=time.monotonic() - started)


def status(home: Path | None = None) -> StackStatus:
    """The state of the stack. One that does not run is an answer, not an error."""
    directory = StateDirectory.find(home)
    running = directory.running()
    if running is None:
        return StackStatus(directory.home, None, is_complete=directory.is_complete)
    control = ControlClient(running.control_url)
    seen = control.status()
    return StackStatus(
        home=directory.home,
        info=_info(directory, running, already_running=True),
        uptime_seconds=seen["uptime_seconds"],
        memory_bytes=seen["memory_bytes"],
        process_count=len(seen["processes"]),
        workers=tuple(control.workers()),
        durations=control.durations(),
        is_complete=directory.is_complete,
        postgresql=seen["postgresql"],
        # A stack that an earlier version started does not answer it.
        mysql=seen.get("mysql", {}),
    )


def environment(home: Path | None = None) -> dict[str, str]:
    """The variables with which the AWS CLI, the SDKs, psql and the guide's commands reach the stack.

    Raises:
        LocalStackNotRunning
    """
    return environment_of(_running_info(home))


def environment_to_unset() -> tuple[str, ...]:
    """The variables that must not stand beside those of `environment`: they would lead programs past the stack."""
    return names_to_unset()


def change_durations(changes: Mapping[str, float], home: Path | None = None) -> dict[str, float]:
    """Change how long things take, for work begun from now on; all durations are returned, in seconds.

    Raises:
        LocalStackNotRunning
        ControlRefused: there is no such duration.
    """
    return _running_info(home).control.change_durations(**changes)


def logs(home: Path | None = None, follow: bool = False) -> Iterator[str]:
    """The lines that the server wrote, oldest first; with `follow` also those to come, while it runs.

    Raises:
        LocalStackNotRunning: nothing was ever started there.
    """
    directory = StateDirectory.find(home)
    if not directory.log.exists():
        raise LocalStackNotRunning(f"There is no log: no local stack was started in {directory.home}.")
    with directory.log.open(errors="replace") as log:
        while True:
            for line in log:
                yield line.rstrip("\n")
            if not follow or directory.running() is None:
                return
            time.sleep(FOLLOW_INTERVAL_SECONDS)


def running_operations(home: Path | None = None) -> tuple[str, ...]:
    """What `down` would interrupt; empty also where nothing runs, or nothing answers any more."""
    running = StateDirectory.find(home).running()
    if running is None:
        return ()
    try:
        return tuple(ControlClient(running.control_url).status()["running_executions"])
    except OSError:
        return ()


def down(home: Path | None = None) -> bool:
    """Stop everything and keep the state; False where nothing ran.

    Operations that run are interrupted as by a kill: nothing of them fails, and they go on at the next `up`.

    Raises:
        LocalStackBusy: another `up` or `down` is under way.
        LocalStackStopFailed: a process of the stack would not end.
    """
    directory = StateDirectory.find(home)
    if not directory.home.exists():
        return False
    with directory.exclusively():
        return _stop(directory)


def _running_info(home: Path | None) -> StackInfo:
    directory = StateDirectory.find(home)
    running = directory.running()
    if running is None:
        raise LocalStackNotRunning(f"No local stack runs in {directory.home}.")
    return _info(directory, running, already_running=True)


def _info(
    directory: StateDirectory, running: RunningServer, already_running: bool = False, seconds: float = 0.0
) -> StackInfo:
    settings = ServerSettings.load(directory)
    return StackInfo(
        home=directory.home,
        pid=running.pid,
        endpoint_url=running.gateway_url,
        rds_endpoint_url=running.rds_url,
        control_url=running.control_url,
        ca_bundle=Path(running.ca_bundle),
        account_id=settings.account_id,
        region=settings.region,
        source_region=settings.source_region,
        already_running=already_running,
        seconds=seconds,
    )


def _note_settings(directory: StateDirectory, options: UpOptions) -> None:
    kept = directory.settings()
    settings = ServerSettings(
        account_id=options.account_id,
        region=options.region,
        source_region=options.source_region,
        gateway_port=options.port or int(kept.get("gateway_port", 0)),
        rds_port=int(kept.get("rds_port", 0)),
        control_port=int(kept.get("control_port", 0)),
        durations=dict(options.durations),
        idle_worker_seconds=options.idle_worker_seconds,
        maximum_workers=options.maximum_workers,
    )
    directory.note_settings(asdict(settings))


def _spawn(directory: StateDirectory) -> int:
    arguments = [sys.executable, "-m", "local_stack.server", str(directory.home)]
    pid = processes.start_detached(arguments, _server_environment(), directory.log)
    directory.note_started(pid)
    return pid


def _server_environment() -> dict[str, str]:
    """Ours without what would point the server at another AWS, at a proxy, or ministack at other settings."""
    dropped = ("AWS_", "PG", "MINISTACK_", "LOCALSTACK_", "LAMBDA_", "SFN_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy") and name != "AUTH"
    }


def _wait_until_ready(directory: StateDirectory, pid: int) -> RunningServer:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    how = f"did not answer within {START_TIMEOUT_SECONDS:.0f} s"
    while time.monotonic() < deadline:
        running = directory.running()
        if running is not None:
            return running
        status = processes.exit_status(pid)
        if status is not None:
            how = f"ended with status {status}"
            break
        time.sleep(START_INTERVAL_SECONDS)
    raise LocalStackStartFailed(f"The server of the local stack {how}:\n{_end_of_log(directory)}")


def _end_of_log(directory: StateDirectory) -> str:
    lines = directory.log.read_text(errors="replace").splitlines() if directory.log.exists() else []
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _stop(directory: StateDirectory) -> bool:
    """End the server, also one that is not ready yet; False where there is none."""
    running = directory.running()
    pid = running.pid if running else directory.started()
    if pid is not None:
        _end(pid)
    directory.forget_running()
    return pid is not None


def _end(pid: int) -> None:
    """End the server and see that everything below it is gone as well."""
    members = [pid, *processes.descendants(pid)]
    _signal(pid, signal.SIGTERM)
    if processes.wait_until_gone([pid], STOP_TIMEOUT_SECONDS):
        _signal(pid, signal.SIGKILL)
    left = processes.wait_until_gone(members, KILL_TIMEOUT_SECONDS)
    processes.exit_status(pid)  # of a server that this very process started, nothing stays behind
    if left:
        raise LocalStackStopFailed(f"Processes {', '.join(map(str, left))} of the local stack do not end.")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
