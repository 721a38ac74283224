"""A genuine MySQL and a MariaDB; after each test its server is made again what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql, mariadb, of_engine, reset
from tests.contract.database.servers import INSTANCE
from tests.support import engine_summary
from tests.support.mysql import found

from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.mysql.running import running_server

ServerOf = Callable[[Kind], RestoredMysql]


@pytest.fixture(scope="session")
def mysql_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """The server of a kind that can be had, begun at the first need."""
    begun: dict[Kind, RestoredMysql] = {}
    with ExitStack() as stack:

        def find(kind: Kind) -> RestoredMysql:
            if kind not in begun:
                directory = tmp_path_factory.mktemp(f"contract on {kind}")
                installation = found(kind)
                if isinstance(installation, str):
                    raise AssertionError(installation)
                if kind is Kind.MYSQL:
                    engine = MysqlEngine(directory, find=lambda: installation)
                    stack.callback(engine.close)
                    begun[kind] = of_engine(engine, directory / "mysql" / "rdsadmin_password")
                else:
                    running = running_server(installation, directory, {"report-host": INSTANCE})
                    begun[kind] = mariadb(stack.enter_context(running))
            return begun[kind]

        yield find


@pytest.fixture(params=list(Kind), ids=str)
def restored(
    request: pytest.FixtureRequest, mysql_of: ServerOf, record_property: Callable[[str, object], None]
) -> Iterator[RestoredMysql]:
    """A server as it is after a restore; what a test does to it is undone."""
    why = found(request.param)
    if isinstance(why, str):
        record_property(engine_summary.ABSENT, why)
        pytest.skip(f"there is no {request.param} server")
    server = mysql_of(request.param)
    record_property(engine_summary.SERVER, f"{server.words}, users and what came along")
    yield server
    reset(server)


@pytest.fixture
def mysql(restored: RestoredMysql) -> RestoredMysql:
    """A genuine MySQL: what MariaDB does not have is left out there, with the reason in the test."""
    if restored.is_mariadb:
        pytest.skip("MariaDB does not have this")
    return restored
