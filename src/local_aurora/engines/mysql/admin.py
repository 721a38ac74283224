"""Talking to the local MySQL servers, over TLS that is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from pymysql.connections import Connection

from local_aurora.access import Address, Login
from local_aurora.endpoints import address_of
from local_aurora.engines.errors import EngineError
from local_aurora.engines.process import connected_socket
from local_aurora.engines.tls import verified_context

ANSWER_TIMEOUT_SECONDS = 60


@contextmanager
def connection(
    endpoint: Address, login: Login, database: str | None, ca_bundle: Path
) -> Iterator[Connection]:
    """A session in which each statement is a transaction, closed at the end.

    Raises:
        OSError: no server listens.
        pymysql.Error: whatever else.
    """
    session = pymysql.connect(
        host=endpoint.host,
        user=login.username,
        password=login.password.encode(),  # of a text the driver would make latin-1
        database=database,
        ssl=verified_context(ca_bundle),
        read_timeout=ANSWER_TIMEOUT_SECONDS,
        write_timeout=ANSWER_TIMEOUT_SECONDS,
        autocommit=True,
        charset="utf8mb4",
        defer_connect=True,
    )
    session.connect(connected_socket(address_of(endpoint.host), endpoint.port, ANSWER_TIMEOUT_SECONDS))
    try:
        yield session
    finally:
        session.close()


def rows(session: Connection, statement: str) -> list[tuple[Any, ...]]:
    """What a statement returns."""
    with session.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def run_statements(session: Connection, statements: Iterable[str]) -> None:
    """Raises EngineError, without the statement, which can hold a password."""
    with session.cursor() as cursor:
        for statement in statements:
            try:
                cursor.execute(statement)
            except pymysql.Error as error:
                begin = " ".join(statement.split()[:2])
                raise EngineError(f"The local MySQL refused {begin}: {error}") from error
