"""A session with a PostgreSQL server: the one place that knows the driver.

Driver exceptions never leave this room: they may carry statements, and statements carry password verifiers.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aurora_restore.database import tls
from aurora_restore.database.postgresql.quoting import by_lookup
from aurora_restore.database.postgresql.tls_request import ask_for_tls
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.passwords import password_problem, prepared
from aurora_restore.domain.visible_text import storable

INSUFFICIENT_PRIVILEGE = "42501"
DATABASE_NOT_FOUND = "3D000"
DUPLICATE_OBJECT = "42710"
TOO_MANY_CONNECTIONS = "53300"
UNKNOWN_PARAMETER = "42704"

# Wrong password; no such role, NOLOGIN, or no matching line in pg_hba.conf.
_LOGIN_REFUSED = frozenset({"28P01", "28000"})
# Classes of SQLSTATE that a repetition can mend: connection lost, rollback by conflict, resources short,
# lock not available, server shutting down or a statement cancelled by its time limit.
_TRANSIENT_CLASSES = ("08", "40", "53", "55P03", "57")
# The same at the login, where 57P04 (a database that is being dropped) is final.
_TRANSIENT_AT_LOGIN = ("08", "40", "53", "55P03", "57014", "57P01", "57P02", "57P03")
# Of those, what ends the session: all that may interrupt a statement of a user's own session.
_SESSION_IS_OVER = ("08", "57P01", "57P02", "57P03")
# Where the server counts connections against a limit that was set for the role or the database: the same
# SQLSTATE as for a server that is full, and the words may be in any language.
_LIMIT_ROUTINES = frozenset({"InitializeSessionUserId", "CheckMyDatabase"})

# Where the SQLSTATE of a missing privilege has another cause: RAISE in a function of the restored data (a trigger that
# refuses DDL, say), and `row_security = off` on a table that has it.
_NOT_A_PRIVILEGE = frozenset({"exec_stmt_raise", "check_enable_rls"})

# An internal error by its SQLSTATE: two sessions changed the same role or the same privileges.
_CONCURRENT_UPDATE = "tuple concurrently"

# A session that was just closed counts for a moment longer.
_LIMIT_PATIENCE_SECONDS = 2.0
_LIMIT_PAUSE_SECONDS = 0.1

# Every cluster is born with both; a customer may drop the first, but not the second.
MAINTENANCE_DATABASES = ("postgres", "template1")


class ServerRefused(Exception):
    """The server answered a statement with an error. The text holds the server's words and no statement.

    `lacks_privilege`: the server itself found that a privilege is missing.
    """

    def __init__(self, sqlstate: str, message: str, *, lacks_privilege: bool = False) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate
        self.lacks_privilege = lacks_privilege


class LoginRefused(Exception):
    """The server did not accept user and password; `sqlstate` says for which of the two kinds of reason."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseRefused(Exception):
    """User and password were accepted, but this database does not let the user in. The reason is in the server's words:
    it does not exist or is closed, CONNECT is missing, a limit is reached, a trigger at the login refuses."""

    def __init__(
        self, sqlstate: str, message: str, *, is_limit: bool = False, lacks_privilege: bool = False
    ) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate
        self.is_limit = is_limit
        self.lacks_privilege = lacks_privilege


@dataclass(frozen=True)
class Limits:
    """How long to wait: for each move of connecting, for a lock, for one statement."""

    connect_seconds: float = 10.0
    lock_seconds: float = 30.0
    statement_seconds: float = 120.0

    def startup_parameters(self) -> dict[str, str]:
        """For a session that manages: set at the start they outrank what the snapshot brought along for the role or
        the database. A fixed search path keeps a function of the restored data from replacing the system's.
        """
        return _BYTES_AS_THEY_ARE | {
            "role": "none",
            "search_path": "pg_catalog",
            "default_transaction_read_only": "off",
            "default_transaction_isolation": "read committed",
            "idle_in_transaction_session_timeout": "0",
            "quote_all_identifiers": "off",
            "client_min_messages": "warning",
            "row_security": "on",
            "standard_conforming_strings": "on",
            "statement_timeout": str(round(self.statement_seconds * 1000)),
            "lock_timeout": str(round(self.lock_seconds * 1000)),
        }


# The server converts nothing, so that a name comes and goes as the bytes that it is.
_BYTES_AS_THEY_ARE = {"client_encoding": "SQL_ASCII"}
# Times that would end a session of ours, by the version that knows them: 14 and 17. An older server refuses the login.
_NEWER_TIMES = ("idle_session_timeout", "transaction_timeout")

# PostgreSQL's names of encodings that Python calls otherwise.
_PYTHON_ENCODINGS = {f"WIN{number}": f"cp{number}" for number in range(1250, 1259)} | {
    f"LATIN{number}": f"iso8859-{part}"
    for number, part in zip(range(1, 11), (1, 2, 3, 4, 9, 10, 13, 14, 15, 16), strict=True)
}


class Session:
    """An open connection as one user to one database."""

    def __init__(self, driver: Any, connection: Any, database: str, *, is_users: bool = False) -> None:
        self._driver = driver
        self._connection = connection
        self._is_users = is_users
        self.database = database
        self.encoding = str(connection.parameter_statuses.get("server_encoding", ""))

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
        """Run one statement and return its rows; `:name` in it is the place of a value that is sent apart from it.

        Raises:
            ServerRefused: the server answered with an error.
            DatabaseBusy: it did, and the error is one that passes.
            DatabaseUnreachable: the connection was lost.
        """
        if self.encoding == "UTF8":
            sql = by_lookup(sql)
        try:
            return self._connection.run(sql, **values) or []
        except self._driver.DatabaseError as error:
            fields = error.args[0]
        except (OSError, self._driver.InterfaceError):
            raise DatabaseUnreachable(f"The connection to database {self.database} was lost.") from None
        sqlstate, message = fields.get("C", ""), _words(fields)
        # In a user's own session a time limit that came along would end the next attempt, too: that does not pass.
        passing = _SESSION_IS_OVER if self._is_users else _TRANSIENT_CLASSES
        if sqlstate.startswith(passing) or message.startswith(_CONCURRENT_UPDATE):
            raise DatabaseBusy(
                f"Database {storable(self.database)} is busy or going down: {message} (SQLSTATE {sqlstate})."
            )
        raise ServerRefused(sqlstate, message, lacks_privilege=_lacks_privilege(fields))

    @property
    def version(self) -> int:
        """The server's version as a number: 170010 for 17.10."""
        return int(self.value("SHOW server_version_num"))

    def run(self, sql: str) -> None:
        """Run one statement for its effect; statements about roles take no values. Raises as `rows`."""
        self.rows(sql)

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row. Raises as `rows`."""
        return self.rows(sql, **values)[0][0]

    def warnings(self) -> list[str]:
        """What the server has said beside its answers since this was asked last, in its words."""
        said = []
        while self._connection.notices:
            notice = self._connection.notices.popleft()
            said.append(f"{_text(notice.get(b'M', b''))} (SQLSTATE {_text(notice.get(b'C', b''))})")
        return said

    def letters(self, name: str) -> str | None:
        """A name of this database in the letters that its encoding has for it; None where it has none."""
        raw = name.encode("utf-8", "surrogateescape")
        for encoding in ("utf-8", _PYTHON_ENCODINGS.get(self.encoding, self.encoding)):
            try:
                return raw.decode(encoding)
            except (LookupError, UnicodeDecodeError):
                continue
        return None

    def readable(self, name: str) -> str:
        """A name of this database for a message."""
        letters = self.letters(name)
        return storable(name) if letters is None else letters

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """All that is done inside takes effect together; with `keep=False` nothing of it does."""
        self.run("BEGIN")
        try:
            yield
        except (ServerRefused, DatabaseBusy):
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
    newer_times: list[str] = field(default_factory=lambda: list(_NEWER_TIMES))
    """Those that the server may know; the newest goes first where it turns out not to."""

    def open(self, credentials: Credentials, database: str) -> Session:
        """Log in to manage: settings that came along for the role or the database have no effect.

        Raises:
            LoginRefused: user or password is wrong, or the user may not log in.
            DatabaseRefused: they are right, but this database does not let the user in.
            DatabaseBusy: the server takes no connections now.
            DatabaseUnreachable: no answer, or no verified TLS.
        """
        while True:
            parameters = self.limits.startup_parameters() | dict.fromkeys(self.newer_times, "0")
            try:
                return self._open_patiently(credentials, database, parameters)
            except DatabaseRefused as refused:
                if refused.sqlstate != UNKNOWN_PARAMETER or not self.newer_times:
                    raise
                self.newer_times.pop()

    def open_as_users_do(self, credentials: Credentials, database: str) -> Session:
        """Log in as the user's programs do, with every setting that came along. Raises as `open`."""
        return self._open_patiently(credentials, database, _BYTES_AS_THEY_ARE)

    def _open_patiently(
        self, credentials: Credentials, database: str, parameters: Mapping[str, str]
    ) -> Session:
        end = time.monotonic() + _LIMIT_PATIENCE_SECONDS
        while True:
            try:
                return self._open(credentials, database, parameters)
            except DatabaseRefused as refused:
                if not refused.is_limit or time.monotonic() > end:
                    raise
                time.sleep(_LIMIT_PAUSE_SECONDS)

    def _open(self, credentials: Credentials, database: str, parameters: Mapping[str, str]) -> Session:
        # Here and not above: a Lambda that never talks to a database does not pay for importing the driver.
        import scramp  # noqa: PLC0415
        from pg8000 import native  # noqa: PLC0415

        from aurora_restore.database.postgresql import driver  # noqa: PLC0415

        if "\0" in credentials.username:
            raise LoginRefused("the username holds a NUL character")
        if problem := password_problem(credentials.password):
            raise LoginRefused(f"no server takes the password: {problem}")
        where = f"{self.endpoint.host}:{self.endpoint.port}"
        refused_by = f"{where} took no connection to database {storable(database)}"
        user = driver.User(credentials.username.encode())
        sock = tls.connect(self.endpoint, self.context, self.limits.connect_seconds, ask_for_tls)
        try:
            connection = driver.Connection(
                user,
                host=self.endpoint.host,
                port=self.endpoint.port,
                password=driver.Password(prepared(credentials.password)),
                database=database.encode("utf-8", "surrogateescape"),
                sock=sock,
                ssl_context=False,  # the socket speaks verified TLS already
                application_name="aurora-restore",
                startup_params=dict(parameters),
            )
        except native.DatabaseError as error:
            failure: Exception = _login_failure(error.args[0], user.accepted, refused_by)
        except (OSError, native.InterfaceError) as error:
            # The driver says good-bye after a refusal; where the server has hung up, that hides the refusal.
            if isinstance(error.__context__, native.DatabaseError):
                failure = _login_failure(error.__context__.args[0], user.accepted, refused_by)
            else:
                failure = DatabaseUnreachable(
                    f"The connection to {where} broke off, or got no answer in time, at the login."
                )
        except scramp.ScramException:
            failure = LoginRefused(
                "the SCRAM exchange failed: the password or the server's proof is not valid"
            )
        else:
            # The server ends a statement first; this ends the wait for a server that has gone.
            sock.settimeout(self.limits.statement_seconds + self.limits.connect_seconds)
            return Session(native, connection, database, is_users=parameters is _BYTES_AS_THEY_ARE)
        sock.close()
        raise failure


def _login_failure(fields: dict[str, str], is_accepted: bool, where: str) -> Exception:
    """What the server's answer means; `is_accepted`: it had said before that the password is right."""
    sqlstate, message = fields.get("C", ""), _words(fields)
    if sqlstate in _LOGIN_REFUSED:
        return LoginRefused(message, sqlstate)
    is_limit = sqlstate == TOO_MANY_CONNECTIONS and fields.get("R") in _LIMIT_ROUTINES
    if is_accepted and (is_limit or not sqlstate.startswith(_TRANSIENT_AT_LOGIN)):
        return DatabaseRefused(sqlstate, message, is_limit=is_limit, lacks_privilege=_lacks_privilege(fields))
    return DatabaseBusy(f"{where}: {message} (SQLSTATE {sqlstate}).")


def _lacks_privilege(fields: dict[str, str]) -> bool:
    return fields.get("C") == INSUFFICIENT_PRIVILEGE and fields.get("R") not in _NOT_A_PRIVILEGE


def _words(fields: Mapping[str, str]) -> str:
    return storable(fields.get("M", "no reason given"))


def _text(raw: bytes) -> str:
    return storable(raw.decode("utf-8", "surrogateescape"))
