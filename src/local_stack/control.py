"""The control interface of a running local stack, on loopback: reads its state, changes durations, ends workers.

GET  /_local/status                 {"memory": {...}, "processes": [...], ...}
GET  /_local/workers                Lambda workers: function, pid, busy, peak memory
GET  /_local/memory                 the most memory that a worker of each function has had
POST /_local/workers/<pid>/kill     end a worker in the middle of what it does
GET  /_local/durations              how long things take, in seconds
PUT  /_local/durations              change some of them
"""

from __future__ import annotations

import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

CLIENT_TIMEOUT_SECONDS = 30.0
PREFIX = "/_local/"

_log = logging.getLogger(__name__)


class Stack(Protocol):
    """What the control interface acts on."""

    def status(self) -> dict[str, Any]: ...

    def workers(self) -> list[dict[str, Any]]: ...

    def peak_memory_bytes(self) -> dict[str, int]: ...

    def kill_worker(self, pid: int) -> bool: ...

    def durations(self) -> dict[str, float]: ...

    def change_durations(self, changes: dict[str, float]) -> None: ...


class ControlServer(ThreadingHTTPServer):
    """Answers on 127.0.0.1, on a free port."""

    daemon_threads = True

    def __init__(self, stack: Stack, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stack = stack
        threading.Thread(target=self.serve_forever, name="control", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ControlServer
    protocol_version = "HTTP/1.1"
    # One write for a whole answer: small ones wait for the peer's delayed acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        stack = self.server.stack
        reads: dict[str, Callable[[], Any]] = {
            "status": stack.status,
            "workers": stack.workers,
            "memory": stack.peak_memory_bytes,
            "durations": stack.durations,
        }
        self._answer(reads.get(self._resource))

    def do_PUT(self) -> None:
        body = self._body()
        stack = self.server.stack

        def change_durations() -> dict[str, float]:
            stack.change_durations(json.loads(body))
            return stack.durations()

        self._answer(change_durations if self._resource == "durations" else None)

    def do_POST(self) -> None:
        # Read although it is empty: what is left unread would be taken for the next request.
        self._body()
        stack = self.server.stack
        parts = self._resource.split("/")
        if len(parts) == 3 and parts[0] == "workers" and parts[1].isdigit() and parts[2] == "kill":
            pid = int(parts[1])
            self._answer(lambda: {"killed": stack.kill_worker(pid)})
        else:
            self._answer(None)

    @property
    def _resource(self) -> str:
        return self.path.removeprefix(PREFIX) if self.path.startswith(PREFIX) else ""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, act: Callable[[], Any] | None) -> None:
        if act is None:
            self._send(HTTPStatus.NOT_FOUND, {"message": f"There is nothing at {self.path}."})
            return
        try:
            self._send(HTTPStatus.OK, act())
        except ValueError as error:
            self._send(HTTPStatus.BAD_REQUEST, {"message": str(error)})

    def _send(self, status: HTTPStatus, payload: Any) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug(format, *args)


class ControlRefused(Exception):
    """The stack refused what was asked; the text says why."""


@dataclass(frozen=True)
class ControlClient:
    """Asks a running stack.

    Raises, every method:
        ControlRefused: the stack refuses.
        OSError: nothing answers.
    """

    url: str

    def status(self) -> dict[str, Any]:
        return dict(self._request("GET", "status"))

    def workers(self) -> list[dict[str, Any]]:
        return list(self._request("GET", "workers"))

    def peak_memory_bytes(self) -> dict[str, int]:
        return dict(self._request("GET", "memory"))

    def kill_worker(self, pid: int) -> bool:
        return bool(self._request("POST", f"workers/{pid}/kill")["killed"])

    def durations(self) -> dict[str, float]:
        return dict(self._request("GET", "durations"))

    def change_durations(self, **seconds: float) -> dict[str, float]:
        return dict(self._request("PUT", "durations", seconds))

    def _request(self, method: str, resource: str, payload: Any = None) -> Any:
        return ask(f"{self.url}{PREFIX}{resource}", method, payload)


def ask(url: str, method: str, payload: Any = None, timeout_seconds: float = CLIENT_TIMEOUT_SECONDS) -> Any:
    """Ask a control interface on loopback, this one or the local Aurora's, for something in JSON.

    Raises:
        ControlRefused: it refuses.
        OSError: nothing answers.
    """
    data = None if payload is None else json.dumps(payload).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - loopback
    # A proxy of the environment has nothing to do with loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_seconds) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise ControlRefused(json.load(error)["message"]) from None
