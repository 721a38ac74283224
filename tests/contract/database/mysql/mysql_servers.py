"""The MySQL-like servers that the contract of `Databases` is held against, each as Aurora gives it to a customer."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pymysql
from tests.contract.database.servers import INSTANCE, MASTER, PRODUCTION

from aurora_restore.database.mysql.adapter import MysqlDatabases
from aurora_restore.database.mysql.amazon_accounts import is_amazons
from aurora_restore.database.mysql.quoting import account, identifier, literal
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.access import PasswordLogin
from local_aurora.engine import ServerFace
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.running import RunningServer

DATABASES = ("books", "postgres", "shop")
# What the master of Aurora MySQL 2 has (AuroraUserGuide, "Master user account privileges"), but for S3.
_OF_MASTER = (
    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, "
    "DROP, EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, PROCESS, REFERENCES, RELOAD, REPLICATION CLIENT, "
    "REPLICATION SLAVE, SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, UPDATE"
)
# MariaDB has taken SHOW REPLICA STATUS out of REPLICATION CLIENT.
_OF_MARIADB = "SLAVE MONITOR"


@dataclass(frozen=True)
class RestoredMysql:
    """A real one. `superuser` is what no customer of RDS has."""

    endpoint: DatabaseEndpoint
    ca_bundle: Path
    superuser: Credentials
    words: str
    is_mariadb: bool = False

    @cached_property
    def databases(self) -> MysqlDatabases:
        return MysqlDatabases(self.ca_bundle)

    def run(self, *statements: str, login: Credentials = MASTER, database: str | None = None) -> list[Any]:
        """Run statements in one session; the rows of the last."""
        rows: list[Any] = []
        with self.session(login, database) as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    @contextmanager
    def session(self, login: Credentials = MASTER, database: str | None = None) -> Iterator[Any]:
        connection = pymysql.connect(
            host=self.endpoint.host,
            port=self.endpoint.port,
            user=login.username,
            password=login.password.encode(),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl=ssl.create_default_context(cafile=str(self.ca_bundle)),
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def grants_of(self, name: str, host: str = "%") -> list[str]:
        return sorted(str(row[0]) for row in self.run(f"SHOW GRANTS FOR {account(name, host)}"))


def of_engine(engine: MysqlEngine, superuser_password_file: Path) -> RestoredMysql:
    """A cluster of the local Aurora, with a master user as Aurora MySQL 3 has it."""
    engine.create_cluster("cluster-RESTORED", PasswordLogin(MASTER.username, MASTER.password), None)
    address = engine.start_cluster("cluster-RESTORED", None, ServerFace((), INSTANCE))
    version = engine.server_versions()["cluster-RESTORED"]
    cluster = RestoredMysql(
        DatabaseEndpoint(address.host, address.port, MYSQL),
        engine.ca_bundle_path,
        Credentials("rdsadmin", superuser_password_file.read_text()),
        f"MySQL {version}",
    )
    return _prepared(cluster)


def mariadb(running: RunningServer) -> RestoredMysql:
    """A MariaDB in the place of Aurora MySQL 2: its accounts have `mysql_native_password`, and it knows no roles of
    MySQL. Its master has no right to end sessions, and Amazon's procedure for it."""
    administrator = running.administrator
    superuser = Credentials("rdsadmin", administrator.password)
    cluster = RestoredMysql(
        DatabaseEndpoint(running.address.host, running.address.port, MYSQL),
        running.ca_bundle,
        superuser,
        f"MariaDB {running.installation.version}",
        is_mariadb=True,
    )
    master = account(MASTER.username, "%")
    cluster.run(
        f"RENAME USER {account(administrator.username, 'localhost')} TO rdsadmin@localhost",
        f"CREATE USER {master} IDENTIFIED BY {literal(MASTER.password)}",
        f"GRANT {_OF_MASTER}, {_OF_MARIADB} ON *.* TO {master} WITH GRANT OPTION",
        login=Credentials(administrator.username, administrator.password),
    )
    cluster.run("CREATE PROCEDURE mysql.rds_kill(thread BIGINT) KILL thread", login=superuser)
    return _prepared(cluster)


def _prepared(cluster: RestoredMysql) -> RestoredMysql:
    cluster.run("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON", login=cluster.superuser)
    reset(cluster)
    return cluster


def reset(cluster: RestoredMysql) -> None:
    """Make the server what it was at first."""

    def run(*statements: str) -> list[Any]:
        return cluster.run(*statements, login=cluster.superuser)

    for (name,) in run(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"
    ):
        run(f"DROP DATABASE {identifier(str(name))}")
    master = literal(MASTER.username)
    for name, host in run(
        "SELECT User, Host FROM mysql.user"  # noqa: S608 - a constant
        f" WHERE NOT (User = {master} AND Host = '%')"
    ):
        if is_amazons(str(name), str(host)):
            continue
        kind = "ROLE" if cluster.is_mariadb and not host else "USER"
        who = identifier(str(name)) if kind == "ROLE" else account(str(name), str(host))
        run(f"DROP {kind} {who}")
    run(*(f"CREATE DATABASE {name}" for name in DATABASES))
    run(
        f"CREATE USER {account(PRODUCTION.username, '%')} IDENTIFIED BY {literal(PRODUCTION.password)}",
        f"GRANT ALL ON shop.* TO {account(PRODUCTION.username, '%')}",
        "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(40) NOT NULL)",
        "INSERT INTO shop.orders (item) VALUES ('a kettle')",
        "CREATE TABLE shop.notes (note TEXT)",
    )
