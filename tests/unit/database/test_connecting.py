"""What becomes of a login where the other side is no PostgreSQL server, or not the one that was meant."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from aurora_restore.database.postgresql.adapter import PostgresDatabases
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


@contextmanager
def listener(answer: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[DatabaseEndpoint]:
    """A server that does this with each connection, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if ended.is_set():
                        return
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield DatabaseEndpoint(host, server.getsockname()[1])
        finally:
            ended.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()


def wait_for_the_client_to_leave(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


def hang_up(connection: socket.socket) -> None:
    """Once the request is read: with it unread, closing would reset the connection at times."""
    connection.recv(8)


def refuse_tls(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"N")
    wait_for_the_client_to_leave(connection)


def tls_with(authority: trustme.CA, name: str) -> Callable[[socket.socket], None]:
    """TLS with a certificate for `name`, and silence after it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def answer(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(b"S")
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                wait_for_the_client_to_leave(encrypted)
        except OSError:
            return  # the client turned away

    return answer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def attempt(bundle: Path, endpoint: DatabaseEndpoint) -> LoginAttempt:
    databases = PostgresDatabases(bundle, IMPATIENT_SECONDS, IMPATIENT_SECONDS)
    with pytest.raises(DatabaseUnreachable) as caught:
        databases.set_up_users(endpoint, MASTER, [], False)
    made = databases.log_in(endpoint, MASTER)
    assert made.reason == caught.value.message
    assert made.outcome is LoginOutcome.UNREACHABLE
    assert MASTER.password not in made.reason
    return made


def test_a_certificate_of_another_authority_is_not_trusted(bundle: Path) -> None:
    with listener(tls_with(trustme.CA(), "127.0.0.1")) as endpoint:
        assert "did not verify: unable to get local issuer" in attempt(bundle, endpoint).reason


def test_a_certificate_for_another_host_is_not_trusted(bundle: Path, authority: trustme.CA) -> None:
    with listener(tls_with(authority, "127.0.0.2")) as endpoint:
        assert "did not verify: IP address mismatch" in attempt(bundle, endpoint).reason
    with listener(tls_with(authority, "elsewhere.example"), host="localhost") as endpoint:
        assert "did not verify: Hostname mismatch" in attempt(bundle, endpoint).reason


def test_the_host_that_a_certificate_names_is_found_without_a_word_to_its_server(
    bundle: Path, authority: trustme.CA
) -> None:
    databases = PostgresDatabases(bundle, connect_timeout_seconds=IMPATIENT_SECONDS)
    with listener(tls_with(authority, "elsewhere.example"), host="localhost") as endpoint:
        answer = databases.ask_who_answers(endpoint, MASTER)
    assert answer.kind is EndpointAnswerKind.OTHER_CERTIFICATE
    assert answer.certificate_names == ("elsewhere.example",)

    with listener(tls_with(trustme.CA(), "localhost"), host="localhost") as endpoint:
        answer = databases.ask_who_answers(endpoint, MASTER)
    assert answer.kind is EndpointAnswerKind.NO_ANSWER


def test_a_name_that_dns_does_not_know_is_distinguished_from_a_server_that_does_not_answer(
    bundle: Path,
) -> None:
    endpoint = DatabaseEndpoint("missing.invalid", 5432)
    answer = PostgresDatabases(bundle).ask_who_answers(endpoint, MASTER)
    assert answer.kind is EndpointAnswerKind.UNKNOWN_NAME
    assert "missing.invalid" in answer.reason


def test_a_server_without_tls_gets_no_password(bundle: Path) -> None:
    with listener(refuse_tls) as endpoint:
        assert "does not offer TLS" in attempt(bundle, endpoint).reason


def test_a_server_that_hangs_up_is_unreachable(bundle: Path) -> None:
    with listener(hang_up) as endpoint:
        assert "the server closed the connection" in attempt(bundle, endpoint).reason


def test_a_server_that_is_silent_is_not_waited_for_longer_than_said(
    bundle: Path, authority: trustme.CA
) -> None:
    with listener(wait_for_the_client_to_leave) as endpoint:
        assert "no answer in time" in attempt(bundle, endpoint).reason
    with listener(tls_with(authority, "127.0.0.1")) as endpoint:
        assert "got no answer in time" in attempt(bundle, endpoint).reason


def test_importing_the_adapter_does_not_import_the_driver() -> None:
    program = (
        "import sys, aurora_restore.database.postgresql.adapter;"
        "print(sorted({'pg8000', 'scramp', 'asn1crypto', 'dateutil'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"
