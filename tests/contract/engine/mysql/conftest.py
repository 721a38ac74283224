"""One MySQL engine with one cluster for all tests of what only MySQL has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymysql.connections import Connection
from tests.contract.engine.conftest import passing_directory
from tests.support import engine_summary, mysql

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.mysql.admin import connection
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.install import Installation, Kind

MASTER = PasswordLogin("admin", "Pr0duction'master\\")


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    engine: MysqlEngine
    cluster_id: str
    endpoint: ServerAddress

    def session(
        self, login: Login = MASTER, database: str | None = "shop"
    ) -> AbstractContextManager[Connection]:
        return connection(self.endpoint, login, database, self.engine.ca_bundle_path)

    def restarted(self, **parameters: str) -> Cluster:
        """The same with these parameters of its group."""
        self.engine.stop_cluster(self.cluster_id)
        face = ServerFace((), "writer-1", tuple(parameters.items()))
        return Cluster(self.engine, self.cluster_id, self.engine.start_cluster(self.cluster_id, None, face))

    @property
    def amazons(self) -> PasswordLogin:
        home = self.engine.ca_bundle_path.parent.parent
        return PasswordLogin("rdsadmin", (home / "rdsadmin_password").read_text())


@pytest.fixture
def installation(record_property: Any) -> Installation:
    """A genuine MySQL; where none can be had the test is skipped, and the summary says why."""
    return had(Kind.MYSQL, record_property)


def had(kind: Kind, record_property: Any) -> Installation:
    found = mysql.found(kind)
    if isinstance(found, str):
        record_property(engine_summary.ABSENT, found)
        pytest.skip(f"no {kind} server can be had here")
    record_property(engine_summary.SERVER, f"{kind} {found.version}, itself")
    return found


@pytest.fixture(scope="module")
def mysql_engine(roomy_directory: Path) -> Iterator[MysqlEngine]:
    with passing_directory(roomy_directory / "mysql of its own") as directory:
        engine = MysqlEngine(directory)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def _shop(mysql_engine: MysqlEngine) -> None:
    mysql_engine.create_cluster("shop", MASTER, "shop", 8)


@pytest.fixture
def cluster(installation: Installation, mysql_engine: MysqlEngine, request: pytest.FixtureRequest) -> Cluster:
    request.getfixturevalue("_shop")
    face = ServerFace((), "writer-1")
    return Cluster(mysql_engine, "shop", mysql_engine.start_cluster("shop", None, face))
