"""One engine and one cluster for all tests here; after each it is made again what it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.database.copies import copies
from tests.contract.database.servers import Restored, RestoredCluster, in_memory, real, reset

from aurora_restore.local.aurora.postgres import PostgresEngine


@pytest.fixture(scope="session")
def engine_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine of the database contract")


@pytest.fixture(scope="session")
def engine(engine_directory: Path) -> Iterator[PostgresEngine]:
    made = PostgresEngine(engine_directory)
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_cluster(engine: PostgresEngine, engine_directory: Path) -> RestoredCluster:
    return real(engine, engine_directory / "postgres" / "rdsadmin_password")


@pytest.fixture
def cluster(shared_cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    """A real server as it stands after a restore; what a test does to it is undone."""
    yield shared_cluster
    reset(shared_cluster, fresh_shop=True)


@pytest.fixture(params=["in memory", "real"])
def restored(request: pytest.FixtureRequest) -> Iterator[Restored]:
    """Each test of the contract runs against both; none of them makes objects of its own."""
    if request.param == "in memory":
        yield in_memory()
        return
    cluster: RestoredCluster = request.getfixturevalue("shared_cluster")
    yield cluster
    reset(cluster, fresh_shop=False)


@pytest.fixture
def copy(engine: PostgresEngine, engine_directory: Path) -> Iterator[RestoredCluster]:
    """A restored cluster for one test, with logical WAL."""
    yield from copies(engine, engine_directory / "postgres" / "rdsadmin_password")
