"""A cluster of its own for each test about what came along: what is tried there stays, and would disturb others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.contract.database.servers import INSTANCE, MASTER, RestoredCluster

from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.domain.came_along import Finding, Kind
from aurora_restore.domain.defusing import Fuse, Refusal, Survey
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engine import ServerFace
from local_aurora.engines.postgresql.engine import PostgresEngine

_BASE, _SNAPSHOT, _COPY = "cluster-BASE", "snapshot-of-base", "cluster-COPY"

CRON = (
    "CREATE SCHEMA cron",
    "CREATE TABLE cron.job (jobid bigserial PRIMARY KEY, schedule text, command text, nodename text, nodeport int,"
    " database text, username text, active boolean DEFAULT true, jobname text)",
    "GRANT USAGE ON SCHEMA cron TO master",
    "GRANT SELECT, UPDATE ON cron.job TO master",
)
"""What pg_cron makes, as far as it is a table. RDS lets the master change the jobs."""

NIGHTLY = (
    "INSERT INTO cron.job (schedule, command, database, username, jobname)"
    " VALUES ('0 3 * * *', 'SELECT send_invoices()', 'shop', 'shop_app', 'invoices')"
)

SUBSCRIBE = (
    "CREATE SUBSCRIPTION {} CONNECTION 'host=127.0.0.1 port=1 dbname=shop user=replicator password=Repl-Secret-4711'"
    " PUBLICATION everything WITH (connect = false, slot_name = 'production_slot')"
)


def base(engine: PostgresEngine, superuser: Credentials) -> None:
    """A snapshot of a cluster with logical WAL, the database shop and production's login."""
    if _SNAPSHOT in engine.snapshot_ids():
        return
    engine.create_cluster(_BASE, MASTER, "shop")
    cluster = _cluster(engine, _BASE, superuser)
    cluster.run(
        "ALTER SYSTEM SET wal_level = logical",
        "ALTER SYSTEM SET max_prepared_transactions = 5",
        login=superuser,
        database="postgres",
    )
    cluster.run(
        "CREATE ROLE shop_app LOGIN PASSWORD 'Production-secret-4711'",
        "GRANT CREATE ON DATABASE shop TO shop_app",
        "GRANT pg_create_subscription TO master",
    )
    engine.stop_cluster(_BASE)
    engine.take_snapshot(_BASE, _SNAPSHOT)


def copies(engine: PostgresEngine, superuser_password_file: Path) -> Iterator[RestoredCluster]:
    superuser = Credentials("rdsadmin", superuser_password_file.read_text())
    base(engine, superuser)
    engine.restore_snapshot(_SNAPSHOT, _COPY)
    yield _cluster(engine, _COPY, superuser)
    engine.stop_cluster(_COPY)
    engine.delete_cluster(_COPY)


def _cluster(engine: PostgresEngine, cluster_id: str, superuser: Credentials) -> RestoredCluster:
    address = engine.start_cluster(cluster_id, None, ServerFace((), INSTANCE))
    endpoint = DatabaseEndpoint(address.host, address.port)
    return RestoredCluster(PostgresDatabases(engine.ca_bundle_path), endpoint, engine, cluster_id, superuser)


def as_superuser(cluster: RestoredCluster, *statements: str, database: str = "shop") -> list[list[object]]:
    return cluster.run(*statements, login=cluster.superuser, database=database)


def survey(cluster: RestoredCluster) -> Survey:
    return cluster.databases.survey_copy(cluster.endpoint, MASTER)


def of_kind(cluster: RestoredCluster, kind: Kind) -> list[Finding]:
    return [finding for finding in survey(cluster).came_along.found if finding.kind is kind]


def fuses(cluster: RestoredCluster, kind: Kind) -> list[Fuse]:
    return [fuse for fuse in survey(cluster).fuses if fuse.kind is kind]


def defuse(cluster: RestoredCluster, kind: Kind) -> list[Refusal]:
    """Take out what a survey finds of a kind."""
    return list(cluster.databases.defuse(cluster.endpoint, MASTER, fuses(cluster, kind)).refusals)


def take_back(cluster: RestoredCluster, fuse: Fuse, login: Credentials = MASTER) -> None:
    cluster.run(*fuse.take_back, login=login, database=fuse.database)
