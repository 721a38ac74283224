"""Setting database users up: the order in which roles, privileges, other logins and checks come."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.database import attempts, checks, grants, other_logins, reach, roles, user_settings
from aurora_restore.database.grants import Entitlement
from aurora_restore.database.session import (
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable, DbUserSetupFailed
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


class _Progress:
    """What was done and seen for one user so far."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.databases: list[str] = []
        self.logins: list[str] = []
        self.notes: list[str] = []
        self.refused: dict[str, DatabaseRefused] = {}


class UserSetup:
    """One call of `set_up_users` on one server."""

    def __init__(self, server: Server, master: Credentials, logins: Sequence[DbUserLogin]) -> None:
        self._server = server
        self._master = master
        self._logins = logins
        self._users = [login.user for login in logins]
        self._named = {name for user in self._users for name in user.databases}
        self._progress: dict[str, _Progress] = {}
        self._left: list[NotLookedInto] = []

    def run(self, *, lock_other_logins: bool) -> UsersReport:
        others_to_try = tuple(sorted(self._named - set(MAINTENANCE_DATABASES)))
        with reach.open_maintenance(self._server, self._master, others_to_try) as session:
            # A function that was given up by its caller may still be at work beside the one that was called again.
            session.run(f"SELECT pg_advisory_lock({_ONE_SETUP_AT_A_TIME})")
            ours = {self._master.username, *(user.username for user in self._users)}
            # First of all, so that no failure below leaves production's logins open.
            others = other_logins.survey(session, ours, lock=lock_other_logins)
            known = reach.find_databases(session)
            refuse_missing_databases(self._users, known.open, known.closed, known.templates)
            for login in self._logins:
                self._make(session, login, known)
            if self._users:
                self._left += [NotLookedInto(name, why) for name, why in known.closed.items()]
                for database in known.open:
                    self._look_into(session, database)
            reports = [self._report(session, login) for login in self._logins]
        return UsersReport(tuple(reports), others.found, others.locked, others.notes, tuple(self._left))

    def _make(self, session: Session, login: DbUserLogin, known: reach.Known) -> None:
        user = login.user
        progress = _Progress(roles.bring_about(session, login, self._logs_in))
        wanted = [name for name in known.open if user.access_in(name) is not None]
        mended = user_settings.mend(session, user, wanted)
        progress.notes += mended.notes
        if mended.is_changed and progress.action == roles.UNCHANGED:
            progress.action = roles.CHANGED
        self._progress[user.username] = progress

    def _logs_in(self, login: DbUserLogin) -> bool:
        """Whether the password of the secret stands already. Raises DatabaseBusy, DatabaseUnreachable."""
        if login.credentials is None:
            return False
        try:
            self._server.open(login.credentials, MAINTENANCE_DATABASES[0]).close()
        except LoginRefused:
            return False
        except DatabaseRefused:
            return True
        return True

    def _look_into(self, session: Session, database: str) -> None:
        """Everything in one database. One that nobody has named may be as closed or as broken as it likes."""
        try:
            with reach.open_database(self._server, self._master, session, database) as opened:
                self._apply(opened)
        except (DatabaseRefused, LoginRefused, ServerRefused) as refused:
            if database in self._named:
                raise DbUserSetupFailed(
                    f"The database {database}, which was asked for, could not be worked on by the master user"
                    f" {self._master.username}: {refused}.",
                    "Mend in the source cluster what the server's words name (for a permission that is denied: the "
                    "GRANT that is missing), and restore a snapshot taken after that; or leave this database out.",
                ) from None
            self._left.append(NotLookedInto(database, str(refused)))
        except DatabaseBusy as busy:
            # Where a user is to have access, it is worth waiting for.
            if any(user.access_in(database) is not None for user in self._users):
                raise
            self._left.append(NotLookedInto(database, busy.message))

    def _apply(self, session: Session) -> None:
        """Privileges in one database, what the catalog says about them afterwards, and what the users meet there."""
        database = session.database
        admins = [user.username for user in self._users if user.access is Access.ADMIN]
        entitlements = [
            Entitlement(user.username, user.access_in(database), user.foreign_tables) for user in self._users
        ]
        for username in grants.bring_about(session, self._master.username, entitlements, admins):
            progress = self._progress[username]
            progress.action = roles.CHANGED if progress.action == roles.UNCHANGED else progress.action
        ground = attempts.survey_ground(session)
        for login in self._logins:
            if login.user.access_in(database) is not None:
                self._check(session, login, ground)

    def _check(self, session: Session, login: DbUserLogin, ground: attempts.Ground) -> None:
        progress = self._progress[login.user.username]
        progress.notes += checks.check_limits(session, login.user)
        try:
            progress.logins += attempts.check_login(self._server, login, ground)
        except DatabaseRefused as refused:
            if session.database in login.user.databases:
                raise attempts.refused_login(login, session.database, refused) from None
            progress.refused[session.database] = refused
            progress.notes.append(f"note: the database {session.database} does not let it in: {refused}")
        except (ServerRefused, DatabaseUnreachable) as ended:
            # Where the master is answered, it is no network that ends the user's session, but a limit that came along.
            session.value("SELECT 1")
            progress.notes.append(
                f"note: in {session.database} its attempts were ended by the server: {ended}"
            )
        progress.databases.append(session.database)

    def _report(self, session: Session, login: DbUserLogin) -> UserReport:
        user, progress = login.user, self._progress[login.user.username]
        if progress.refused and len(progress.refused) == len(progress.databases):
            database, refused = next(iter(progress.refused.items()))
            raise attempts.refused_login(login, database, refused)
        if not progress.databases:
            left = "; ".join(each.sentence for each in self._left)
            raise DbUserSetupFailed(
                f"The database user {user.username} could be set up in no database: {left}.",
                "Open a database in the source cluster as the server's words say, and restore a snapshot taken after "
                "that.",
            )
        found = [
            *checks.check_role(session, user),
            f"has {user.access} on what is in {', '.join(progress.databases)} and on what its owners make there later;"
            " what belongs to RDS itself is left as it is",
            *progress.logins,
            *progress.notes,
        ]
        return UserReport(
            user.username, user.access, progress.action, tuple(progress.databases), tuple(found)
        )
