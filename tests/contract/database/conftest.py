"""Engines of the versions of PostgreSQL that are tried, each with a cluster; after each test it is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.database.copies import copies
from tests.contract.database.servers import Restored, RestoredCluster, Server, in_memory, in_simulation, reset
from tests.support.postgresql import are_named, tried
from tests.support.postgresql_summary import SERVER

from local_aurora.engines.postgresql.engine import PostgresEngine
from local_aurora.engines.postgresql.versions import Installation

IN_MEMORY = {"in memory": in_memory, "in a simulation": in_simulation}
DAYS = 6
"""After how many days every test of the contract has run on the older servers too."""
ServerOf = Callable[[Installation], "Server"]


def _named(tried: object) -> str:
    return f"PostgreSQL {tried.major}" if isinstance(tried, Installation) else str(tried)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Older servers: what takes long and says the same of every version is left out, the rest is shared out over days.

    `make databases` tries the rest whole; so does a run that names the versions.
    """
    older = [item for item in items if not _is_on_newest(item)]
    left_out = {item for item in older if item.get_closest_marker("newest_server")}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    if not are_named():
        for item in older:
            item.add_marker(pytest.mark.one_day_in(DAYS))


def _is_on_newest(item: pytest.Item) -> bool:
    """Or on none."""
    call = getattr(item, "callspec", None)
    servers = [value for value in call.params.values() if isinstance(value, Installation)] if call else []
    return all(server == tried()[-1] for server in servers)


@pytest.fixture(scope="session")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """The server of an installation, begun at the first need. No scope of pytest's keeps two of them at once."""
    begun: dict[Installation, Server] = {}

    def find(installation: Installation) -> Server:
        if installation not in begun:
            begun[installation] = Server(
                tmp_path_factory.mktemp("engine of the database contract"), installation
            )
        return begun[installation]

    yield find
    for server in begun.values():
        server.engine.close()


@pytest.fixture(params=tried(), ids=_named)
def server(
    request: pytest.FixtureRequest,
    server_of: ServerOf,
    record_property: Callable[[str, object], None],
) -> Server:
    """What every test that needs a real server runs on, once for each version."""
    found = server_of(request.param)
    record_property(SERVER, found.version)
    return found


@pytest.fixture
def engine_directory(server: Server) -> Path:
    return server.directory


@pytest.fixture
def engine(server: Server) -> PostgresEngine:
    return server.engine


@pytest.fixture
def shared_cluster(server: Server) -> RestoredCluster:
    return server.cluster


@pytest.fixture
def cluster(shared_cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    """A real server as it is after a restore; what a test does to it is undone."""
    yield shared_cluster
    reset(shared_cluster, fresh_shop=True)


@pytest.fixture(params=[*IN_MEMORY, *tried()], ids=_named)
def restored(
    request: pytest.FixtureRequest,
    server_of: ServerOf,
    record_property: Callable[[str, object], None],
) -> Iterator[Restored]:
    """Each test of the contract runs against all; none of them makes objects of its own."""
    if isinstance(request.param, str):
        yield IN_MEMORY[request.param]()
        return
    found = server_of(request.param)
    record_property(SERVER, found.version)
    yield found.cluster
    reset(found.cluster, fresh_shop=False)


@pytest.fixture
def copy(server: Server) -> Iterator[RestoredCluster]:
    """A restored cluster for one test, with logical WAL."""
    yield from copies(server.engine, server.superuser_password_file)
