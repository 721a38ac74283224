"""Database servers in memory, of the clusters of a local Aurora. Held to the real ones by tests/contract/database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.fakes.copies import FakeCopy
from tests.support.as_observed import endpoint_answer, login_attempt

from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress
from aurora_restore.domain.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    DbUserSetupFailed,
    MasterLoginRefused,
    RestoreError,
)
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
from local_aurora.endpoints import cluster_of_host
from local_aurora.model import LocalAurora


@dataclass
class FakeRole:
    """A login role. `levels` holds the access by database."""

    password: str | None = field(repr=False)
    can_login: bool = True
    iam: bool = False
    locked: bool = False
    levels: dict[str, Access] = field(default_factory=dict)

    def admits(self, credentials: Credentials) -> bool:
        return self.can_login and not self.iam and self.password == credentials.password


@dataclass
class FakeServer:
    """What is in the server of a cluster, besides its master user.

    Attributes:
        roles: by name; at first those that came along with the snapshot.
        databases_a_call: in how many of its databases one call sets users up, whatever time it has.
        notes, not_looked_into: what a set-up says besides.
        set_ups: how many calls have set up users.
        acted_in_set_up: whether something of the copy acted by itself in one of them.
    """

    databases: tuple[str, ...] = ("postgres", "shop")
    roles: dict[str, FakeRole] = field(default_factory=lambda: {"shop_app": FakeRole("of production")})
    copy: FakeCopy = field(default_factory=FakeCopy)
    databases_a_call: int = 1000
    notes: tuple[str, ...] = ()
    not_looked_into: tuple[NotLookedInto, ...] = ()
    set_ups: int = 0
    acted_in_set_up: bool = False


class FakeDatabases:
    """The `Databases` port. The local Aurora says where a name leads, what listens there, and who the master user is.

    Attributes:
        every_login: how every login ends, whatever the server would say; None where the server has its say.
    """

    def __init__(self, aurora: LocalAurora, server_of: Callable[[str], FakeServer]) -> None:
        """`server_of`: what is in the server of a cluster, by its resource id."""
        self.every_login: LoginAttempt | None = None
        self._aurora = aurora
        self._server_of = server_of

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        if self.every_login:
            return self.every_login
        answer = self._aurora.log_in(endpoint.host, endpoint.port, credentials.username, credentials.password)
        attempt = login_attempt(answer)
        if attempt.outcome is not LoginOutcome.REFUSED:
            return attempt
        role = self._server(endpoint).roles.get(credentials.username)
        if role and role.admits(credentials):
            return LoginAttempt(LoginOutcome.ACCEPTED, f"{credentials.username} logged in.")
        return replace(attempt, sqlstate=_refusal(role, credentials))

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        """Only the master user gets an answer."""
        if self.every_login:
            is_refused = self.every_login.outcome is LoginOutcome.REFUSED
            kind = EndpointAnswerKind.LOGIN_REFUSED if is_refused else EndpointAnswerKind.NO_ANSWER
            return EndpointAnswer(kind, self.every_login.reason)
        return endpoint_answer(
            self._aurora.who_answers(endpoint.host, endpoint.port, credentials.username, credentials.password)
        )

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
        refused = DbUserSetupFailed(
            f"The master user {master.username} could not log in to database postgres.",
            "See that the admin secret was not changed during the run.",
        )
        server = self._entered(endpoint, master, refused)
        server.set_ups += 1
        server.acted_in_set_up |= any(fuse.acts for fuse in server.copy.fuses)
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
            server.notes,
            server.not_looked_into,
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
        return self._copy(endpoint, master).survey(begun, has_time, is_wanted)

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        return self._copy(endpoint, master).take_out(fuses, has_time)

    def _copy(self, endpoint: DatabaseEndpoint, master: Credentials) -> FakeCopy:
        refused = MasterLoginRefused(f"The server refused the master user {master.username}.")
        return self._entered(endpoint, master, refused).copy

    def _entered(self, endpoint: DatabaseEndpoint, master: Credentials, refused: RestoreError) -> FakeServer:
        attempt = self.log_in(endpoint, master)
        if attempt.outcome is LoginOutcome.BUSY:
            raise DatabaseBusy(attempt.reason)
        if attempt.outcome is LoginOutcome.UNREACHABLE:
            raise DatabaseUnreachable(attempt.reason)
        if attempt.outcome is LoginOutcome.REFUSED:
            raise refused
        return self._server(endpoint)

    def _server(self, endpoint: DatabaseEndpoint) -> FakeServer:
        cluster = cluster_of_host(self._aurora.world, endpoint.host, self._aurora.clock.now())
        assert cluster is not None, f"a login to {endpoint.host} did not come through"
        return self._server_of(cluster.resource_id)


def _refusal(role: FakeRole | None, credentials: Credentials) -> str:
    """PostgreSQL's SQLSTATE: of a wrong password or name; of a role that no password lets in."""
    is_locked = role is not None and not role.can_login and role.password == credentials.password
    return "28000" if role is not None and (role.iam or is_locked) else "28P01"


def _set_up(
    server: FakeServer, logins: Sequence[DbUserLogin], progress: SetupProgress, has_time: Callable[[], bool]
) -> tuple[SetupProgress, bool]:
    """Every database twice, for rights and for checks; their positions serve as oids. And whether all is done."""
    for login in logins:
        if login.user.username not in progress.users:
            progress = progress.with_user(login.user.username, UserProgress(_make_role(server, login)))
    visited = 0
    while True:
        left = [(oid, name) for oid, name in enumerate(server.databases, 1) if oid > progress.after_oid]
        progress = replace(progress, total=progress.done + len(left))
        for oid, database in left:
            if visited and (visited >= server.databases_a_call or not has_time()):
                return progress, False
            progress = _visit(server, logins, progress, database)
            progress = replace(progress, after_oid=oid, done=progress.done + 1)
            visited += 1
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
