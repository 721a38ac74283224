"""The HTTP face on 127.0.0.1: RDS's query protocol, Application Auto Scaling's JSON, a control API at `/_aurora/`."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local_aurora import control, scaling_wire, wire
from local_aurora.errors import ReplyLostError
from local_aurora.model import LocalAurora
from local_aurora.scope import region_of_request

LOOPBACK = "127.0.0.1"
_MAX_BODY_BYTES = 1_000_000
_IDLE_SECONDS = 60
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1  # how soon a stop is noticed
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signed:
    """A request as it arrived, for whom its signature and the caller's permissions concern."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    region: str
    is_for_scaling: bool


Guard = Callable[[Signed, str, Mapping[str, Any]], None]
"""Raises AwsError for a request (with its action and parameters) that the caller has no permission for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    # One packet an answer: unbuffered headers and a delayed ACK would cost 40 ms.
    wbufsize = -1
    server: _HttpServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        self._control()

    def do_PUT(self) -> None:
        self._control()

    def do_DELETE(self) -> None:
        self._control()

    def do_POST(self) -> None:
        if self.path.startswith(control.PREFIX):
            self._control()
            return
        body = self._body()
        if body is None:
            return
        url = f"http://{self.headers.get('Host', '')}"
        region = region_of_request(self.headers.get("Authorization"), url)
        aurora, target = self.server.aurora, self.headers.get(scaling_wire.TARGET_HEADER)
        is_for_scaling = scaling_wire.is_for_scaling(target)
        signed = Signed(self.path, tuple(self.headers.items()), body, region, is_for_scaling)

        def perform(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
            self.server.guard(signed, action, params)
            return (aurora.scale if is_for_scaling else aurora.call)(action, region, params)

        try:
            answer = (
                scaling_wire.answer(target, body, perform) if is_for_scaling else wire.answer(body, perform)
            )
        except ReplyLostError as error:
            # To the client this is what a lost reply is: a connection that ends.
            _log.info("Connection dropped: %s", error)
            self.close_connection = True
            return
        self._send(answer.status, answer.body, answer.content_type)

    def _control(self) -> None:
        body = self._body()
        if body is None:
            return
        status, result = control.respond(self.server.aurora, self.command, self.path, body)
        self._send(status, json.dumps(result).encode(), "application/json")

    def _body(self) -> bytes | None:
        length = int(self.headers.get("Content-Length") or 0)
        # The rest is not read, so that the connection cannot be used any more.
        if length > _MAX_BODY_BYTES:
            self.close_connection = True
            self._send(413, b"", "text/plain")
            return None
        return self.rfile.read(length)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug(format, *args)


def _allow_every_request(_request: Signed, _action: str, _params: Mapping[str, Any]) -> None:
    """Without an IAM beside it the local Aurora allows every request."""


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, aurora: LocalAurora) -> None:
        self.aurora = aurora
        self.guard: Guard = _allow_every_request
        super().__init__((LOOPBACK, port), _Handler)


class AuroraServer:
    """Serves one `LocalAurora` from a thread of the process that starts it; `port` 0 takes a free one.

    Stopping it leaves the model as it is: the maker of the model closes it.
    """

    def __init__(self, aurora: LocalAurora, port: int = 0) -> None:
        self._http = _HttpServer(port, aurora)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_SECONDS,), name="aurora-http", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._http.server_address[1]}"

    def guard_with(self, guard: Guard) -> None:
        """Ask before every request from now on."""
        self._http.guard = guard

    def start(self) -> AuroraServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join(timeout=_STOP_SECONDS)
        self._http.server_close()

    def __enter__(self) -> AuroraServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
