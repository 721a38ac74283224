"""Setting database users up: the order in which other logins, roles, privileges and checks come.

Every database is visited twice. In the first visit privileges are set, while a role that came along with the snapshot
cannot log in: it may hold more than its level until the last database was visited. Then the roles are opened, and in
the second visit the users themselves try what they can do.

One call does as much as its time allows, database after database, and reports how far it has come; the next one goes on
there. What a call has done stays even where it is killed: the next one then finds less to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aurora_restore.database.postgresql import (
    attempts,
    checks,
    grants,
    other_logins,
    reach,
    roles,
    user_settings,
)
from aurora_restore.database.postgresql.grants import Entitlement, OutOfTime
from aurora_restore.database.postgresql.session import (
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
from aurora_restore.domain.user_progress import SetupProgress, UserProgress
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
    """One call of `set_up_users` on one server, going on from `begun`."""

    def __init__(
        self,
        server: Server,
        master: Credentials,
        logins: Sequence[DbUserLogin],
        begun: SetupProgress | None,
        has_time: Callable[[], bool],
    ) -> None:
        self._server = server
        self._master = master
        self._logins = logins
        self._users = [login.user for login in logins]
        self._named = {name for user in self._users for name in user.databases}
        self._progress = begun or SetupProgress()
        self._has_time = has_time
        self._has_got_further = False

    def run(self, *, lock_other_logins: bool) -> UsersReport:
        others_to_try = tuple(sorted(self._named - set(MAINTENANCE_DATABASES)))
        with reach.open_maintenance(self._server, self._master, others_to_try) as session:
            # A function that was given up by its caller may still be at work beside the one that was called again.
            session.run(f"SELECT pg_advisory_lock({_ONE_SETUP_AT_A_TIME})")
            reach.give_back(session)
            ours = {self._master.username, *(user.username for user in self._users)}
            # First of all, so that no failure below leaves production's logins open.
            others = other_logins.survey(session, ours, lock=lock_other_logins)
            known = reach.find_databases(session)
            refuse_missing_databases(self._users, sorted(known.open), known.closed, known.templates)
            is_finished = not self._users or self._set_up(session, known)
            reports = [self._report(session, login) for login in self._logins] if is_finished else []
            left = reach.give_back(session)
        return UsersReport(
            tuple(reports),
            others.found,
            others.locked,
            (*others.notes, *([left] if left else [])),
            self._progress.not_looked_into,
            None if is_finished else self._progress,
        )

    def _set_up(self, session: Session, known: reach.Known) -> bool:
        """Rights first, in every database, then logins, then checks by logging in; whether all of it is done."""
        for name, why in known.closed.items():
            self._leave(name, why)
        if not self._progress.checking:
            for login in self._logins:
                user = login.user
                is_known = user.username in self._progress.users
                action = roles.prepare(session, login, self._logs_in, is_known=is_known)
                granted = [name for name in known.open if user.access_in(name) is not None]
                mended = user_settings.mend(session, user, granted)
                if mended.is_changed and action == roles.UNCHANGED:
                    action = roles.CHANGED
                # What an earlier call has made or changed is unchanged for this one.
                progress = self._progress.users.get(user.username) or UserProgress(action)
                if progress.action == roles.UNCHANGED:
                    progress = replace(progress, action=action)
                self._keep(user.username, progress.with_notes(mended.notes))
            if not self._see_to_databases(session, known, self._apply):
                return False
            self._progress = replace(self._progress, checking=True, after_oid=0, done=0)
        for user in self._users:
            with session.transaction():
                roles.open_login(session, user)
                checks.check_role(session, user)
        return self._see_to_databases(session, known, self._check)

    def _keep(self, username: str, progress: UserProgress) -> None:
        self._progress = self._progress.with_user(username, progress)

    def _logs_in(self, login: DbUserLogin) -> bool:
        """Whether the role has the password of the secret already. Raises DatabaseBusy, DatabaseUnreachable."""
        if login.credentials is None:
            return False
        try:
            self._server.open(login.credentials, MAINTENANCE_DATABASES[0]).close()
        except LoginRefused:
            return False
        except DatabaseRefused:
            return True
        return True

    def _see_to_databases(
        self, session: Session, known: reach.Known, work: Callable[[Session], None]
    ) -> bool:
        """One after the other, as long as there is time; whether all of them are finished."""
        left = {name: oid for name, oid in known.open.items() if oid > self._progress.after_oid}
        self._progress = replace(self._progress, total=self._progress.done + len(left))
        for database, oid in left.items():
            # A call that comes late still does one, so that every call gets further.
            if self._has_got_further and not self._has_time():
                return False
            try:
                self._look_into(session, database, work)
            except OutOfTime as out:
                self._mark_changed(out.changed)
                return False
            self._progress = replace(self._progress, after_oid=oid, done=self._progress.done + 1)
            self._has_got_further = True
        return True

    def _leave(self, database: str, reason: str) -> None:
        self._progress = self._progress.with_database_left(NotLookedInto(database, reason))

    def _mark_changed(self, usernames: set[str]) -> None:
        for username in usernames:
            progress = self._progress.users[username]
            if progress.action == roles.UNCHANGED:
                self._keep(username, replace(progress, action=roles.CHANGED))

    def _look_into(self, session: Session, database: str, work: Callable[[Session], None]) -> None:
        """Do the work in one database. A closed or broken one that no user of the request names fails nothing."""
        try:
            with reach.open_database(self._server, self._master, session, database) as opened:
                work(opened)
        except (DatabaseRefused, LoginRefused, ServerRefused) as refused:
            if database in self._named:
                raise DbUserSetupFailed(
                    f"The database {database}, which was asked for, could not be worked on by the master user"
                    f" {self._master.username}: {refused}.",
                    "Mend in the source cluster what the server's words name (for a permission that is denied: the "
                    "GRANT that is missing), and restore a snapshot taken after that; or leave this database out.",
                ) from None
            self._leave(database, str(refused))
        except DatabaseBusy as busy:
            # Where a user is to have access, it is worth waiting for.
            if any(user.access_in(database) is not None for user in self._users):
                raise
            self._leave(database, busy.message)

    def _apply(self, session: Session) -> None:
        """Privileges in one database, and what the catalog says about them afterwards."""
        database = session.database
        admins = [user.username for user in self._users if user.access is Access.ADMIN]
        entitlements = [
            Entitlement(user.username, user.access_in(database), user.foreign_tables) for user in self._users
        ]
        outcome = grants.bring_about(session, self._master.username, entitlements, admins, self._has_time)
        self._mark_changed(outcome.changed)
        for username, notes in outcome.notes.items():
            self._keep(username, self._progress.users[username].with_notes(notes))
        for user in self._users:
            if user.access_in(database) is not None:
                limits = [*checks.check_limits(session, user), *checks.ways_out(session, user)]
                self._keep(user.username, self._progress.users[user.username].with_notes(limits))

    def _check(self, session: Session) -> None:
        """What the users meet in one database."""
        ground = attempts.survey_ground(session)
        database = session.database
        for login in self._logins:
            if login.user.access_in(database) is None:
                continue
            progress = self._progress.users[login.user.username]
            tried: list[str] = []
            try:
                tried = attempts.check_login(self._server, login, ground)
            except DatabaseRefused as refused:
                is_full = refused.is_limit and not checks.is_shut_out(session, login.user)
                if database in login.user.databases and not is_full:
                    raise attempts.refused_login(login, database, str(refused)) from None
                progress = progress if is_full else progress.with_refusal(database, str(refused))
                progress = progress.with_notes(
                    [f"note: the database {database} does not let it in: {refused}"]
                )
            except (ServerRefused, DatabaseUnreachable) as ended:
                # Where the master gets an answer, a limit that came along ended the user's session, not the network.
                session.value("SELECT 1")
                note = f"note: in {database} its attempts were ended by the server: {ended}"
                progress = progress.with_notes([note])
            self._keep(login.user.username, progress.with_database(database, tried))

    def _report(self, session: Session, login: DbUserLogin) -> UserReport:
        user, progress = login.user, self._progress.users[login.user.username]
        if progress.first_refusal and progress.refused_count == progress.database_count:
            raise attempts.refused_login(login, *progress.first_refusal)
        if not progress.database_count:
            left = "; ".join(each.sentence for each in self._progress.not_looked_into)
            raise DbUserSetupFailed(
                f"The database user {user.username} could be set up in no database: {left}.",
                "Open a database in the source cluster as the server's words say, and restore a snapshot taken after "
                "that.",
            )
        found = [
            *checks.check_role(session, user),
            f"has {user.access} on what is in {progress.database_words} and on what its owners make there later;"
            " what belongs to RDS itself is left as it is",
            *progress.checks,
            *progress.words_for_the_others,
            *progress.notes,
        ]
        return UserReport(
            user.username,
            user.access,
            progress.action,
            tuple(sorted(progress.databases)),
            tuple(found),
            progress.database_count,
        )
