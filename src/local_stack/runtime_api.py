"""The Lambda Runtime API for one worker: how awslambdaric asks for work and hands back what came of it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Invocation:
    request_id: str
    event: bytes
    invoked_function_arn: str
    deadline_epoch_ms: int


@dataclass(frozen=True)
class Answer:
    """What a worker handed back. `request_id` is empty for a failure while it started."""

    request_id: str
    body: bytes
    is_error: bool

    def error(self) -> dict[str, Any]:
        """The error as Lambda shows it: errorType, errorMessage, stackTrace."""
        payload = json.loads(self.body)
        return (
            payload
            if isinstance(payload, dict)
            else {"errorType": "Runtime.Unknown", "errorMessage": str(payload)}
        )


@dataclass(frozen=True)
class Exited:
    """The worker's process ended, by itself or by a signal (then `return_code` is negative)."""

    return_code: int


class RuntimeApi(ThreadingHTTPServer):
    """A server of its own for each worker, as each Lambda execution environment has: the port is the identity."""

    daemon_threads = True
    # Handler threads of a dead worker's `next` wait for nothing that comes: they must not hold up the close.
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Answer | Exited] = queue.SimpleQueue()
        self.initialised = threading.Event()
        threading.Thread(
            target=self.serve_forever, args=(0.2,), name="lambda-runtime-api", daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def next_answer(self, timeout_seconds: float) -> Answer | Exited | None:
        """What the worker says next; None where it says nothing within the time."""
        try:
            return self.answers.get(timeout=max(0.0, timeout_seconds))
        except queue.Empty:
            return None

    def close(self) -> None:
        self.invocations.put(None)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    # Without both, a warm invocation costs 85 ms: small writes wait for the peer's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}/invocation/next":
            self._send(HTTPStatus.NOT_FOUND, b"{}")
            return
        self.server.initialised.set()
        invocation = self.server.invocations.get()
        # The server closes; the worker is killed, and needs no answer.
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_epoch_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_function_arn,
        }
        self._send(HTTPStatus.OK, invocation.event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # An error of the start belongs to no request.
        if self.path == f"{PREFIX}/init/error":
            self.server.answers.put(Answer("", body, is_error=True))
        else:
            request_id, _, what = self.path.removeprefix(f"{PREFIX}/invocation/").partition("/")
            self.server.answers.put(Answer(request_id, body, is_error=what == "error"))
        self._send(HTTPStatus.ACCEPTED, b"{}")

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        # awslambdaric 4.2.2 ends with a segmentation fault where this header is missing.
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: each request would be a line in the stack's log."""


def deadline_after(timeout_seconds: float) -> int:
    """Epoch milliseconds `timeout_seconds` from now."""
    return int((time.time() + timeout_seconds) * 1000)
