"""Runs deployed Lambda functions: a pool of workers, capped, reaped and measured."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_stack.lambda_execution import Outcome, Worker, WorkerReport, failure
from local_stack.lambda_function import CodeStore, DeployedFunction
from local_stack.lambda_packages import link_runtime_packages

MAXIMUM_WORKERS = 6
IDLE_SECONDS = 10.0
WORKER_WAIT_SECONDS = 120.0
CLOSE_TIMEOUT_SECONDS = 5.0

LogWriter = Callable[[DeployedFunction, str, list[str]], None]
"""Takes the function, the log stream, and the lines that one invocation wrote."""
CredentialsOf = Callable[[DeployedFunction], Mapping[str, str]]
"""The variables with which a function signs its requests."""


def no_credentials(_function: DeployedFunction) -> Mapping[str, str]:
    """For functions that ask AWS for nothing."""
    return {}


@dataclass
class _Peaks:
    """The most resident memory that any worker of a function has had, kept after the workers are gone."""

    by_function: dict[str, int] = field(default_factory=dict)

    def note(self, worker: Worker) -> None:
        name = worker.function.name
        self.by_function[name] = max(self.by_function.get(name, 0), worker.peak_memory_bytes)


class LambdaRuntime:
    """The pool of workers. Safe from any thread.

    At most `maximum_workers` live at once: above that an invocation waits for a worker to come free. A worker
    that has had nothing to do for `idle_seconds` is ended.
    """

    def __init__(
        self,
        directory: Path,
        base_environment: Mapping[str, str],
        write_logs: LogWriter,
        maximum_workers: int = MAXIMUM_WORKERS,
        idle_seconds: float = IDLE_SECONDS,
        credentials: CredentialsOf = no_credentials,
    ) -> None:
        self._code = CodeStore(directory / "code")
        self._output_directory = directory / "output"
        self._output_directory.mkdir(parents=True, exist_ok=True)
        self._runtime = link_runtime_packages(directory / "runtime")
        self._base_environment = dict(base_environment)
        self._write_logs = write_logs
        self._credentials = credentials
        self._maximum_workers = maximum_workers
        self._idle_seconds = idle_seconds
        self._workers: list[Worker] = []
        self._starting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._peaks = _Peaks()
        threading.Thread(target=self._reap_idle, name="lambda-reaper", daemon=True).start()

    def invoke(self, function: DeployedFunction, event: Any, request_id: str) -> Outcome:
        """Run the function once and log what it wrote. A failure of the function is an Outcome, not an exception."""
        worker = self._acquire(function)
        if worker is None:
            return failure(
                "TooManyRequestsException", f"no worker came free for {function.name}: Rate Exceeded."
            )
        try:
            outcome = worker.invoke(event, request_id)
        finally:
            with self._changed:
                worker.busy = False
                worker.event = None
                worker.idle_since = time.monotonic()
                if not worker.is_alive or self._closed:
                    self._remove(worker)
                self._changed.notify_all()
        self._write_logs(function, worker.log_stream, list(outcome.lines))
        return outcome

    def reports(self) -> list[WorkerReport]:
        with self._changed:
            workers = list(self._workers)
        return [worker.report() for worker in workers]

    def peak_memory_bytes(self) -> dict[str, int]:
        """By function name, over all workers that there have been."""
        with self._changed:
            for worker in self._workers:
                worker.report()
                self._peaks.note(worker)
            return dict(self._peaks.by_function)

    def kill_worker(self, pid: int) -> bool:
        """End a worker in the middle of whatever it does; False where no worker has this process id."""
        with self._changed:
            worker = next((each for each in self._workers if each.pid == pid), None)
            if worker is None:
                return False
            worker.kill()
            # The invocation of a busy one removes it, once it has seen the end; no invocation waits for an idle one.
            if not worker.busy:
                self._remove(worker)
        return True

    def close(self) -> None:
        """End every worker. What is under way fails as if its worker had been killed."""
        with self._changed:
            self._closed = True
            for worker in list(self._workers):
                worker.kill()
                # The invocation of a busy one removes it, once it has seen the end.
                if not worker.busy:
                    self._remove(worker)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._workers, CLOSE_TIMEOUT_SECONDS)

    def _acquire(self, function: DeployedFunction) -> Worker | None:
        # A changed environment or new code has another key: its workers are never used for the old one.
        key = function.identity()
        deadline = time.monotonic() + WORKER_WAIT_SECONDS
        with self._changed:
            while not self._closed:
                # The latest one first, so that the earlier ones stay idle and are ended.
                worker = next(
                    (each for each in reversed(self._workers) if each.key == key and not each.busy), None
                )
                if worker is not None and worker.is_alive:
                    worker.busy = True
                    return worker
                if self._make_room():
                    # Counted before it exists: its place must not be given away while the lock is free.
                    self._starting += 1
                    break
                if not self._changed.wait(deadline - time.monotonic()):
                    return None
            else:
                return None
        return self._start(function)

    def _make_room(self) -> bool:
        """With the lock held: whether one more worker may start, ending an idle one if that is what it takes."""
        idle = [worker for worker in self._workers if not worker.busy]
        for worker in idle:
            if not worker.is_alive:
                self._remove(worker)
        if len(self._workers) + self._starting < self._maximum_workers:
            return True
        oldest = min(
            (each for each in self._workers if not each.busy), key=lambda each: each.idle_since, default=None
        )
        if oldest is None:
            return False
        self._remove(oldest)
        return True

    def _start(self, function: DeployedFunction) -> Worker:
        worker = None
        try:
            task_root = self._code.unpacked(function.code_zip)
            log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
            environment = {
                **self._base_environment,
                **function.environment(log_stream),
                "LAMBDA_TASK_ROOT": str(task_root),
                "LAMBDA_RUNTIME_DIR": str(self._runtime),
                **self._credentials(function),
            }
            worker = Worker(function, environment, self._output_directory / uuid.uuid4().hex)
        finally:
            with self._changed:
                self._starting -= 1
                if worker is not None:
                    self._workers.append(worker)
                self._changed.notify_all()
        return worker

    def _remove(self, worker: Worker) -> None:
        self._peaks.note(worker)
        if worker in self._workers:
            self._workers.remove(worker)
        worker.discard()

    def _reap_idle(self) -> None:
        with self._changed:
            while not self._closed:
                limit = time.monotonic() - self._idle_seconds
                for worker in [each for each in self._workers if not each.busy and each.idle_since <= limit]:
                    self._remove(worker)
                self._changed.wait(1.0)
