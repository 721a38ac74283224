"""The `Databases` port for Aurora PostgreSQL."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from aurora_restore.database import checks, grants, other_logins, roles, tls
from aurora_restore.database.grants import Entitlement
from aurora_restore.database.session import (
    DATABASE_NOT_FOUND,
    DatabaseRefused,
    Limits,
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.errors import DatabaseUnreachable, DbUserSetupFailed
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint, LoginAttempt, LoginOutcome
from aurora_restore.domain.users import (
    Access,
    DbUserLogin,
    UserReport,
    UsersReport,
    refuse_impossible_logins,
    refuse_missing_databases,
)

# Every cluster is born with both; a customer may drop the first, nobody the second.
_MAINTENANCE_DATABASES = ("postgres", "template1")


# Any number will do; ours spells "aurora" on a telephone.
_ONE_SETUP_AT_A_TIME = 287672


class PostgresDatabases:
    """Database users of Aurora PostgreSQL clusters, over verified TLS.

    `ca_bundle_path`: the certificates to trust, and no others. The limits are in seconds: for each move of
    connecting, and for one statement.
    """

    def __init__(
        self,
        ca_bundle_path: Path = tls.RDS_GLOBAL_BUNDLE,
        connect_timeout_seconds: float = 10.0,
        statement_timeout_seconds: float = 120.0,
    ) -> None:
        self._ca_bundle_path = ca_bundle_path
        self._limits = Limits(connect_timeout_seconds, statement_seconds=statement_timeout_seconds)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return tls.verifying_context(self._ca_bundle_path)

    def _server(self, endpoint: DatabaseEndpoint) -> Server:
        return Server(endpoint, self._context, self._limits)

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        """Try user and password. A user that may not connect to database `postgres` counts as accepted."""
        try:
            self._server(endpoint).open(credentials, _MAINTENANCE_DATABASES[0]).close()
        except LoginRefused as refused:
            return LoginAttempt(
                LoginOutcome.REFUSED, f"The server refused {credentials.username}: {refused}."
            )
        except DatabaseRefused as refused:
            return LoginAttempt(LoginOutcome.ACCEPTED, f"User and password are right; {refused}.")
        except DatabaseUnreachable as unreachable:
            return LoginAttempt(LoginOutcome.UNREACHABLE, unreachable.message)
        return LoginAttempt(LoginOutcome.ACCEPTED, f"{credentials.username} logged in.")

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
    ) -> UsersReport:
        """See the port. Users are worked on in their order; what was reached before an error stays."""
        refuse_impossible_logins(master.username, users)
        setup = _Setup(self._server(endpoint), master, users)
        try:
            return setup.run(lock_other_logins=lock_other_logins)
        except ServerRefused as refused:
            raise DbUserSetupFailed(
                f"The server refused the master user {master.username}: {refused}.",
                "Mend in the source cluster what the server's words name, or ask for other users, and start again "
                "under a new name.",
            ) from None


class _Setup:
    """One call of `set_up_users`."""

    def __init__(self, server: Server, master: Credentials, logins: Sequence[DbUserLogin]) -> None:
        self._server = server
        self._master = master
        self._logins = logins
        self._users = [login.user for login in logins]

    def run(self, *, lock_other_logins: bool) -> UsersReport:
        with self._open_maintenance() as session:
            # A function that was given up by its caller may still be at work beside the one that was called again.
            session.run(f"SELECT pg_advisory_lock({_ONE_SETUP_AT_A_TIME})")
            ours = {self._master.username, *(user.username for user in self._users)}
            # First of all, so that no failure below leaves production's logins open.
            others = other_logins.survey(session, ours, lock=lock_other_logins)
            everything = _databases(session)
            refuse_missing_databases(self._users, everything)
            actions = {
                login.user.username: roles.bring_about(session, login, self._logs_in)
                for login in self._logins
            }
            notes: dict[str, list[str]] = {user.username: [] for user in self._users}
            for database in everything if self._users else []:
                self._apply(database, actions, notes)
            reports = [
                self._report(session, login, everything, actions, notes[login.user.username])
                for login in self._logins
            ]
        return UsersReport(tuple(reports), others.found, others.locked)

    def _open_maintenance(self) -> Session:
        *first, last = _MAINTENANCE_DATABASES
        for database in first:
            try:
                return self._server.open(self._master, database)
            except DatabaseRefused as refused:
                if refused.sqlstate != DATABASE_NOT_FOUND:
                    raise self._master_refused(refused) from None
            except LoginRefused as refused_login:
                raise self._master_refused(refused_login) from None
        return self._open(last)

    def _open(self, database: str) -> Session:
        try:
            return self._server.open(self._master, database)
        except (LoginRefused, DatabaseRefused) as refused:
            raise self._master_refused(refused, database) from None

    def _master_refused(self, refused: Exception, database: str = "postgres") -> DbUserSetupFailed:
        return DbUserSetupFailed(
            f"The master user {self._master.username} could not log in to database {database}: {refused}.",
            "See that the admin secret was not changed during the run, and that the master user may connect to this "
            "database; then start again under a new name.",
        )

    def _logs_in(self, login: DbUserLogin) -> bool:
        """Whether the password of the secret stands already. Raises DatabaseUnreachable."""
        if login.credentials is None:
            return False
        try:
            self._server.open(login.credentials, _MAINTENANCE_DATABASES[0]).close()
        except LoginRefused:
            return False
        except DatabaseRefused:
            return True
        return True

    def _apply(self, database: str, actions: dict[str, str], notes: dict[str, list[str]]) -> None:
        """Privileges in one database, and what the catalog says about them afterwards."""
        admins = [user.username for user in self._users if user.access is Access.ADMIN]
        entitlements = [Entitlement(user.username, user.access_in(database)) for user in self._users]
        with self._open(database) as session:
            for username in grants.bring_about(session, self._master.username, entitlements, admins):
                if actions[username] == roles.UNCHANGED:
                    actions[username] = roles.CHANGED
            for user in self._users:
                if user.access_in(database) is not None:
                    notes[user.username] += checks.check_limits(session, user)

    def _report(
        self,
        session: Session,
        login: DbUserLogin,
        everything: list[str],
        actions: dict[str, str],
        notes: list[str],
    ) -> UserReport:
        user = login.user
        databases = tuple(name for name in everything if user.access_in(name) is not None)
        found = [
            *checks.check_role(session, user),
            f"has {user.access} on what is in {', '.join(databases)} and on what its owners make there later;"
            " what belongs to RDS itself is left as it is",
            *checks.check_login(self._server, login, databases),
            *notes,
        ]
        return UserReport(user.username, user.access, actions[user.username], databases, tuple(found))


def _databases(session: Session) -> list[str]:
    """All that take connections, templates and RDS's own aside; -2 marks one whose DROP was interrupted."""
    rows = session.rows(
        "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2"
        " AND datname <> 'rdsadmin' ORDER BY datname"
    )
    return [row[0] for row in rows]
