"""Setting database users up: the order in which other logins, accounts, rights and checks come.

Every database is visited twice. In the first visit the rights of all users there are granted; before it, an account
that came along and is not yet what was asked for is locked, its sessions are ended, and it loses whatever goes beyond
its level. Then locked accounts are opened, and in the second visit the users themselves try what they can do.

One call does as much as its time allows, database after database, and tells how far it has come; the next one goes on
there. What a call has done stays even where it is killed: the next one then finds less to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aurora_restore.database.mysql import accounts, attempts, other_logins, rights
from aurora_restore.database.mysql.accounts import Account
from aurora_restore.database.mysql.amazon_accounts import SYSTEM_DATABASES
from aurora_restore.database.mysql.quoting import MAX_IDENTIFIER_LETTERS, grant_pattern
from aurora_restore.database.mysql.session import DatabaseRefused, Server, ServerRefused, Session
from aurora_restore.database.mysql.sessions_of import end_sessions
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable, DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.user_progress import SetupProgress, UserProgress
from aurora_restore.domain.users import (
    DbUser,
    DbUserLogin,
    UserReport,
    UsersReport,
    refuse_missing_databases,
)

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
# At most 64 characters; held by the session, and gone with it.
_ONE_SETUP_AT_A_TIME = "aurora_restore user setup"


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
        self._progress = begun or SetupProgress()
        self._has_time = has_time
        self._has_got_further = False
        self._has_wildcards = True

    def run(self, *, lock_other_logins: bool) -> UsersReport:
        with self._server.open(self._master) as session:
            # A function that was given up by its caller may still be at work beside the one that was called again.
            seconds = max(1, round(self._server.limits.lock_seconds))
            if session.value(f"SELECT GET_LOCK('{_ONE_SETUP_AT_A_TIME}', {seconds})") != 1:
                raise DatabaseBusy("Another call is setting up the users of this server.")
            ours = {session.own_account, *((user.username, user.host) for user in self._users)}
            # First of all, so that no failure below leaves production's logins open.
            others = other_logins.survey(session, ours, lock=lock_other_logins)
            databases = find_databases(session)
            self._has_wildcards = rights.has_wildcards(session)
            refuse_missing_databases(self._users, databases)
            self._refuse_names_too_long(databases)
            is_finished = not self._users or self._set_up(session, databases)
            reports = (
                [self._report(session, login.user, databases) for login in self._logins]
                if is_finished
                else []
            )
        return UsersReport(
            tuple(reports),
            others.found,
            others.locked,
            others.notes,
            self._progress.not_looked_into,
            None if is_finished else self._progress,
        )

    def _refuse_names_too_long(self, databases: Sequence[str]) -> None:
        """A grant holds no longer pattern than a name, and without its backslashes it would open other databases."""
        problems = [
            f"The database user {user.account} cannot be given {name}: with a backslash before each `_` and `%`, as a "
            f"grant needs it, the name is longer than {MAX_IDENTIFIER_LETTERS} characters."
            for user in self._users
            for name in databases
            if user.access_in(name) and len(self._pattern(name)) > MAX_IDENTIFIER_LETTERS
        ]
        if problems:
            raise DbUserSetupFailed(
                " ".join(problems),
                "Name in `databases` of the user the databases that it needs, without this one.",
            )

    def _set_up(self, session: Session, databases: Sequence[str]) -> bool:
        """Rights first, in every database, then logins, then checks by logging in; whether all of it is done."""
        if not self._progress.checking:
            plugin = accounts.default_plugin(session)
            # All of them before the first is changed: where one fails, production's passwords open none of the others.
            for login in self._logins:
                self._shut(session, login, plugin, databases)
            for login in self._logins:
                self._make(session, login, plugin, databases)
            if not self._see_to_databases(databases, lambda name: self._apply(session, name)):
                return False
            self._progress = replace(self._progress, checking=True, after_name="", done=0)
        for user in self._users:
            self._open_login(session, user, databases)
        every = accounts.all_accounts(session)
        return self._see_to_databases(databases, lambda name: self._check(session, name, databases, every))

    def _shut(self, session: Session, login: DbUserLogin, plugin: str, databases: Sequence[str]) -> None:
        """Lock an account that is still to be changed; it is opened again when all of it is right."""
        user = login.user
        account = accounts.find_account(session, (user.username, user.host))
        if account is None:
            return
        surplus = self._surplus(session, user, account, databases)
        if not surplus and not accounts.needs_change(login, account, plugin):
            return
        try:
            if not account.is_locked:
                session.run(account.lock(marks=session.version.has_comments))
            # A session keeps the privileges with which it began, and does not ask for the password again.
            end_sessions(session, account.name)
        except ServerRefused as refused:
            raise _refused_user(user, refused) from None

    def _make(self, session: Session, login: DbUserLogin, plugin: str, databases: Sequence[str]) -> None:
        user = login.user
        found = accounts.find_account(session, (user.username, user.host))
        notes: list[str] = []
        try:
            if found is None:
                accounts.create(session, login, plugin)
                action = CREATED
            else:
                if surplus := sorted(self._surplus(session, user, found, databases)):
                    rights.take_back(session, found, surplus)
                    words = rights.shown(surplus)
                    notes.append(f"had more than {user.access} before, which was revoked: {words}")
                is_changed = accounts.change(session, login, found, plugin) or bool(notes) or found.is_locked
                action = CHANGED if is_changed else UNCHANGED
        except ServerRefused as refused:
            raise _refused_user(user, refused) from None
        # What an earlier call has made or changed is unchanged for this one.
        progress = self._progress.users.get(user.account) or UserProgress(action)
        if progress.action == UNCHANGED:
            progress = replace(progress, action=action)
        self._keep(user, progress.with_notes(notes))

    def _surplus(
        self, session: Session, user: DbUser, account: Account, databases: Sequence[str]
    ) -> frozenset[rights.Right]:
        return rights.of_account(session, account) - self._wanted(user, databases)

    def _wanted(self, user: DbUser, databases: Sequence[str]) -> frozenset[rights.Right]:
        return frozenset().union(
            *(rights.wanted(user.access_in(name), self._pattern(name)) for name in databases)
        )

    def _pattern(self, database: str) -> str:
        return grant_pattern(database, has_wildcards=self._has_wildcards)

    def _keep(self, user: DbUser, progress: UserProgress) -> None:
        self._progress = self._progress.with_user(user.account, progress)

    def _open_login(self, session: Session, user: DbUser, databases: Sequence[str]) -> None:
        """Check by the grant tables that the rights are exactly those of the level, and let the account log in."""
        account = self._existing(session, user)
        self._check_rights(session, user, account, databases)
        if account.is_locked:
            try:
                session.run(account.unlock())
            except ServerRefused as refused:
                raise _refused_user(user, refused) from None

    @staticmethod
    def _existing(session: Session, user: DbUser) -> Account:
        account = accounts.find_account(session, (user.username, user.host))
        if account is None:
            raise DbUserSetupFailed(
                f"The database user {user.account} is not there after its set-up.", _CHANGED_MEANWHILE
            )
        return account

    def _check_rights(
        self, session: Session, user: DbUser, account: Account, databases: Sequence[str]
    ) -> None:
        held, expected = rights.of_account(session, account), self._wanted(user, databases)
        for words, wrong in (("lacks", expected - held), ("still has", held - expected)):
            if wrong:
                raise DbUserSetupFailed(
                    f"The database user {user.account} ({user.access}) {words} {rights.shown(sorted(wrong))} after "
                    "its set-up.",
                    _CHANGED_MEANWHILE,
                )

    def _see_to_databases(self, databases: Sequence[str], work: Callable[[str], None]) -> bool:
        """One after the other, as long as there is time; whether all of them are finished."""
        left = [name for name in databases if name > self._progress.after_name]
        self._progress = replace(self._progress, total=self._progress.done + len(left))
        for name in left:
            # A call that comes late still does one, so that every call gets further.
            if self._has_got_further and not self._has_time():
                return False
            work(name)
            self._progress = replace(self._progress, after_name=name, done=self._progress.done + 1)
            self._has_got_further = True
        return True

    def _apply(self, session: Session, database: str) -> None:
        """The rights of each user in one database."""
        for user in self._users:
            account, pattern = Account(user.username, user.host), self._pattern(database)
            missing = rights.wanted(user.access_in(database), pattern) - rights.of_account(session, account)
            if not missing:
                continue
            try:
                rights.give(session, account, pattern, missing)
            except ServerRefused as refused:
                raise _refused_user(user, refused) from None
            progress = self._progress.users[user.account]
            if progress.action == UNCHANGED:
                self._keep(user, replace(progress, action=CHANGED))

    def _check(
        self, session: Session, database: str, databases: Sequence[str], every: Sequence[Account]
    ) -> None:
        """What the users meet in one database."""
        ground = attempts.survey_ground(session, database, databases)
        for login in self._logins:
            user = login.user
            if user.access_in(database) is None:
                continue
            progress, tried = self._progress.users[user.account], []
            try:
                tried = attempts.check_login(self._server, login, ground, every, session.client_host)
            except DatabaseRefused as refused:
                if not refused.is_limit:
                    raise DbUserSetupFailed(
                        f"The password of the user {user.account} is right, and the database {database} does not let"
                        f" it in: {refused}.",
                        _CHANGED_MEANWHILE,
                    ) from None
                note = f"note: a limit of the account does not let it in: {refused}"
                progress = progress.with_notes([note])
            except (ServerRefused, DatabaseUnreachable) as ended:
                # Where the master gets an answer, something ended the user's session, and not the network.
                session.value("SELECT 1")
                note = f"note: in {database} its attempts were ended by the server: {ended}"
                progress = progress.with_notes([note])
            self._keep(user, progress.with_database(database, tried))

    def _report(self, session: Session, user: DbUser, databases: Sequence[str]) -> UserReport:
        progress = self._progress.users[user.account]
        if not progress.database_count:
            raise DbUserSetupFailed(
                f"The database user {user.account} could be set up in no database: the cluster has none.",
                "Restore a snapshot that has databases, or leave the user out.",
            )
        account = self._existing(session, user)
        self._check_rights(session, user, account, databases)
        shared = rights.of_other_hosts(session, account)
        iam = ["logs in by IAM; the login itself was not tried: it needs the right rds-db:connect"]
        found = [
            *(iam if user.iam else []),
            f"has {user.access} on {progress.database_words}, on what is there and what is made there later"
            + ("" if shared else ", and nothing else"),
            *progress.checks,
            *progress.words_for_the_others,
            *progress.notes,
            *(f"note: {words}" for words in (*shared, *rights.of_everyone(session))),
        ]
        return UserReport(
            user.username,
            user.access,
            progress.action,
            tuple(sorted(progress.databases)),
            tuple(found),
            progress.database_count,
            user.host,
        )


_CHANGED_MEANWHILE = (
    "Something else changed the account during the run: see who works on the restored cluster, and start again under a "
    "new name."
)


def _refused_user(user: DbUser, refused: ServerRefused) -> DbUserSetupFailed:
    return DbUserSetupFailed(
        f"The database user {user.account} could not be made or changed: {refused}.",
        "Mend in the source cluster what the server's words name (an account with SYSTEM_USER can be changed only by "
        "another one), and restore a snapshot taken after that; or choose another username.",
    )


def find_databases(session: Session) -> list[str]:
    """Those of customers, in the order of Python's comparison, by which progress is kept."""
    rows = session.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    return sorted(str(name) for (name,) in rows if str(name).lower() not in SYSTEM_DATABASES)
