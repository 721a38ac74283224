"""One Lambda execution environment: a process that serves one function, one invocation at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack import lambda_worker, processes
from local_stack.lambda_function import DeployedFunction
from local_stack.lambda_logs import platform_error, with_platform_lines
from local_stack.runtime_api import Answer, Exited, Invocation, RuntimeApi, deadline_after

INIT_TIMEOUT_SECONDS = 30.0
"""The least that a start may take. AWS gives it 10 s and then tries again within the function's timeout (Lambda
developer guide, "Understanding the Lambda execution environment lifecycle")."""
PLATFORM_ERRORS = frozenset({"Sandbox.Timedout", "Runtime.ExitError"})


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: `payload` is the function's answer, or the error as Lambda shows it."""

    payload: Any
    is_error: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerReport:
    """A worker as it is now. `event` is that of the call that is under way; None where it is idle."""

    function: str
    region: str
    pid: int
    busy: bool
    invocations: int
    peak_memory_bytes: int
    event: Any


class Worker:
    """A process of its own with the function's code and environment.

    Its output goes to a file and not through a pipe, so that nothing is lost when it is killed, and nothing is
    still under way when its answer arrives.
    """

    def __init__(self, function: DeployedFunction, environment: Mapping[str, str], output_path: Path) -> None:
        self.function = function
        self.key = function.identity()
        self.idle_since = time.monotonic()
        self.busy = True
        self.event: Any = None
        self.invocations = 0
        self.peak_memory_bytes = 0
        self._api = RuntimeApi()
        self._output_path = output_path
        self._output = output_path.open("ab+", buffering=0)
        self._environment = {**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        # The thread that starts a process must live as long as the process does: Linux sends the parent-death
        # signal when that thread ends, not when the whole parent does.
        threading.Thread(target=self._live, name=f"lambda-{function.name}", daemon=True).start()
        self._started.wait()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_alive(self) -> bool:
        return not self._ended.is_set()

    @property
    def log_stream(self) -> str:
        return self._environment["AWS_LAMBDA_LOG_STREAM_NAME"]

    def invoke(self, event: Any, request_id: str) -> Outcome:
        """Hand over one event and wait for the end of it, at most for the function's timeout."""
        self.invocations += 1
        self.event = event
        started = time.monotonic()
        timeout = self.function.timeout_seconds
        answer: Answer | Exited | None
        if self._api.initialised.wait(max(INIT_TIMEOUT_SECONDS, timeout)) and self.is_alive:
            # The function's time begins here: its start does not count.
            started = time.monotonic()
            self._api.invocations.put(
                Invocation(request_id, json.dumps(event).encode(), self.function.arn, deadline_after(timeout))
            )
            answer = self._wait_for_answer(request_id, started + timeout)
        else:
            self.kill()
            answer = self._api.next_answer(INIT_TIMEOUT_SECONDS) or Exited(-signal.SIGKILL)
        outcome = self._outcome(answer, request_id)
        self._note_memory()
        seconds = time.monotonic() - started
        self._output.seek(0)
        written = self._output.read().decode("utf-8", errors="replace")
        self._output.truncate(0)
        # The runtime client writes the lines of one stack trace with carriage returns between them: one event.
        lines = tuple(line.strip("\r").replace("\r", "\n") for line in written.split("\n") if line)
        if outcome.is_error and outcome.payload.get("errorType") in PLATFORM_ERRORS:
            lines += (platform_error(self.function, request_id, outcome.payload),)
        lines = with_platform_lines(self.function, request_id, seconds, self.peak_memory_bytes, lines)
        return Outcome(outcome.payload, outcome.is_error, lines)

    def kill(self) -> None:
        """End the process at once; a caller that waits for it learns that it exited."""
        # Before the process ends, so that it is not taken for a worker that is free.
        self._ended.set()
        if self._process is not None:
            # Once it has ended, Linux does not know its memory any more.
            self._note_memory()
            self._process.kill()

    def report(self) -> WorkerReport:
        self._note_memory()
        return WorkerReport(
            self.function.name,
            self.function.region,
            self.pid,
            self.busy,
            self.invocations,
            self.peak_memory_bytes,
            self.event if self.busy else None,
        )

    def _live(self) -> None:
        return_code = 127
        try:
            # -B: on AWS the code lies on a disk that cannot be written to, and no byte code is ever kept beside it.
            python = [sys.executable, "-I", "-S", "-B", "-u"]
            task_root = self._environment["LAMBDA_TASK_ROOT"]
            runtime = self._environment["LAMBDA_RUNTIME_DIR"]
            self._process = subprocess.Popen(
                [*python, lambda_worker.__file__, task_root, runtime, str(os.getpid())],
                env=self._environment,
                cwd=task_root,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
            )
            self._started.set()
            return_code = self._process.wait()
        finally:
            self._ended.set()
            self._started.set()
            # A caller may be waiting for the start or for an answer.
            self._api.answers.put(Exited(return_code))
            self._api.initialised.set()
            self._api.close()

    def _wait_for_answer(self, request_id: str, deadline: float) -> Answer | Exited | None:
        """The answer to this request, or the worker's end, or None at the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            answer = self._api.next_answer(left)
            # An answer without an id is a failure of the start: no request was taken.
            if not isinstance(answer, Answer) or answer.request_id in (request_id, ""):
                return answer
        return None

    def _outcome(self, answer: Answer | Exited | None, request_id: str) -> Outcome:
        if answer is None:
            self.kill()
            message = f"Error: Task timed out after {self.function.timeout_seconds}.00 seconds"
            return failure("Sandbox.Timedout", f"RequestId: {request_id} {message}")
        if isinstance(answer, Exited):
            how = f"exit status {answer.return_code}"
            if answer.return_code < 0:
                number = -answer.return_code
                how = f"signal: {(signal.strsignal(number) or str(number)).lower()}"
            return failure(
                "Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {how}"
            )
        if answer.is_error:
            return Outcome(answer.error(), is_error=True)
        return Outcome(json.loads(answer.body or b"null"))

    def _note_memory(self) -> None:
        self.peak_memory_bytes = max(self.peak_memory_bytes, processes.peak_rss_bytes(self.pid))

    def discard(self) -> None:
        """End the process and remove what it wrote."""
        self.kill()
        if self._process is not None:
            self._process.wait()
        self._output.close()
        self._output_path.unlink(missing_ok=True)


def failure(error_type: str, message: str) -> Outcome:
    """An error that Lambda itself reports."""
    return Outcome({"errorType": error_type, "errorMessage": message}, is_error=True)
