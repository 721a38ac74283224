"""A session with a PostgreSQL server: the one place that knows the driver.

Driver exceptions never leave this room: they may carry statements, and statements carry password verifiers.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aurora_restore.database import tls
from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint

INSUFFICIENT_PRIVILEGE = "42501"
DATABASE_NOT_FOUND = "3D000"
DUPLICATE_OBJECT = "42710"

# Wrong password; no such role, NOLOGIN, or no matching line in pg_hba.conf.
_LOGIN_REFUSED = frozenset({"28P01", "28000"})
# Classes of SQLSTATE that a repetition can mend: connection lost, rollback by conflict, resources short,
# lock not available, server shutting down or a statement cancelled by its time limit.
_TRANSIENT_CLASSES = ("08", "40", "53", "55P03", "57")

# An internal error by its SQLSTATE: two sessions changed the same role or the same privileges.
_CONCURRENT_UPDATE = "tuple concurrently"


# Every cluster is born with both; a customer may drop the first, nobody the second.
MAINTENANCE_DATABASES = ("postgres", "template1")


class ServerRefused(Exception):
    """The server answered a statement with an error. The text holds the server's words and no statement."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate


class LoginRefused(Exception):
    """The server did not accept user and password; `sqlstate` says for which of the two kinds of reason."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseRefused(Exception):
    """User and password were accepted, but not for this database: it is not there, or CONNECT is missing."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Limits:
    """How long to wait: for each move of connecting, for a lock, for one statement."""

    connect_seconds: float = 10.0
    lock_seconds: float = 30.0
    statement_seconds: float = 120.0

    def startup_parameters(self) -> dict[str, str]:
        # Set at the start they outrank what the snapshot brought along for the role or the database. A fixed
        # search path keeps a function of the restored data from standing in for one of the system's.
        return {
            "search_path": "pg_catalog",
            "client_encoding": "UTF8",
            "default_transaction_read_only": "off",
            "statement_timeout": str(round(self.statement_seconds * 1000)),
            "lock_timeout": str(round(self.lock_seconds * 1000)),
        }


class _StartupUser(bytes):
    """The user in the startup message, and a placeholder where the driver makes SCRAM's user name of it.

    The server takes the name from the first and ignores the second (the JDBC driver sends `*` there too), while
    SCRAM's own rules for names would refuse some that PostgreSQL has.
    """

    def decode(self, *_: Any, **__: Any) -> str:
        return "*"


class Session:
    """An open connection as one user to one database."""

    def __init__(self, driver: Any, connection: Any, database: str) -> None:
        self._driver = driver
        self._connection = connection
        self.database = database

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        try:
            self._connection.close()
        except (OSError, self._driver.InterfaceError):
            # The server went first; there is nothing left to close.
            return

    def rows(self, sql: str, **values: Any) -> list[list[Any]]:
        """Run one statement and return its rows; `:name` in it stands for a value that is sent apart from it.

        Raises:
            ServerRefused: the server answered with an error.
            DatabaseUnreachable: the connection was lost, or the error is one that passes.
        """
        try:
            return self._connection.run(sql, **values) or []
        except self._driver.DatabaseError as error:
            fields = error.args[0]
        except (OSError, self._driver.InterfaceError):
            raise DatabaseUnreachable(f"The connection to database {self.database} was lost.") from None
        raise _refusal(fields, self.database)

    def run(self, sql: str) -> None:
        """Run one statement for its effect; statements about roles take no values. Raises as `rows`."""
        self.rows(sql)

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row. Raises as `rows`."""
        return self.rows(sql, **values)[0][0]

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """All that is done inside takes effect together; with `keep=False` nothing of it does."""
        self.run("BEGIN")
        try:
            yield
        except ServerRefused:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT" if keep else "ROLLBACK")

    def refusal(self, sql: str) -> ServerRefused | None:
        """Try a statement inside a transaction: None, or the refusal, after which the transaction goes on."""
        self.run("SAVEPOINT attempt")
        try:
            self.run(sql)
        except ServerRefused as refused:
            self.run("ROLLBACK TO SAVEPOINT attempt")
            return refused
        self.run("RELEASE SAVEPOINT attempt")
        return None


@dataclass(frozen=True)
class Server:
    """Where to connect and how; opens sessions."""

    endpoint: DatabaseEndpoint
    context: ssl.SSLContext
    limits: Limits

    def open(self, credentials: Credentials, database: str) -> Session:
        """Log in.

        Raises:
            LoginRefused: user or password is wrong, or the user may not log in.
            DatabaseRefused: they are right, but this database is missing or closed to the user.
            DatabaseUnreachable: no answer, no verified TLS, or the server takes no connections now.
        """
        # Here and not above: a Lambda that never talks to a database does not pay for importing the driver.
        import scramp  # noqa: PLC0415
        from pg8000 import native  # noqa: PLC0415

        if "\0" in credentials.username:
            raise LoginRefused("the username holds a NUL character")
        sock = tls.connect(self.endpoint, self.context, self.limits.connect_seconds)
        try:
            connection = native.Connection(
                _StartupUser(credentials.username.encode()),
                host=self.endpoint.host,
                port=self.endpoint.port,
                password=credentials.password,
                database=database,
                sock=sock,
                ssl_context=False,  # the socket speaks verified TLS already
                application_name="aurora-restore",
                startup_params=self.limits.startup_parameters(),
            )
        except native.DatabaseError as error:
            failure: Exception = _login_failure(error.args[0], self.endpoint, database)
        except (OSError, native.InterfaceError) as error:
            failure = self._interrupted(error, native.DatabaseError, database)
        except scramp.ScramException:
            failure = LoginRefused(
                "the SCRAM exchange failed: the password or the server's proof is not valid"
            )
        else:
            # The server ends a statement first; this ends the wait for a server that has gone.
            sock.settimeout(self.limits.statement_seconds + self.limits.connect_seconds)
            return Session(native, connection, database)
        sock.close()
        raise failure

    def _interrupted(self, error: Exception, database_error: type[Exception], database: str) -> Exception:
        """The driver says good-bye after a refusal; where the server has hung up, that hides the refusal."""
        if isinstance(error.__context__, database_error):
            return _login_failure(error.__context__.args[0], self.endpoint, database)
        where = f"{self.endpoint.host}:{self.endpoint.port}"
        return DatabaseUnreachable(
            f"The connection to {where} broke off, or got no answer in time, at the login."
        )


def _login_failure(fields: dict[str, str], endpoint: DatabaseEndpoint, database: str) -> Exception:
    sqlstate, message = fields.get("C", ""), fields.get("M", "no reason given")
    if sqlstate in _LOGIN_REFUSED:
        return LoginRefused(message, sqlstate)
    if sqlstate in (INSUFFICIENT_PRIVILEGE, DATABASE_NOT_FOUND):
        return DatabaseRefused(sqlstate, message)
    return DatabaseUnreachable(
        f"{endpoint.host}:{endpoint.port} took no connection to database {database}: {message} (SQLSTATE {sqlstate})."
    )


def _refusal(fields: dict[str, str], database: str) -> Exception:
    sqlstate, message = fields.get("C", ""), fields.get("M", "no reason given")
    if sqlstate.startswith(_TRANSIENT_CLASSES) or message.startswith(_CONCURRENT_UPDATE):
        return DatabaseUnreachable(
            f"Database {database} is busy or going down: {message} (SQLSTATE {sqlstate})."
        )
    return ServerRefused(sqlstate, message)
