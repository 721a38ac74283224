"""The database servers behind simulated clusters: logins follow the local Aurora, users are only remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError
from tests.fakes.border import Border
from tests.fakes.copies import FakeCopy
from tests.simulation.quietness import Copies
from tests.support.as_observed import endpoint_answer, login_attempt

from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress
from aurora_restore.domain.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    DbUserSetupFailed,
    MasterLoginRefused,
)
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    EndpointAnswer,
    EndpointAnswerKind,
    LoginAttempt,
    LoginOutcome,
)
from aurora_restore.domain.user_progress import SetupProgress, always
from aurora_restore.domain.users import DbUserLogin, UserReport, UsersReport
from local_aurora.endpoints import cluster_of_host
from local_aurora.model import LocalAurora
from local_aurora.objects import Cluster

T = TypeVar("T")


class SimulatedDatabases:
    """The port `Databases`.

    `users`: the host of a cluster → the names that were set up there. `full_until`: how long every server answers a
    login with "too many connections".
    """

    def __init__(
        self, aurora: LocalAurora, border: Border, users: dict[str, set[str]], copies: Copies
    ) -> None:
        self.users = users
        self.copies = copies
        self.full_until: datetime | None = None
        self._aurora = aurora
        self._border = border

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        def act() -> LoginAttempt:
            return self._attempt(endpoint, credentials)

        try:
            self._take_login(endpoint)
            return self._cross("GetLogin", act)
        except DatabaseBusy as busy:
            return LoginAttempt(LoginOutcome.BUSY, busy.message)
        except DatabaseUnreachable as unreachable:
            return LoginAttempt(LoginOutcome.UNREACHABLE, unreachable.message)
        except DbUserSetupFailed:
            return LoginAttempt(LoginOutcome.REFUSED, f"the server refused {credentials.username}")

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        def act() -> EndpointAnswer:
            return endpoint_answer(
                self._aurora.who_answers(
                    endpoint.host, endpoint.port, credentials.username, credentials.password
                )
            )

        try:
            self._take_login(endpoint)
            return self._cross("GetAnswer", act)
        except (DatabaseBusy, DatabaseUnreachable) as unreachable:
            return EndpointAnswer(EndpointAnswerKind.NO_ANSWER, unreachable.message)
        except DbUserSetupFailed:
            return EndpointAnswer(EndpointAnswerKind.LOGIN_REFUSED, "the server refused the login")

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
        begun: SetupProgress | None = None,
        has_time: Callable[[], bool] = always,
    ) -> UsersReport:
        self._take_login(endpoint)

        def act() -> UsersReport:
            attempt = self._attempt(endpoint, master)
            if attempt.outcome is LoginOutcome.UNREACHABLE:
                raise DatabaseUnreachable(attempt.reason)
            if attempt.outcome is LoginOutcome.REFUSED:
                raise DbUserSetupFailed(f"The master user {master.username} could not log in.")
            self.copies.note_users(self._cluster(endpoint).resource_id)
            self.users.setdefault(endpoint.host, set()).update(item.user.username for item in users)
            reports = tuple(
                UserReport(item.user.username, item.user.access, "created", (), ()) for item in users
            )
            return UsersReport(reports, ("shop_app",), ("shop_app",) if lock_other_logins else ())

        return self._cross("SetUpUsers", act)

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        self._take_login(endpoint)
        return self._cross(
            "GetSurvey", lambda: self._copy(endpoint, master).survey(begun, has_time, is_wanted)
        )

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        self._take_login(endpoint)
        return self._cross("Defuse", lambda: self._copy(endpoint, master).take_out(fuses, has_time))

    def _take_login(self, endpoint: DatabaseEndpoint) -> None:
        if self.full_until is not None and self._aurora.clock.now() < self.full_until:
            where = f"{endpoint.host}:{endpoint.port} took no connection to database postgres"
            raise DatabaseBusy(f"{where}: sorry, too many clients already (SQLSTATE 53300).")

    def _copy(self, endpoint: DatabaseEndpoint, master: Credentials) -> FakeCopy:
        """What came along in the cluster; it is the same under every name."""
        attempt = self._attempt(endpoint, master)
        if attempt.outcome is LoginOutcome.UNREACHABLE:
            raise DatabaseUnreachable(attempt.reason)
        if attempt.outcome is LoginOutcome.REFUSED:
            raise MasterLoginRefused(f"The master user {master.username} could not log in.")
        return self.copies.of(self._cluster(endpoint).resource_id)

    def _cluster(self, endpoint: DatabaseEndpoint) -> Cluster:
        cluster = cluster_of_host(self._aurora.world, endpoint.host, self._aurora.clock.now())
        assert cluster is not None
        return cluster

    def _attempt(self, endpoint: DatabaseEndpoint, login: Credentials) -> LoginAttempt:
        return login_attempt(
            self._aurora.log_in(endpoint.host, endpoint.port, login.username, login.password)
        )

    def _cross(self, operation: str, act: Callable[[], T]) -> T:
        """No answer is what most faults look like from here; what AWS would deny, the server refuses."""
        try:
            return self._border.cross("database", operation, act)
        except ConnectionClosedError as closed:
            raise DatabaseUnreachable("the connection was closed") from closed
        except ClientError as refused:
            if "AccessDenied" in str(refused):
                raise DbUserSetupFailed("The server refused the login.") from refused
            raise DatabaseUnreachable("the connection timed out") from refused
