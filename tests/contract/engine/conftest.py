"""One engine with one seeded cluster for all tests; what a test changes for good it does to a cluster of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from pg8000.native import Connection

from aurora_restore.demo import seed_data
from aurora_restore.demo.facts import APPLICATION_LOGIN, REPORTING_LOGIN
from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.engines.postgresql.admin import connection
from local_aurora.engines.postgresql.engine import PostgresEngine

MASTER = PasswordLogin("postgres", "Pr0duction'master")
APPLICATION = PasswordLogin(APPLICATION_LOGIN, "Pr0duction-application")
REPORTING = PasswordLogin(REPORTING_LOGIN, "Pr0duction-reporting")
FIRST_DAY, SNAPSHOT_DAY, LATER_DAY = date(2023, 6, 1), date(2023, 6, 15), date(2023, 6, 16)
_PLENTY_BYTES = 4 << 30
SNAPSHOT_ID = "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:production-2023-06-15-06-10"


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    engine: PostgresEngine
    cluster_id: str
    endpoint: ServerAddress

    def session(self, login: Login = MASTER, database: str = "shop") -> AbstractContextManager[Connection]:
        return connection(self.endpoint, login, database, self.engine.ca_bundle_path)


def new_cluster(engine: PostgresEngine, cluster_id: str) -> Cluster:
    engine.create_cluster(cluster_id, MASTER, "shop")
    return Cluster(engine, cluster_id, engine.start_cluster(cluster_id, None))


def restored_cluster(engine: PostgresEngine, snapshot_id: str, cluster_id: str) -> Cluster:
    engine.restore_snapshot(snapshot_id, cluster_id)
    return Cluster(engine, cluster_id, engine.start_cluster(cluster_id, None))


@contextmanager
def passing_directory(directory: Path) -> Iterator[Path]:
    """Removed afterwards: what a database server writes is large, and may be in memory."""
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def roomy_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where there is plenty: a cluster is 1,500 files, and some disks are slow with files."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a directory of our own in it
    in_memory = memory.is_dir() and shutil.disk_usage(memory).free > _PLENTY_BYTES
    parent = memory if in_memory else tmp_path_factory.getbasetemp()
    directory = Path(tempfile.mkdtemp(prefix="aurora restore test ", dir=parent))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def engine(roomy_directory: Path) -> Iterator[PostgresEngine]:
    made = PostgresEngine(roomy_directory / "state of the engine")
    yield made
    made.close()


@pytest.fixture(scope="session")
def production(engine: PostgresEngine) -> Cluster:
    """The shop up to the snapshot's day, the snapshot, and orders of the day after."""
    cluster = new_cluster(engine, "cluster-PRODUCTION")
    with cluster.session() as session:
        seed_data.create_schema(session)
        seed_data.create_logins(session, APPLICATION.password, REPORTING.password)
        seed_data.add_days(session, FIRST_DAY, SNAPSHOT_DAY)
    engine.take_snapshot(cluster.cluster_id, SNAPSHOT_ID)
    with cluster.session() as session:
        seed_data.write_later_orders(session, 40, LATER_DAY)
    return cluster


@pytest.fixture(scope="session")
def restored(engine: PostgresEngine, production: Cluster) -> Cluster:
    return restored_cluster(engine, SNAPSHOT_ID, "cluster-RESTORED")


@pytest.fixture(scope="session")
def idle_state(roomy_directory: Path) -> Path:
    """The directory of a closed engine that has the cluster `idle`: tests open it one after the other."""
    directory = roomy_directory / "idle state"
    engine = PostgresEngine(directory)
    engine.create_cluster("idle", MASTER, "shop")
    engine.close()
    return directory


@pytest.fixture
def own_cluster(
    engine: PostgresEngine, production: Cluster, request: pytest.FixtureRequest
) -> Iterator[Cluster]:
    """A copy of production for one test."""
    cluster = restored_cluster(engine, SNAPSHOT_ID, f"cluster of {request.node.name}")
    yield cluster
    # Not deleted: ext4 is slow at making files soon after it removed many.
    engine.stop_cluster(cluster.cluster_id)
