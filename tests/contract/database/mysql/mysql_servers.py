"""The MySQL-like servers that the contract of `Databases` is held against, each as Aurora gives it to a customer."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pymysql
from tests.contract.database.servers import MASTER, PRODUCTION

from aurora_restore.database.mysql.adapter import MysqlDatabases
from aurora_restore.database.mysql.quoting import account, identifier, literal
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.mysql.running import RunningServer

DATABASES = ("books", "postgres", "shop")
# What the master of Aurora MySQL 2 has (AuroraUserGuide, "Master user account privileges"), but for S3.
_OF_MASTER = (
    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, "
    "DROP, EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, PROCESS, REFERENCES, RELOAD, REPLICATION CLIENT, "
    "REPLICATION SLAVE, SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, UPDATE"
)
# And what version 3 adds; SET_ANY_DEFINER is the name of SET_USER_ID since 8.4.
_SINCE_8 = (
    "APPLICATION_PASSWORD_ADMIN, CONNECTION_ADMIN, ROLE_ADMIN, SET_ANY_DEFINER, SHOW_ROUTINE, XA_RECOVER_ADMIN, "
    "CREATE ROLE, DROP ROLE"
)
# MariaDB has taken SHOW REPLICA STATUS out of REPLICATION CLIENT.
_OF_MARIADB = "SLAVE MONITOR"


@dataclass(frozen=True)
class RestoredMysql:
    """A real one. `superuser` is what no customer of RDS has."""

    running: RunningServer
    superuser: Credentials

    @cached_property
    def databases(self) -> MysqlDatabases:
        return MysqlDatabases(self.running.ca_bundle)

    @property
    def endpoint(self) -> DatabaseEndpoint:
        return DatabaseEndpoint(self.running.address.host, self.running.address.port, MYSQL)

    @property
    def is_mariadb(self) -> bool:
        return self.running.installation.kind is Kind.MARIADB

    @property
    def words(self) -> str:
        return f"{'MariaDB' if self.is_mariadb else 'MySQL'} {self.running.installation.version}"

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
            ssl=ssl.create_default_context(cafile=str(self.running.ca_bundle)),
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def grants_of(self, name: str, host: str = "%") -> list[str]:
        return sorted(str(row[0]) for row in self.run(f"SHOW GRANTS FOR {account(name, host)}"))


def restored(running: RunningServer) -> RestoredMysql:
    """The server with a master as Aurora's, its databases, and production's own account."""
    administrator = running.administrator
    superuser = Credentials("rdsadmin", administrator.password)
    cluster = RestoredMysql(running, superuser)
    cluster.run(
        f"RENAME USER {account(administrator.username, 'localhost')} TO rdsadmin@localhost",
        f"CREATE USER {account(MASTER.username, '%')} IDENTIFIED BY {literal(MASTER.password)}",
        f"GRANT {_OF_MASTER} ON *.* TO {account(MASTER.username, '%')} WITH GRANT OPTION",
        f"GRANT {_OF_MARIADB if cluster.is_mariadb else _SINCE_8} ON *.* TO {account(MASTER.username, '%')}"
        " WITH GRANT OPTION",
        "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON",
        login=Credentials(administrator.username, administrator.password),
    )
    # As Amazon's: its definer may end any session.
    cluster.run("CREATE PROCEDURE mysql.rds_kill(thread BIGINT) KILL thread", login=superuser)
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
    known = "('rdsadmin', 'mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys')"
    for name, host in run(
        f"SELECT User, Host FROM mysql.user WHERE User NOT IN {known}"  # noqa: S608 - constants
        f" AND NOT (User = {master} AND Host = '%')"
    ):
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
