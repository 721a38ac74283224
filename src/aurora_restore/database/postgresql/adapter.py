"""The `Databases` port for Aurora PostgreSQL."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_restore.database import tls
from aurora_restore.database.asking_who import ask_who
from aurora_restore.database.postgresql.session import (
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    Limits,
    LoginRefused,
    Server,
    ServerRefused,
)
from aurora_restore.database.postgresql.tls_request import ask_for_tls
from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.errors import (
    CopyNotQuiet,
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
from aurora_restore.domain.users import DbUserLogin, UsersReport, refuse_impossible_logins
from aurora_restore.domain.visible_text import storable

if TYPE_CHECKING:
    from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress

_SURVEY_STATEMENT_SECONDS = 20.0


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
        """Try user and password. A login that the database `postgres` refuses for another reason is accepted."""
        try:
            self._server(endpoint).open(credentials, MAINTENANCE_DATABASES[0]).close()
        except LoginRefused as refused:
            return LoginAttempt(
                LoginOutcome.REFUSED,
                f"The server refused {credentials.username}: {refused}.",
                refused.sqlstate,
            )
        except DatabaseRefused as refused:
            return LoginAttempt(LoginOutcome.ACCEPTED, f"User and password are right; {refused}.")
        except DatabaseBusy as busy:
            return LoginAttempt(LoginOutcome.BUSY, busy.message)
        except DatabaseUnreachable as unreachable:
            return LoginAttempt(LoginOutcome.UNREACHABLE, unreachable.message)
        return LoginAttempt(LoginOutcome.ACCEPTED, f"{credentials.username} logged in.")

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        """See the port. No password goes to a server whose certificate does not name the host."""

        def log_in_and_ask() -> EndpointAnswer:
            refusal = ""
            for database in MAINTENANCE_DATABASES:
                try:
                    with self._server(endpoint).open(credentials, database) as session:
                        instance = str(session.value("SELECT aurora_db_instance_identifier()"))
                except LoginRefused as refused:
                    reason = f"the server refused {credentials.username}: {refused}"
                    return EndpointAnswer(EndpointAnswerKind.LOGIN_REFUSED, reason)
                except (DatabaseRefused, ServerRefused) as refused:
                    refusal = str(refused)
                else:
                    return EndpointAnswer(EndpointAnswerKind.LOGGED_IN, f"{instance} answers", instance)
            reason = f"the database does not say who it is: {refusal}"
            return EndpointAnswer(EndpointAnswerKind.NO_ANSWER, reason)

        return ask_who(endpoint, self._ca_bundle_path, ask_for_tls, log_in_and_ask)

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
        begun: SetupProgress | None = None,
        has_time: Callable[[], bool] = always,
    ) -> UsersReport:
        """See the port. Users are worked on in their order; what was reached before an error stays."""
        # Only SetupDbUsers needs this: the others do not compile it at their cold start.
        from aurora_restore.database.postgresql.user_setup import UserSetup  # noqa: PLC0415

        refuse_impossible_logins(master.username, users)
        setup = UserSetup(self._server(endpoint), master, users, begun, has_time)
        try:
            report = setup.run(lock_other_logins=lock_other_logins)
        except LoginRefused as refused:
            raise DbUserSetupFailed(
                f"The master user {master.username} could not log in: {refused}.",
                "See that the admin secret was not changed during the run; then start again under a new name.",
            ) from None
        except DatabaseRefused as refused:
            raise DbUserSetupFailed(_no_way_in(master, refused), _OPEN_ONE) from None
        except ServerRefused as refused:
            raise DbUserSetupFailed(
                f"The server refused the master user {master.username}: {refused}.",
                "Mend in the source cluster what the server's words name, or ask for other users, and start again "
                "under a new name.",
            ) from None
        except DbUserSetupFailed as failed:
            raise DbUserSetupFailed(storable(failed.message), storable(failed.hint)) from None
        # Names are bytes in PostgreSQL, and text in a record.
        return replace(
            report,
            users=tuple(
                replace(user, databases=_storable(user.databases), checks=_storable(user.checks))
                for user in report.users
            ),
            other_logins=_storable(report.other_logins),
            locked_logins=_storable(report.locked_logins),
            notes=_storable(report.notes),
            not_looked_into=tuple(
                NotLookedInto(storable(each.database), storable(each.reason))
                for each in report.not_looked_into
            ),
        )

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        """See the port."""
        from aurora_restore.database.postgresql.surveying import Surveying  # noqa: PLC0415 - as above

        with _refusals_of(master):
            return Surveying(self._quick_server(endpoint), master, begun, has_time, is_wanted).run()

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        """See the port."""
        from aurora_restore.database.postgresql.defusing import TakingOut  # noqa: PLC0415 - as above

        with _refusals_of(master):
            return TakingOut(self._quick_server(endpoint), master, has_time).run(fuses)

    def _quick_server(self, endpoint: DatabaseEndpoint) -> Server:
        """For many small questions, of which none is worth waiting for long."""
        few = min(self._limits.statement_seconds, _SURVEY_STATEMENT_SECONDS)
        return replace(
            self._server(endpoint), limits=replace(self._limits, lock_seconds=few, statement_seconds=few)
        )


_OPEN_ONE = (
    "Mend in the source cluster what the server's words name (a limit of the role or the database, CONNECT, a trigger "
    "at the login) for one of these databases, and restore a snapshot taken after that."
)


def _no_way_in(master: Credentials, refused: DatabaseRefused) -> str:
    return (
        f"The password of the master user {master.username} is right, and no database lets it in: {refused}."
    )


@contextmanager
def _refusals_of(master: Credentials) -> Iterator[None]:
    """What the server answers at the master's login, as the port says it. An answer is not called silence."""
    try:
        yield
    except LoginRefused as refused:
        raise MasterLoginRefused(
            f"The server refused the master user {master.username}: {refused}."
        ) from None
    except DatabaseRefused as refused:
        raise MasterLoginRefused(_no_way_in(master, refused), _OPEN_ONE) from None
    except ServerRefused as refused:
        raise CopyNotQuiet(
            f"The server refused the master user {master.username} the look at what came along, so that nothing says "
            f"whether the copy is quiet: {refused}.",
            "Mend in the source cluster what the server's words name, restore a snapshot taken after that, and start "
            "again under a new name.",
        ) from None


def _storable(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(storable, texts))
