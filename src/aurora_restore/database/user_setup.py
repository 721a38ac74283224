"""Setting database users up: the order in which roles, privileges, other logins and checks come."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.database import checks, grants, other_logins, roles
from aurora_restore.database.grants import Entitlement
from aurora_restore.database.session import (
    DATABASE_NOT_FOUND,
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    LoginRefused,
    Server,
    Session,
)
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.users import (
    Access,
    DbUserLogin,
    UserReport,
    UsersReport,
    refuse_missing_databases,
)

# Any number will do; ours spells "aurora" on a telephone.
_ONE_SETUP_AT_A_TIME = 287672


class UserSetup:
    """One call of `set_up_users` on one server."""

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
        *first, last = MAINTENANCE_DATABASES
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
            self._server.open(login.credentials, MAINTENANCE_DATABASES[0]).close()
        except LoginRefused:
            return False
        except DatabaseRefused:
            return True
        return True

    def _apply(self, database: str, actions: dict[str, str], notes: dict[str, list[str]]) -> None:
        """Privileges in one database, and what the catalog says about them afterwards."""
        admins = [user.username for user in self._users if user.access is Access.ADMIN]
        entitlements = [
            Entitlement(user.username, user.access_in(database), user.foreign_tables) for user in self._users
        ]
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
