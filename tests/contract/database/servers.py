"""The servers that the contract of `Databases` is held against: those in memory, and real ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pg8000.native import Connection, InterfaceError, identifier, literal
from tests.contract.database.older_servers import said_to
from tests.fakes.copies import FakeCopy
from tests.fakes.databases import FakeDatabases, FakeRole, FakeServer
from tests.fakes.fault_injector import FaultInjector
from tests.simulation.databases import SimulatedDatabases
from tests.states_language.scheduler import VirtualClock

from aurora_restore.database import tls
from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.database.postgresql.tls_request import ask_for_tls
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.users import Access, DbUser, DbUserLogin
from aurora_restore.steps.ports import Databases
from local_aurora.engine import ServerFace
from local_aurora.engines.postgresql.engine import PostgresEngine
from local_aurora.engines.postgresql.versions import Installation
from local_aurora.model import LocalAurora

MASTER = Credentials("master", "Master-secret-4711")
INSTANCE = "restored-1"
OWN_SECRET = "Own-secret-4711"
PRODUCTION = Credentials("shop_app", "Production-secret-4711")
NOWHERE = DatabaseEndpoint("127.0.0.1", 1)


class Restored(Protocol):
    """A cluster as it is after a restore: databases postgres, shop and books, and production's login."""

    @property
    def databases(self) -> Databases: ...

    @property
    def endpoint(self) -> DatabaseEndpoint: ...


@dataclass(frozen=True)
class RestoredFake:
    databases: Databases
    endpoint: DatabaseEndpoint


@dataclass(frozen=True)
class RestoredCluster:
    """A real one. `superuser` is what no customer of RDS has."""

    databases: PostgresDatabases
    endpoint: DatabaseEndpoint
    engine: PostgresEngine
    cluster_id: str
    superuser: Credentials

    @cached_property
    def major(self) -> int:
        """The major version of the server."""
        return int(self.engine.server_versions()[self.cluster_id].split(".", maxsplit=1)[0])

    def run(
        self, *statements: str, login: Credentials = MASTER, database: str = "shop"
    ) -> list[list[object]]:
        """Run statements in one session; the rows of the last. An older server gets them in its own words."""
        rows: list[list[object]] = []
        with self.session(login, database) as session:
            for statement in statements:
                rows = session.run(said_to(self.major, statement)) or []
        return rows

    @contextmanager
    def session(self, login: Credentials = MASTER, database: str = "shop") -> Iterator[Connection]:
        sock = tls.connect(self.endpoint, tls.verifying_context(self.engine.ca_bundle_path), 30, ask_for_tls)
        connection = Connection(
            login.username, password=login.password, database=database, sock=sock, ssl_context=False
        )
        try:
            yield connection
        finally:
            with suppress(InterfaceError):  # where a test had the session ended
                connection.close()


class Server:
    """A real server of one version of PostgreSQL, by its engine; the cluster is made at the first need."""

    def __init__(self, directory: Path, installation: Installation) -> None:
        self.directory = directory
        self.engine = PostgresEngine(directory, (installation,))
        self.superuser_password_file = directory / "postgres" / "rdsadmin_password"

    @cached_property
    def cluster(self) -> RestoredCluster:
        return real(self.engine, self.superuser_password_file)

    @cached_property
    def version(self) -> str:
        """What the server itself says."""
        [[said]] = self.cluster.run("SHOW server_version")
        return str(said)


def in_memory() -> RestoredFake:
    """A cluster of a local Aurora without engines."""
    databases, endpoint, _clock = _fake()
    return RestoredFake(databases, endpoint)


def in_simulation() -> RestoredFake:
    """The same as a simulation has it."""
    databases, endpoint, clock = _fake()
    return RestoredFake(SimulatedDatabases(databases, FaultInjector(), clock), endpoint)


def _fake() -> tuple[FakeDatabases, DatabaseEndpoint, VirtualClock]:
    clock = VirtualClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    aurora = LocalAurora(clock)
    aurora.seed.put_cluster("us-west-2", "restored", MASTER, instances={INSTANCE: "db.r5.large"})
    cluster = aurora.world.regions["us-west-2"].clusters["restored"]
    assert cluster.port is not None
    databases = ("books", "postgres", "shop")
    roles = {PRODUCTION.username: FakeRole(PRODUCTION.password)}
    server = FakeServer(databases, roles, FakeCopy(rooms=databases))
    endpoint = DatabaseEndpoint(cluster.host_name("cluster"), cluster.port)
    return FakeDatabases(aurora, lambda _cluster: server), endpoint, clock


def real(engine: PostgresEngine, superuser_password_file: Path) -> RestoredCluster:
    """A new cluster with two schemas in `shop`: `app` of production's own login, `public` of the master."""
    cluster_id = "cluster-RESTORED"
    engine.create_cluster(cluster_id, MASTER, "shop")
    address = engine.start_cluster(cluster_id, None, ServerFace((), INSTANCE))
    endpoint = DatabaseEndpoint(address.host, address.port)
    superuser = Credentials("rdsadmin", superuser_password_file.read_text())
    cluster = RestoredCluster(
        PostgresDatabases(engine.ca_bundle_path), endpoint, engine, cluster_id, superuser
    )
    if cluster.major < 15:  # `public` as it is since: a test about what it was before makes it so
        for database in ("template1", "shop", "postgres"):
            cluster.run(
                "ALTER SCHEMA public OWNER TO pg_database_owner",
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
                login=superuser,
                database=database,
            )
    app = identifier(PRODUCTION.username)
    cluster.run(
        f"CREATE ROLE {app} LOGIN PASSWORD {literal(PRODUCTION.password)}",
        f"GRANT CREATE ON DATABASE shop TO {app}",
        "CREATE DATABASE books",
        "CREATE TABLE public.notes (note text)",
    )
    cluster.run(
        "CREATE SCHEMA app",
        "CREATE TABLE app.orders (id bigserial PRIMARY KEY, item text NOT NULL)",
        "INSERT INTO app.orders (item) VALUES ('a kettle')",
        "CREATE MATERIALIZED VIEW app.totals AS SELECT count(*) FROM app.orders",
        "CREATE FUNCTION app.secret_sum() RETURNS int LANGUAGE sql AS 'SELECT 42'",
        "REVOKE EXECUTE ON FUNCTION app.secret_sum() FROM PUBLIC",
        login=PRODUCTION,
    )
    seed = "CREATE DATABASE seed TEMPLATE shop OWNER master IS_TEMPLATE true"
    cluster.run(seed, login=superuser, database="postgres")
    return cluster


# What every cluster has from the engine; see PostgresEngine.
_OF_THE_ENGINE = (
    "rolname ~ '^pg_' OR rolname IN"
    " ('rdsadmin', 'rds_superuser', 'rds_replication', 'rds_password', 'rds_iam')"
)

_CHANGED_ROLES = (
    f"SELECT rolname FROM pg_roles WHERE NOT ({_OF_THE_ENGINE}) AND rolname <> 'master'"  # noqa: S608 - a constant
    " AND NOT (rolname = 'shop_app' AND rolcanlogin)"
)

_FORGET_ROLES = f"""DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT rolname FROM pg_roles
        WHERE NOT ({_OF_THE_ENGINE}) AND rolname NOT IN ('master', 'shop_app') LOOP
        EXECUTE format('{{}}', name);
    END LOOP; END $$"""  # noqa: S608 - a constant


def reset(cluster: RestoredCluster, *, fresh_shop: bool) -> None:
    """Make the cluster what `real` made; faster than another one. Without `fresh_shop` its objects stay."""

    def run(*statements: str, database: str = "postgres") -> list[list[object]]:
        return cluster.run(*statements, login=cluster.superuser, database=database)

    [[promoted]] = run("SELECT rolcreaterole FROM pg_roles WHERE rolname = 'shop_app'")
    if not fresh_shop and not promoted and run(_CHANGED_ROLES) == []:
        return
    if fresh_shop or promoted:
        run("DROP DATABASE shop WITH (FORCE)", 'DROP DATABASE IF EXISTS "o""dd db" WITH (FORCE)')
    else:
        run(_FORGET_ROLES.format("DROP OWNED BY %I"), database="shop")
    for database in ("books", "postgres"):
        run(_FORGET_ROLES.format("DROP OWNED BY %I"), "DROP OWNED BY shop_app", database=database)
    run(_FORGET_ROLES.format("DROP ROLE %I"))
    if fresh_shop or promoted:
        run("CREATE DATABASE shop TEMPLATE seed OWNER master", "GRANT CREATE ON DATABASE shop TO shop_app")
    run(
        f"ALTER ROLE shop_app LOGIN NOCREATEDB NOCREATEROLE PASSWORD {literal(PRODUCTION.password)}",
        "COMMENT ON ROLE shop_app IS NULL",
        "REVOKE rds_superuser FROM shop_app GRANTED BY master",
        "REVOKE shop_app FROM master GRANTED BY master",
        "ALTER ROLE master RESET ALL",
    )


def login(
    username: str, access: Access = Access.READ_ONLY, password: str = OWN_SECRET, *databases: str
) -> DbUserLogin:
    return DbUserLogin(
        DbUser(username, access, "a-secret", databases=databases), Credentials(username, password)
    )


def iam_login(username: str, access: Access = Access.READ_ONLY) -> DbUserLogin:
    return DbUserLogin(DbUser(username, access, iam=True), None)
