"""Talking to the local servers, over TLS that is checked."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native

from local_aurora.access import Address, Login
from local_aurora.endpoints import address_of
from local_aurora.engines.tls import verified_context

ANSWER_TIMEOUT_SECONDS = 60


@contextmanager
def connection(
    endpoint: Address, login: Login, database: str, ca_bundle: Path
) -> Iterator[pg8000.native.Connection]:
    """A session, closed at the end. Raises OSError where no server listens, else pg8000's errors."""
    sock = socket.create_connection((address_of(endpoint.host), endpoint.port), ANSWER_TIMEOUT_SECONDS)
    try:
        # Without this every login waits 40 ms for a delayed acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = pg8000.native.Connection(
            login.username,
            host=endpoint.host,
            database=database,
            password=login.password,
            ssl_context=verified_context(ca_bundle),
            sock=sock,
            application_name="aurora-restore local stack",
        )
    except BaseException:
        sock.close()
        raise
    try:
        yield session
    finally:
        session.close()


def run_statements(session: pg8000.native.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        session.run(statement)
