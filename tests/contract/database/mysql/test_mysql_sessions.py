"""A session that manages, on genuine servers: what ends a statement, and how a refusal is reported."""

from __future__ import annotations

import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql
from tests.contract.database.servers import MASTER

from aurora_restore.database import tls
from aurora_restore.database.mysql.session import SYNTAX_ERROR, Limits, Server, ServerRefused
from aurora_restore.domain.errors import DatabaseBusy

pytestmark = pytest.mark.file_one_day_in(7, 6)


def server(cluster: RestoredMysql, limits: Limits) -> Server:
    return Server(cluster.endpoint, tls.verifying_context(cluster.ca_bundle), limits)


def test_the_server_ends_a_statement_that_takes_too_long(restored: RestoredMysql) -> None:
    columns = ", ".join(f"information_schema.COLUMNS c{number}" for number in range(4))
    with (
        server(restored, Limits(statement_seconds=0.5)).open(MASTER) as session,
        pytest.raises(DatabaseBusy),
    ):
        session.rows(f"SELECT COUNT(*) FROM {columns}")  # noqa: S608 - constants


def test_a_statement_that_the_server_does_not_understand_is_not_reported(restored: RestoredMysql) -> None:
    with server(restored, Limits()).open(MASTER) as session, pytest.raises(ServerRefused) as caught:
        session.run("ALTER USER ann IDENTIFIED WITH x AS AS '*2470C0C06DEE42FD'")
    assert caught.value.number == SYNTAX_ERROR
    assert "2470C0" not in str(caught.value)
