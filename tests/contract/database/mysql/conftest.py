"""A genuine MySQL and a MariaDB; after each test its server is made again what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql, reset
from tests.contract.database.mysql.mysql_servers import restored as as_restored
from tests.contract.database.servers import INSTANCE

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.mysql.running import running_server

ServerOf = Callable[[Kind], RestoredMysql]


@pytest.fixture(scope="session")
def mysql_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """The server of a kind, begun at the first need."""
    begun: dict[Kind, RestoredMysql | EngineError] = {}
    with ExitStack() as stack:

        def find(kind: Kind) -> RestoredMysql:
            if kind not in begun:
                try:
                    directory = tmp_path_factory.mktemp(f"contract on {kind}")
                    settings: dict[str, str | None] = {"report-host": INSTANCE}
                    running = stack.enter_context(running_server(find_or_fetch(kind), directory, settings))
                    begun[kind] = as_restored(running)
                except EngineError as error:
                    begun[kind] = error
            found = begun[kind]
            if isinstance(found, EngineError):
                pytest.skip(f"there is no {kind} server: {found}")
            return found

        yield find


@pytest.fixture(params=list(Kind), ids=str)
def restored(
    request: pytest.FixtureRequest, mysql_of: ServerOf, record_property: Callable[[str, object], None]
) -> Iterator[RestoredMysql]:
    """A server as it is after a restore; what a test does to it is undone."""
    found = mysql_of(request.param)
    record_property("mysql_server", found.words)
    yield found
    reset(found)


@pytest.fixture
def mysql(restored: RestoredMysql) -> RestoredMysql:
    """A genuine MySQL: what MariaDB does not have is left out there, with the reason in the test."""
    if restored.is_mariadb:
        pytest.skip("MariaDB does not have this")
    return restored
