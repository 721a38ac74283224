"""Database servers in memory, for tests that need no SQL. Held to the real ones by tests/contract/database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.fakes.copies import FakeCopy

from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress
from aurora_restore.domain.errors import DatabaseUnreachable, DbUserSetupFailed, MasterLoginRefused
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    EndpointAnswer,
    EndpointAnswerKind,
    LoginAttempt,
    LoginOutcome,
)
from aurora_restore.domain.user_progress import SetupProgress, UserProgress, always
from aurora_restore.domain.users import (
    Access,
    DbUserLogin,
    UserReport,
    UsersReport,
    refuse_impossible_logins,
    refuse_missing_databases,
)


@dataclass
class FakeRole:
    """A login role. `levels` holds the access by database."""

    password: str | None = field(repr=False)
    can_login: bool = True
    iam: bool = False
    locked: bool = False
    levels: dict[str, Access] = field(default_factory=dict)


@dataclass
class FakeServer:
    """The server behind one endpoint."""

    master: Credentials
    databases: tuple[str, ...]
    roles: dict[str, FakeRole]
    answers: bool = True
    certificate_names: tuple[str, ...] = ()
    instance_identifier: str = ""
    copy: FakeCopy = field(default_factory=FakeCopy)


class FakeDatabases:
    """The `Databases` port. An endpoint that no test has added answers like one where nothing listens."""

    def __init__(self) -> None:
        self._servers: dict[DatabaseEndpoint, FakeServer] = {}

    def add_server(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        databases: Sequence[str] = ("postgres",),
        logins: Mapping[str, str] | None = None,
    ) -> FakeServer:
        """Put a server there; `logins` are the roles and passwords that came along with a snapshot."""
        roles = {name: FakeRole(password) for name, password in (logins or {}).items()}
        server = FakeServer(master, tuple(sorted(databases)), roles)
        self._servers[endpoint] = server
        return server

    def remove_server(self, endpoint: DatabaseEndpoint) -> None:
        self._servers.pop(endpoint, None)

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        try:
            server = self._answering(endpoint)
        except DatabaseUnreachable as unreachable:
            return LoginAttempt(LoginOutcome.UNREACHABLE, unreachable.message)
        name = credentials.username
        if _admits(server, credentials):
            return LoginAttempt(LoginOutcome.ACCEPTED, f"{name} logged in.")
        return LoginAttempt(
            LoginOutcome.REFUSED, f"The server refused {name}.", _refusal(server, credentials)
        )

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        server = self._servers.get(endpoint)
        if server is None or not server.answers:
            return EndpointAnswer(EndpointAnswerKind.NO_ANSWER, "Connection refused")
        names = server.certificate_names
        if endpoint.host not in names:
            return EndpointAnswer(EndpointAnswerKind.OTHER_CERTIFICATE, "it names others", None, names)
        if not _admits(server, credentials):
            return EndpointAnswer(EndpointAnswerKind.LOGIN_REFUSED, "refused", None, names)
        return EndpointAnswer(EndpointAnswerKind.LOGGED_IN, "it answers", server.instance_identifier, names)

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
        begun: SetupProgress | None = None,
        has_time: Callable[[], bool] = always,
    ) -> UsersReport:
        refuse_impossible_logins(master.username, users)
        server = self._answering(endpoint)
        if server.master != master:
            raise DbUserSetupFailed(
                f"The master user {master.username} could not log in to database postgres.",
                "See that the admin secret was not changed during the run.",
            )
        ours = {login.user.username for login in users}
        others = {name: role for name, role in server.roles.items() if name not in ours}
        for role in others.values():
            if lock_other_logins and role.can_login:
                role.can_login, role.locked = False, True
        refuse_missing_databases([login.user for login in users], server.databases)
        progress, is_finished = _set_up(server, users, begun or SetupProgress(), has_time)
        reports = [_report(login, progress.users[login.user.username]) for login in users]
        found = sorted(name for name, role in others.items() if role.can_login or role.locked)
        return UsersReport(
            tuple(reports if is_finished else ()),
            tuple(found),
            tuple(name for name in found if others[name].locked),
            unfinished=None if is_finished else progress,
        )

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        return self._entered(endpoint, master).copy.survey(begun, has_time, is_wanted)

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        return self._entered(endpoint, master).copy.take_out(fuses, has_time)

    def _entered(self, endpoint: DatabaseEndpoint, master: Credentials) -> FakeServer:
        server = self._answering(endpoint)
        if server.master != master:
            raise MasterLoginRefused(f"The server refused the master user {master.username}.")
        return server

    def _answering(self, endpoint: DatabaseEndpoint) -> FakeServer:
        server = self._servers.get(endpoint)
        if server is None or not server.answers:
            raise DatabaseUnreachable(
                f"No connection to {endpoint.host}:{endpoint.port}: Connection refused."
            )
        return server


def _admits(server: FakeServer, credentials: Credentials) -> bool:
    if credentials == server.master:
        return True
    role = server.roles.get(credentials.username)
    return role is not None and role.can_login and not role.iam and role.password == credentials.password


def _refusal(server: FakeServer, credentials: Credentials) -> str:
    """PostgreSQL's SQLSTATE: of a wrong password or name; of a role that no password lets in."""
    role = server.roles.get(credentials.username)
    is_locked = role is not None and not role.can_login and role.password == credentials.password
    return "28000" if role is not None and (role.iam or is_locked) else "28P01"


def _set_up(
    server: FakeServer, logins: Sequence[DbUserLogin], progress: SetupProgress, has_time: Callable[[], bool]
) -> tuple[SetupProgress, bool]:
    """Every database twice, for rights and for checks; their positions serve as oids. And whether all is done."""
    for login in logins:
        if login.user.username not in progress.users:
            progress = progress.with_user(login.user.username, UserProgress(_make_role(server, login)))
    got_further = False
    while True:
        left = [(oid, name) for oid, name in enumerate(server.databases, 1) if oid > progress.after_oid]
        progress = replace(progress, total=progress.done + len(left))
        for oid, database in left:
            if got_further and not has_time():
                return progress, False
            progress = _visit(server, logins, progress, database)
            progress = replace(progress, after_oid=oid, done=progress.done + 1)
            got_further = True
        if progress.checking:
            return progress, True
        progress = replace(progress, checking=True, after_oid=0, done=0)


def _visit(
    server: FakeServer, logins: Sequence[DbUserLogin], progress: SetupProgress, database: str
) -> SetupProgress:
    for login in logins:
        name, level = login.user.username, login.user.access_in(database)
        if level is not None and progress.checking:
            seen = progress.users[name].with_database(database, [_tried(login, database)])
            progress = progress.with_user(name, seen)
        elif level is not None:
            server.roles[name].levels[database] = level
    return progress


def _make_role(server: FakeServer, login: DbUserLogin) -> str:
    user = login.user
    expected = FakeRole(
        password=login.credentials.password if login.credentials else None,
        iam=user.iam,
        levels={name: user.access for name in server.databases if user.access_in(name) is not None},
    )
    earlier = server.roles.get(user.username)
    server.roles[user.username] = replace(
        expected, levels=dict(earlier.levels) if earlier == expected else {}
    )
    return "created" if earlier is None else "unchanged" if earlier == expected else "changed"


def _tried(login: DbUserLogin, database: str) -> str:
    if login.credentials:
        return f"logs in to {database} with its own password"
    return f"the login to {database} was not tried: rds-db:connect"


def _report(login: DbUserLogin, progress: UserProgress) -> UserReport:
    user, checks = login.user, (*progress.checks, *progress.words_for_the_others)
    return UserReport(
        user.username, user.access, progress.action, progress.databases, checks, progress.database_count
    )
