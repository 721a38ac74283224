"""A session with a MySQL server: the one place that knows the driver.

Driver exceptions never leave this room: they may carry statements, and statements carry password verifiers.
"""

from __future__ import annotations

import ssl
import struct
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

from aurora_restore.database import tls
from aurora_restore.database.mysql.quoting import identifier
from aurora_restore.database.mysql.versions import Version
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.passwords import password_problem
from aurora_restore.domain.visible_text import storable

# Error numbers of MySQL's server ("Server Error Message Reference"), and of its clients from 2000 to 2999.
NO_SUCH_TABLE, UNKNOWN_COLUMN, UNKNOWN_VARIABLE, NO_SUCH_PROCEDURE = 1146, 1054, 1193, 1305
SYNTAX_ERROR, NO_SUCH_THREAD, USER_EXISTS, PLUGIN_NOT_LOADED = 1064, 1094, 1396, 1524
TABLE_EXISTS, UNKNOWN_TABLE, DATABASE_EXISTS = 1050, 1051, 1007
# To a database, a command on a table or a column, a privilege by its name, a routine.
_PRIVILEGE_MISSING = frozenset({1044, 1142, 1143, 1227, 1370})

_WRONG_PASSWORD = frozenset({1045})
# An account that asks for no password, is locked (4151: MariaDB), has to change its password first, is blocked after
# failed attempts, or has a plugin that is not loaded; a host that is not let in; TLS or a plugin that is not ours.
_NO_PASSWORD_HELPS = frozenset({1130, 1251, 1524, 1698, 1820, 1862, 2059, 3118, 3159, 3955, 4151})
# User and password are right: the database is not theirs, or is not there; a limit of the account is reached.
_NO_DATABASE = frozenset({1044, 1049})
_LIMITS = frozenset({1203, 1226})
# Deadlock, lock wait, no more connections, going down, interrupted, out of its time, or read only while another
# instance becomes the writer.
_PASSING = frozenset({1040, 1053, 1205, 1213, 1290, 1317, 1836, 1969, 3024})
_GONE = frozenset({1927, 2006, 2013, 2014, 2055, 4031})


class ServerRefused(Exception):
    """The server answered a statement with an error. The text holds the server's words and no statement."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{message} (error {number})")
        self.number = number
        self.words = message

    @property
    def lacks_privilege(self) -> bool:
        return self.number in _PRIVILEGE_MISSING


class LoginRefused(Exception):
    """The server did not accept user and password. `helps_no_password`: no password would be accepted."""

    def __init__(self, message: str, *, helps_no_password: bool = False) -> None:
        super().__init__(message)
        self.helps_no_password = helps_no_password


class DatabaseRefused(Exception):
    """User and password were accepted, and the session was not, for the reason in the server's words."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{message} (error {number})")
        self.is_limit = number in _LIMITS


@dataclass(frozen=True)
class Limits:
    """How long to wait: for each move of connecting, for a lock, for one statement."""

    connect_seconds: float = 10.0
    lock_seconds: float = 30.0
    statement_seconds: float = 120.0

    def settings(self) -> tuple[str, ...]:
        """For a session that manages: what the parameter group or the snapshot brought along has no effect on it.

        No ANSI_QUOTES and no NO_BACKSLASH_ESCAPES: what is quoted means the same everywhere.
        """
        seconds = max(1, round(self.lock_seconds))
        return (
            # As the driver sends it.
            "SET NAMES utf8mb4",
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION time_zone = DEFAULT, "
            f"SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}, "
            # A session that its function has left holds its lock at most so long.
            "SESSION wait_timeout = 600, SESSION autocommit = 1",
        )

    def longest_statement(self, version: Version) -> str:
        """MySQL ends a SELECT that takes longer, MariaDB any statement."""
        if version.is_mariadb:
            return f"SET SESSION max_statement_time = {self.statement_seconds}"
        return f"SET SESSION max_execution_time = {max(1, round(self.statement_seconds * 1000))}"


class Session:
    """An open connection as one user."""

    def __init__(self, driver: Any, connection: Any) -> None:
        self._driver = driver
        self._connection = connection

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        try:
            self._connection.close()
        except (OSError, self._driver.err.Error):
            # The server went first; there is nothing left to close.
            return

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            ServerRefused: the server answered with an error.
            DatabaseBusy: it did, and the error is one that passes.
            DatabaseUnreachable: the connection was lost.
        """
        return self._answer(sql)[1]

    def named_rows(self, sql: str) -> list[dict[str, Any]]:
        """As `rows`, each by the names of its columns: for answers whose columns differ from version to version."""
        names, rows = self._answer(sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _answer(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                return [column[0] for column in cursor.description or ()], list(cursor.fetchall())
        except (OSError, self._driver.err.InterfaceError):
            raise DatabaseUnreachable("The connection to the database server was lost.") from None
        except self._driver.err.MySQLError as error:
            number, message = _said(error)
        raise _refusal(number, message)

    def run(self, sql: str) -> None:
        """Run one statement for its effect. Raises as `rows`."""
        self.rows(sql)

    def value(self, sql: str) -> Any:
        """The first column of the first row. Raises as `rows`."""
        return self.rows(sql)[0][0]

    def variable(self, name: str) -> str | None:
        """A global variable of the server; None where this version does not have it."""
        try:
            value = self.value(f"SELECT @@GLOBAL.{name}")
        except ServerRefused as refused:
            if refused.number != UNKNOWN_VARIABLE:
                raise
            return None
        return "" if value is None else str(value)

    @cached_property
    def version(self) -> Version:
        return Version.of(str(self.value("SELECT VERSION()")))

    @cached_property
    def own_account(self) -> tuple[str, str]:
        """The account that the server found for the login: name and host as it has them."""
        name, _, host = str(self.value("SELECT CURRENT_USER()")).rpartition("@")
        return name, host

    @cached_property
    def client_host(self) -> str:
        """The address from which the server sees this session."""
        return str(self.value("SELECT USER()")).rpartition("@")[2]


@dataclass(frozen=True)
class Server:
    """Where to connect and how; opens sessions."""

    endpoint: DatabaseEndpoint
    context: ssl.SSLContext
    limits: Limits

    def open(self, credentials: Credentials) -> Session:
        """Log in to manage: settings that came along have no effect.

        Raises:
            LoginRefused: user or password is wrong, or the account is locked.
            DatabaseRefused: they are right, and a limit of the account is reached.
            DatabaseBusy: the server takes no connections now.
            DatabaseUnreachable: no answer, or no verified TLS.
        """
        session = self.open_as_users_do(credentials)
        try:
            for statement in self.limits.settings():
                session.run(statement)
            session.run(self.limits.longest_statement(session.version))
        except BaseException:
            session.close()
            raise
        return session

    def open_as_users_do(self, credentials: Credentials, database: str | None = None) -> Session:
        """Log in as the user's programs do, into a database. Raises as `open`."""
        # Here and not above: a Lambda that never talks to MySQL does not pay for importing the driver.
        import pymysql  # noqa: PLC0415

        from aurora_restore.database.mysql import driver  # noqa: PLC0415

        if "\0" in credentials.username:
            raise LoginRefused("the username holds a NUL character")
        if problem := password_problem(credentials.password, MYSQL):
            raise LoginRefused(f"no server takes the password: {problem}")
        plain = tls.reach(self.endpoint, self.limits.connect_seconds)
        connection = driver.Connection(
            host=self.endpoint.host,
            port=self.endpoint.port,
            user=credentials.username,
            password=credentials.password.encode(),
            charset="utf8mb4",
            autocommit=True,
            # With a context the driver goes on over TLS alone: a server that offers none is left at once.
            ssl=self.context,
            auth_plugin_map=driver.CLEAR_TEXT_PLUGINS,
            read_timeout=self.limits.connect_seconds,
            write_timeout=self.limits.connect_seconds,
            program_name="aurora-restore",
            defer_connect=True,
        )
        try:
            connection.connect(plain)
        except driver.ClearTextAsked:
            failure: Exception = LoginRefused(
                "the account asks for the password in clear text, as IAM, PAM and LDAP do, and it was not sent",
                helps_no_password=True,
            )
        except pymysql.err.MySQLError as error:
            failure = self._failure(error)
        except (struct.error, IndexError, ValueError):
            # The driver reads all that arrives as packets, also what another server has sent.
            failure = DatabaseUnreachable(
                f"{self.endpoint.host}:{self.endpoint.port} does not speak MySQL's protocol."
            )
        else:
            # In a session that manages, the server ends a query first; this ends the wait for all else, and for a
            # server that has gone.
            connection.wait_at_most(self.limits.statement_seconds + self.limits.connect_seconds)
            session = Session(pymysql, connection)
            if database is not None:
                _enter(session, database)
            return session
        plain.close()
        raise failure

    def _failure(self, error: Any) -> Exception:
        """What came of a login that failed."""
        number, message = _said(error)
        where = f"{self.endpoint.host}:{self.endpoint.port}"
        original = getattr(error, "original_exception", None)
        if isinstance(original, OSError):
            return tls.tls_failure(self.endpoint, original)
        if number == 2026:
            return DatabaseUnreachable(f"No TLS connection to {where}: the server does not offer TLS.")
        if number in _WRONG_PASSWORD:
            return LoginRefused(message)
        if number in _NO_PASSWORD_HELPS:
            return LoginRefused(message, helps_no_password=True)
        if number in _NO_DATABASE | _LIMITS:
            return DatabaseRefused(number, message)
        if number in _GONE:
            return DatabaseUnreachable(
                f"The connection to {where} broke off, or got no answer in time, at the login."
            )
        return DatabaseBusy(f"{where} took no connection: {message} (error {number}).")


def _enter(session: Session, database: str) -> None:
    """Not in the login itself: no name is quoted there, and a refusal would look like one of the login."""
    try:
        session.run(f"USE {identifier(database)}")
    except ServerRefused as refused:
        session.close()
        raise DatabaseRefused(refused.number, refused.words) from None
    except BaseException:
        session.close()
        raise


def _said(error: Any) -> tuple[int, str]:
    """The server's number and words; the driver's own errors have them too, or a text alone."""
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], storable(str(error.args[1]))
    return 0, storable(str(error.args[0]) if error.args else "no reason given")


def _refusal(number: int, message: str) -> Exception:
    if number in _GONE:
        return DatabaseUnreachable("The connection to the database server was lost.")
    if number in _PASSING:
        return DatabaseBusy(f"The database server is busy or going down: {message} (error {number}).")
    if number == SYNTAX_ERROR:
        # The server's words hold a piece of the statement, which can be a verifier.
        message = "the server does not understand a statement of the pipeline"
    return ServerRefused(number, message)
