"""RDS's calls, with a real MySQL beside a real PostgreSQL behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymysql.connections import Connection

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.engines.errors import EngineBusy, EngineError
from local_aurora.engines.mysql.admin import connection, rows
from local_aurora.engines.mysql.install import Installation
from local_aurora.engines.postgresql.admin import connection as postgresql_connection
from local_aurora.engines.side_by_side import EnginesSideBySide
from local_aurora.model import LocalAurora
from local_aurora.timing import Durations

pytestmark = pytest.mark.file_one_day_in(7, 1)

NO_TIME = Durations(**dict.fromkeys(Durations.__dataclass_fields__, 0.0))
MASTER = PasswordLogin("admin", "Production-master")
NEW = PasswordLogin("admin", "Restored-master")
SOURCE, TARGET = "us-east-1", "us-west-2"


@dataclass(frozen=True)
class Place:
    aurora: LocalAurora
    engines: EnginesSideBySide

    def call(self, action: str, region: str = TARGET, **parameters: Any) -> dict[str, Any]:
        return self.aurora.at_once(action, region, parameters)

    def address(self, name: str, region: str = TARGET) -> ServerAddress:
        with self.aurora.locked() as world:
            cluster = world.regions[region].cluster(name)
            return ServerAddress(cluster.host_name("cluster"), cluster.port or 0)

    def mysql(self, name: str, login: Login, region: str = TARGET) -> AbstractContextManager[Connection]:
        return connection(self.address(name, region), login, "shop", self.engines.ca_bundle_path)


@pytest.fixture
def place(
    installation: Installation, roomy_directory: Path, request: pytest.FixtureRequest
) -> Iterator[Place]:
    directory = roomy_directory / f"whole {request.node.name}"
    directory.mkdir(mode=0o700)
    engines = EnginesSideBySide(directory)
    aurora = LocalAurora(durations=NO_TIME, engine=engines, regions=(SOURCE, TARGET))
    yield Place(aurora, engines)
    aurora.close()


def test_a_mysql_cluster_goes_the_whole_way_beside_a_postgresql_one(place: Place) -> None:
    seed = place.aurora.seed
    seed.put_cluster(
        SOURCE, "production", MASTER, engine="aurora-mysql", instances={"production-1": "db.r5.large"},
        DatabaseName="shop",
    )  # fmt: skip
    seed.put_cluster(SOURCE, "other", MASTER, instances={"other-1": "db.r5.large"}, DatabaseName="shop")
    with place.mysql("production", MASTER, SOURCE) as session:
        rows(session, "CREATE TABLE orders (n integer PRIMARY KEY)")
        rows(session, "INSERT INTO orders VALUES (1), (2)")
    place.call(
        "CreateDBClusterSnapshot", SOURCE, DBClusterIdentifier="production", DBClusterSnapshotIdentifier="dated",
    )  # fmt: skip
    with place.mysql("production", MASTER, SOURCE) as session:
        rows(session, "INSERT INTO orders VALUES (3)")
    [dated] = place.call("DescribeDBClusterSnapshots", SOURCE, DBClusterSnapshotIdentifier="dated")[
        "DBClusterSnapshots"
    ]
    place.call(
        "CopyDBClusterSnapshot",
        SourceDBClusterSnapshotIdentifier=dated["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier="copy",
    )
    seed.put_parameter_group(
        TARGET, "strict", "aurora-mysql8.0", cluster=True,
        values={"require_secure_transport": "ON", "wait_timeout": "77"},
    )  # fmt: skip
    place.call(
        "RestoreDBClusterFromSnapshot", DBClusterIdentifier="restored", SnapshotIdentifier="copy",
        Engine="aurora-mysql", EngineVersion=dated["EngineVersion"], DBClusterParameterGroupName="strict",
    )  # fmt: skip
    seed.put_instance(TARGET, "restored", "restored-1", "db.r5.large")

    with place.mysql("restored", MASTER) as session:
        assert rows(session, "SELECT n FROM orders ORDER BY n") == [(1,), (2,)]
        settings = "SELECT @@require_secure_transport, @@global.wait_timeout, @@report_host"
        assert rows(session, settings) == [(1, 77, "restored-1")]
    place.call("ModifyDBCluster", DBClusterIdentifier="restored", MasterUserPassword=NEW.password)
    with place.mysql("restored", NEW) as session:
        rows(session, "CREATE USER shop_app IDENTIFIED BY 'whatever-else'")
    with pytest.raises(Exception, match="Access denied"), place.mysql("restored", MASTER):
        pass
    with (
        postgresql_connection(
            place.address("other", SOURCE), MASTER, "shop", place.engines.ca_bundle_path
        ) as session,
        place.mysql("production", MASTER, SOURCE) as mysql,
    ):
        assert session.run("SELECT 1") == [[1]]
        assert rows(mysql, "SELECT count(*) FROM orders") == [(3,)]

    place.call("DeleteDBInstance", DBInstanceIdentifier="restored-1")
    place.call("DeleteDBCluster", DBClusterIdentifier="restored", SkipFinalSnapshot=True)
    place.call("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier="copy")
    assert len(place.engines.mysql.cluster_ids()) == 1
    assert len(place.engines.mysql.snapshot_ids()) == 1
    assert len(place.engines.postgresql.cluster_ids()) == 1


def test_without_a_server_a_mysql_cluster_fails_and_a_postgresql_one_works(tmp_path: Path) -> None:
    def none() -> Installation:
        raise EngineError("none is here")

    engines = EnginesSideBySide(tmp_path, none)
    aurora = LocalAurora(durations=NO_TIME, engine=engines, regions=(SOURCE, TARGET))
    try:
        aurora.seed.put_cluster(SOURCE, "works", MASTER, instances={"works-1": "db.r5.large"})
        aurora.seed.put_cluster(SOURCE, "fails", MASTER, engine="aurora-mysql")
        found = aurora.call("DescribeDBClusters", SOURCE, {})["DBClusters"]
        statuses = {cluster["DBClusterIdentifier"]: cluster["Status"] for cluster in found}
        assert statuses == {"works": "available", "fails": "migration-failed"}
    finally:
        aurora.close()


def test_mysqls_part_that_cannot_be_made_leaves_postgresql_at_work(tmp_path: Path) -> None:
    engines = EnginesSideBySide(tmp_path)
    try:
        (tmp_path / "mysql").write_text("in the way")
        with pytest.raises(OSError, match="mysql"):
            _ = engines.mysql
        engines.create_cluster("works", MASTER, "shop")
        assert engines.start_cluster("works", None).port
        with pytest.raises(EngineBusy):
            EnginesSideBySide(tmp_path)
    finally:
        engines.close()
