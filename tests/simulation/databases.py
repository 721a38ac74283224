"""The databases of a simulation: each call can meet a fault, and servers can be full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError
from tests.fakes.databases import FakeDatabases
from tests.fakes.fault_injector import FaultInjector

from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress
from aurora_restore.domain.errors import DatabaseUnreachable, DbUserSetupFailed
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    EndpointAnswer,
    EndpointAnswerKind,
    LoginAttempt,
    LoginOutcome,
)
from aurora_restore.domain.user_progress import SetupProgress, always
from aurora_restore.domain.users import DbUserLogin, UsersReport
from aurora_restore.steps.ports import Clock

T = TypeVar("T")


class SimulatedDatabases:
    """The `Databases` port, as another one answers. Held to the real ones by tests/contract/database.

    `full_until`: how long every server answers a login with "too many connections".
    """

    def __init__(self, databases: FakeDatabases, injector: FaultInjector, clock: Clock) -> None:
        self.full_until: datetime | None = None
        self._databases = databases
        self._injector = injector
        self._clock = clock

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        try:
            return self._call("GetLogin", lambda: self._databases.log_in(endpoint, credentials))
        except DatabaseUnreachable as unreachable:
            return LoginAttempt(LoginOutcome.UNREACHABLE, unreachable.message)
        except DbUserSetupFailed:
            return LoginAttempt(LoginOutcome.REFUSED, f"the server refused {credentials.username}")

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        try:
            return self._call("GetAnswer", lambda: self._databases.ask_who_answers(endpoint, credentials))
        except DatabaseUnreachable as unreachable:
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
        def act() -> UsersReport:
            return self._databases.set_up_users(endpoint, master, users, lock_other_logins, begun, has_time)

        return self._call("SetUpUsers", act)

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        def act() -> Survey:
            return self._databases.survey_copy(endpoint, master, begun, has_time, is_wanted)

        return self._call("GetSurvey", act)

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        return self._call("Defuse", lambda: self._databases.defuse(endpoint, master, fuses, has_time))

    def _call(self, operation: str, act: Callable[[], T]) -> T:
        """No answer is what most faults look like from here; what AWS would deny, the server refuses."""
        is_full = self.full_until is not None and self._clock.now() < self.full_until
        self._databases.every_login = FULL if is_full else None
        try:
            return self._injector.call("database", operation, act)
        except ConnectionClosedError as closed:
            raise DatabaseUnreachable("the connection was closed") from closed
        except ClientError as refused:
            if "AccessDenied" in str(refused):
                raise DbUserSetupFailed("The server refused the login.") from refused
            raise DatabaseUnreachable("the connection timed out") from refused


FULL = LoginAttempt(
    LoginOutcome.BUSY,
    "The server took no connection to database postgres: sorry, too many clients already (SQLSTATE 53300).",
)
