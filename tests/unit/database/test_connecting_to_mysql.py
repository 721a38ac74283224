"""What becomes of a login where the other side is no MySQL server, or not the one that was meant."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from aurora_restore.database.mysql.adapter import MysqlDatabases
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    EndpointAnswerKind,
    LoginAttempt,
    LoginOutcome,
)

MASTER = Credentials("master", "Master-secret-4711")
IMPATIENT_SECONDS = 0.3
_SSL, _OTHERS = 0x800, 0x00088200
_AUTH_SWITCH, _ERROR = 0xFE, 0xFF


class FakeServer:
    """Greets as MySQL does; `received` is all that a client said to it, before TLS and within it."""

    def __init__(self, context: ssl.SSLContext | None, then: Callable[[socket.socket], None]) -> None:
        self._context = context
        self._then = then
        self.received = b""

    def answer(self, connection: socket.socket) -> None:
        flags = _OTHERS | (_SSL if self._context else 0)
        send(connection, 0, greeting(flags))
        if self._context is None:
            self._listen(connection)
            return
        self.received += connection.recv(36)
        try:
            with self._context.wrap_socket(connection, server_side=True) as encrypted:
                self._then(encrypted)
                self._listen(encrypted)
        except OSError:
            return  # the client turned away

    def _listen(self, connection: socket.socket) -> None:
        while more := connection.recv(1024):
            self.received += more


def greeting(flags: int) -> bytes:
    lower, upper = flags & 0xFFFF, flags >> 16
    begin = b"\x0a8.0.39\0" + struct.pack("<I8sxHBHHB10x", 7, b"saltsalt", lower, 45, 2, upper, 21)
    return begin + b"saltsaltsalt\0caching_sha2_password\0"


def send(connection: socket.socket, number: int, payload: bytes) -> None:
    connection.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)


def say_nothing(_connection: socket.socket) -> None:
    return


def ask_for_clear_text(connection: socket.socket) -> None:
    connection.recv(1024)
    send(connection, 3, bytes([_AUTH_SWITCH]) + b"mysql_clear_password\0")


@contextmanager
def listening(server: FakeServer, host: str = "127.0.0.1") -> Iterator[DatabaseEndpoint]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if ended.is_set():
                        return
                    server.answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield DatabaseEndpoint(host, listener.getsockname()[1], MYSQL)
        finally:
            ended.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def tls_of(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def attempt(bundle: Path, endpoint: DatabaseEndpoint) -> LoginAttempt:
    databases = MysqlDatabases(bundle, IMPATIENT_SECONDS, IMPATIENT_SECONDS)
    with pytest.raises(DatabaseUnreachable) as caught:
        databases.set_up_users(endpoint, MASTER, [], False)
    made = databases.log_in(endpoint, MASTER)
    assert made.reason == caught.value.message
    assert made.outcome is LoginOutcome.UNREACHABLE
    assert MASTER.password not in made.reason
    return made


def test_nothing_is_said_to_a_server_that_offers_no_tls(bundle: Path) -> None:
    server = FakeServer(None, say_nothing)
    with listening(server) as endpoint:
        assert "does not offer TLS" in attempt(bundle, endpoint).reason
    assert server.received == b""


def test_a_certificate_of_another_authority_is_not_trusted(bundle: Path) -> None:
    server = FakeServer(tls_of(trustme.CA(), "127.0.0.1"), say_nothing)
    with listening(server) as endpoint:
        assert "did not verify: unable to get local issuer" in attempt(bundle, endpoint).reason
    assert b"master" not in server.received


def test_a_certificate_for_another_host_is_not_trusted(bundle: Path, authority: trustme.CA) -> None:
    server = FakeServer(tls_of(authority, "127.0.0.2"), say_nothing)
    with listening(server) as endpoint:
        assert "did not verify: IP address mismatch" in attempt(bundle, endpoint).reason
    server = FakeServer(tls_of(authority, "elsewhere.example"), say_nothing)
    with listening(server, host="localhost") as endpoint:
        assert "did not verify: Hostname mismatch" in attempt(bundle, endpoint).reason
    assert b"master" not in server.received


def test_a_password_is_not_sent_in_clear_text_even_over_verified_tls(
    bundle: Path, authority: trustme.CA
) -> None:
    server = FakeServer(tls_of(authority, "127.0.0.1"), ask_for_clear_text)
    with listening(server) as endpoint:
        made = MysqlDatabases(bundle, IMPATIENT_SECONDS).log_in(endpoint, MASTER)
    assert (made.outcome, made.is_refused_for_no_password) == (LoginOutcome.REFUSED, True)
    assert "clear text" in made.reason
    assert MASTER.password.encode() not in server.received


def test_a_server_that_says_nothing_more_is_given_up(bundle: Path, authority: trustme.CA) -> None:
    server = FakeServer(tls_of(authority, "127.0.0.1"), say_nothing)
    with listening(server) as endpoint:
        assert "got no answer in time" in attempt(bundle, endpoint).reason


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x01\0\0\0\x09"])
def test_what_does_not_speak_the_protocol_is_unreachable(bundle: Path, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = DatabaseEndpoint("127.0.0.1", listener.getsockname()[1], MYSQL)
        databases = MysqlDatabases(bundle, IMPATIENT_SECONDS)
        answer = databases.ask_who_answers(endpoint, MASTER)
        made = databases.log_in(endpoint, MASTER)
        thread.join()
    assert answer.kind is EndpointAnswerKind.NO_ANSWER
    assert made.outcome in (LoginOutcome.UNREACHABLE, LoginOutcome.BUSY)


def test_a_full_server_is_busy(bundle: Path) -> None:
    class Full(FakeServer):
        def answer(self, connection: socket.socket) -> None:
            send(connection, 0, bytes([_ERROR]) + struct.pack("<H", 1040) + b"#08004Too many connections")

    with listening(Full(None, say_nothing)) as endpoint:
        databases = MysqlDatabases(bundle, IMPATIENT_SECONDS)
        assert databases.log_in(endpoint, MASTER).outcome is LoginOutcome.BUSY
        answer = databases.ask_who_answers(endpoint, MASTER)
    assert answer.kind is EndpointAnswerKind.NO_ANSWER
    assert "Too many connections" in answer.reason


def test_the_host_that_a_certificate_names_is_found_without_a_word_to_its_server(
    bundle: Path, authority: trustme.CA
) -> None:
    server = FakeServer(tls_of(authority, "elsewhere.example"), say_nothing)
    with listening(server, host="localhost") as endpoint:
        answer = MysqlDatabases(bundle, IMPATIENT_SECONDS).ask_who_answers(endpoint, MASTER)
    assert answer.kind is EndpointAnswerKind.OTHER_CERTIFICATE
    assert answer.certificate_names == ("elsewhere.example",)
    assert b"master" not in server.received


def test_the_driver_is_imported_when_the_first_connection_is_opened() -> None:
    program = (
        "import sys, aurora_restore.database.mysql.adapter, aurora_restore.database.by_engine;"
        "print([name for name in sys.modules if name.startswith(('pymysql', 'pg8000'))])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
