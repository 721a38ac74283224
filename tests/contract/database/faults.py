"""One fault at one of the places where the database port meets a server: each login, and each statement.

The server itself answers with the error, so that the transaction is in the state in which such an error leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pg8000.native import Connection, DatabaseError, InterfaceError
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import StatementFault
from tests.support.shares import every_case, today

from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.database.postgresql.session import (
    DatabaseRefused,
    LoginRefused,
    Server,
    Session,
    _login_failure,
)
from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint

TOO_MANY = {"C": "53300", "M": "sorry, too many clients already", "R": "ProcArrayAdd"}
_SHUT_DOWN = "RESET ROLE; SELECT pg_terminate_backend(pg_backend_pid())"
_RAISE = "DO $fault$ BEGIN RAISE EXCEPTION 'a fault' USING ERRCODE = '{}'; END $fault$"
# In turn: a statement that hung until its time limit, a lock, memory, a conflict, a server that goes down.
_PASSING = (*map(_RAISE.format, ("57014", "55P03", "53200", "40001")), _SHUT_DOWN)
USERS_DAYS, DEFUSE_DAYS = 3, 5
"""After how many days every kind of fault was tried at the statements that change something."""
EFFECTS_DAYS = 2
SPARSE_DAYS = 23
"""A day has some kinds of fault and some places; none of these numbers divides another, so that all of them meet."""
_LOOKS = ("SELECT", "SHOW", "WITH", "ROLLBACK")
# A request that is lost leaves the server as a death does, and a refusal ends the phase.
_AT_EVERY_EFFECT = (StatementFault.PASSING, StatementFault.REPLY_LOST, StatementFault.DIES)
_REFUSED = _RAISE.format("42501")


@dataclass
class Plan:
    """The fault: its kind, and the number of the place (from 0) at which it happens; None: at none.

    `places`: what was met so far, a statement or `login`. `happened`: whether the fault did.
    """

    kind: StatementFault | None = None
    at: int | None = None
    places: list[str] = field(default_factory=list)
    happened: bool = False

    @property
    def odd(self) -> bool:
        """Which of two forms of the same fault it is."""
        return bool(self.at and self.at % 2)

    def is_due(self, place: str) -> bool:
        self.places.append(place)
        if self.happened or len(self.places) - 1 != self.at:
            return False
        self.happened = True
        return True


def chosen(places: Sequence[str], kind: StatementFault, *, days: int = 1) -> list[int]:
    """The places at which a kind of fault is tried: all of them with EVERY_CASE=1.

    Else some of them, and for most kinds every login, every COMMIT and every statement that changes something by
    itself: what is lost or dies between two of these leaves the server as it was. Each of these is tried on one of
    `days`, and each of the others on one of `SPARSE_DAYS`.
    """
    if every_case():
        return list(range(len(places)))
    first = list(StatementFault).index(kind)
    is_open, effects, found = False, 0, []
    for at, place in enumerate(places):
        is_open = place == "BEGIN" or (is_open and place not in ("COMMIT", "ROLLBACK"))
        takes_effect = kind in _AT_EVERY_EFFECT and not is_open and not place.lstrip().startswith(_LOOKS)
        effects += takes_effect
        is_todays = effects % days == today() % days
        if (takes_effect and is_todays) or (at - today()) % SPARSE_DAYS == first:
            found.append(at)
    return found


class FaultyConnection:
    """The driver's connection, as far as a session uses it."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def run(self, sql: str, **values: Any) -> Any:
        if not self._plan.is_due(sql):
            return self._connection.run(sql, **values)
        match self._plan.kind:
            case StatementFault.REFUSED | StatementFault.PASSING if not sql.startswith("ROLLBACK"):
                self._answer_with_an_error(sql)
            case StatementFault.REPLY_LOST:
                self._connection.run(sql, **values)
        self._connection.close()
        if self._plan.kind is StatementFault.DIES:
            raise ProcessDied
        # The first is what a socket says whose time is over.
        raise TimeoutError if self._plan.odd else InterfaceError("network error")

    def _answer_with_an_error(self, sql: str) -> None:
        assert self._plan.at is not None
        passing = _PASSING[self._plan.at % len(_PASSING)]
        try:
            self._connection.run(_REFUSED if self._plan.kind is StatementFault.REFUSED else passing)
        except DatabaseError:
            if sql == "COMMIT" and passing != _SHUT_DOWN:
                self._connection.run("ROLLBACK")
            raise


@dataclass(frozen=True)
class FaultyServer(Server):
    plan: Plan = field(default_factory=Plan)

    def _open(self, credentials: Credentials, database: str, parameters: Any) -> Session:
        if self.plan.is_due("login"):
            raise self._failure(database)
        session = super()._open(credentials, database, parameters)
        session._connection = FaultyConnection(session._connection, self.plan)
        return session

    def _failure(self, database: str) -> BaseException:
        match self.plan.kind:
            case StatementFault.REFUSED:
                closed = DatabaseRefused(
                    "55000", f"database {database} is not currently accepting connections"
                )
                wrong = LoginRefused("password authentication failed", "28P01")
                return closed if self.plan.odd else wrong
            case StatementFault.PASSING:
                return _login_failure(TOO_MANY, False, "the server took no connection")
            case StatementFault.DIES:
                return ProcessDied()
        return DatabaseUnreachable("The connection broke off at the login.")


class FaultyDatabases(PostgresDatabases):
    """The real port on one real server, whichever cluster it is asked about, with one fault."""

    def __init__(self, ca_bundle_path: Path, endpoint: DatabaseEndpoint, plan: Plan) -> None:
        super().__init__(ca_bundle_path)
        self._endpoint = endpoint
        self._plan = plan

    def _server(self, endpoint: DatabaseEndpoint) -> Server:
        return FaultyServer(self._endpoint, self._context, self._limits, plan=self._plan)
