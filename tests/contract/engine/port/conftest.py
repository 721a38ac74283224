"""The port of the engines, held against a real server of each engine by the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.contract.engine.conftest import passing_directory
from tests.support import engine_summary, mysql

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.catalogue import MYSQL, POSTGRESQL
from local_aurora.engine import ServerFace
from local_aurora.engines.mysql import admin as mysql_admin
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.on_disk import EngineOnDisk
from local_aurora.engines.postgresql import admin as postgresql_admin
from local_aurora.engines.postgresql.engine import PostgresEngine

MASTER = PasswordLogin("master_user", "Pr0duction'master\\")
SNAPSHOT = "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:production-2023-06-15-06-10"
ROWS_AT_THE_SNAPSHOT = 3


class Sql(Protocol):
    def __call__(self, statement: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class Subject:
    """One engine, and how its servers are talked to."""

    name: str

    def new_engine(self, directory: Path) -> EngineOnDisk:
        return PostgresEngine(directory) if self.name == POSTGRESQL else MysqlEngine(directory)

    @contextmanager
    def session(
        self, endpoint: ServerAddress, login: Login, ca_bundle: Path, database: str = "shop"
    ) -> Iterator[Sql]:
        if self.name == POSTGRESQL:
            with postgresql_admin.connection(endpoint, login, database, ca_bundle) as opened:
                yield lambda statement: [tuple(row) for row in opened.run(statement) or []]
        else:
            with mysql_admin.connection(endpoint, login, database, ca_bundle) as opened:
                yield lambda statement: mysql_admin.rows(opened, statement)


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    subject: Subject
    engine: EngineOnDisk
    cluster_id: str
    endpoint: ServerAddress

    @contextmanager
    def session(self, login: Login = MASTER) -> Iterator[Sql]:
        with self.subject.session(self.endpoint, login, self.engine.ca_bundle_path) as sql:
            yield sql


def started(subject: Subject, engine: EngineOnDisk, cluster_id: str, *names: str) -> Cluster:
    face = ServerFace(names, "instance-1")
    return Cluster(subject, engine, cluster_id, engine.start_cluster(cluster_id, None, face))


def restored_cluster(subject: Subject, engine: EngineOnDisk, snapshot_id: str, cluster_id: str) -> Cluster:
    engine.restore_snapshot(snapshot_id, cluster_id)
    return started(subject, engine, cluster_id)


@pytest.fixture(scope="module", params=[POSTGRESQL, MYSQL])
def subject(request: pytest.FixtureRequest) -> Subject:
    return Subject(request.param)


@pytest.fixture(autouse=True)
def _server(subject: Subject, record_property: Any) -> None:
    """Tell the summary which server a test met. Without any MySQL its tests are skipped."""
    if subject.name == MYSQL:
        found = mysql.found(Kind.MYSQL)
        if isinstance(found, str):
            record_property(engine_summary.ABSENT, found)
            pytest.skip("no MySQL server can be had here")


@pytest.fixture(scope="module")
def directory(subject: Subject, roomy_directory: Path) -> Iterator[Path]:
    with passing_directory(roomy_directory / f"port of {subject.name}") as directory:
        yield directory


@pytest.fixture(scope="module")
def engine(subject: Subject, directory: Path) -> Iterator[EngineOnDisk]:
    made = subject.new_engine(directory)
    yield made
    made.close()


@pytest.fixture(scope="module")
def production(subject: Subject, engine: EngineOnDisk) -> Cluster:
    """Three rows, the snapshot, and one row that came later."""
    engine.create_cluster("cluster-PRODUCTION", MASTER, "shop")
    cluster = started(subject, engine, "cluster-PRODUCTION", "production.rds.localhost")
    with cluster.session() as sql:
        sql("CREATE TABLE orders (n integer PRIMARY KEY, customer varchar(40))")
        sql("INSERT INTO orders VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Zoë')")
    engine.take_snapshot(cluster.cluster_id, SNAPSHOT)
    with cluster.session() as sql:
        sql("INSERT INTO orders VALUES (4, 'later')")
    return cluster


@pytest.fixture
def own_cluster(
    subject: Subject, engine: EngineOnDisk, production: Cluster, request: pytest.FixtureRequest
) -> Iterator[Cluster]:
    """A copy of production for one test."""
    cluster = restored_cluster(subject, engine, SNAPSHOT, f"cluster of {request.node.name}")
    yield cluster
    engine.delete_cluster(cluster.cluster_id)


@pytest.fixture(autouse=True)
def _version(subject: Subject, record_property: Any, _server: None, production: Cluster) -> None:
    version = production.engine.server_versions()["cluster-PRODUCTION"]
    record_property(engine_summary.SERVER, f"{subject.name}: {version}")
