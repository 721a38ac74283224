"""The survey of a restored cluster: all that came along, in every database that can be connected to.

A database that is closed, limited or broken is named as not looked into, and fails nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aurora_restore.database import findings_of_cluster as of_cluster
from aurora_restore.database.asking import NotSeen, asked
from aurora_restore.database.cron_jobs import cron_database, cron_jobs
from aurora_restore.database.findings_of_cluster import Database, Found
from aurora_restore.database.findings_of_database import QUESTIONS, default_collation
from aurora_restore.database.reach import (
    BORROWED,
    give_back,
    make_sure_it_answers,
    open_database,
    open_maintenance,
)
from aurora_restore.database.session import DatabaseRefused, LoginRefused, Server, Session
from aurora_restore.database.user_mappings import user_mappings
from aurora_restore.domain.came_along import Kind, NotLookedInto, bounded
from aurora_restore.domain.defusing import Survey
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import visible

SURVEY_SECONDS = 240.0
"""How long the databases are gone through: below the limit of the function by which it is called."""

_OF_CLUSTER: tuple[tuple[Kind, Callable[[Session], Found]], ...] = (
    (Kind.SUBSCRIPTION, of_cluster.subscriptions),
    (Kind.LOGICAL_SLOT, of_cluster.slots),
    (Kind.PREPARED_TRANSACTION, of_cluster.prepared_transactions),
    (Kind.SETTING, of_cluster.settings),
)

_OF_DATABASE: tuple[tuple[Kind, Callable[[Session], Found]], ...] = (
    (Kind.CRON_JOB, cron_jobs),
    (Kind.USER_MAPPING, user_mappings),
    *((question.kind, question.ask) for question in QUESTIONS),
    (Kind.COLLATION, default_collation),
)


class Surveying:
    """One survey of one server."""

    def __init__(
        self,
        server: Server,
        master: Credentials,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = SURVEY_SECONDS,
    ) -> None:
        self._server = server
        self._master = master
        self._clock = clock
        self._end = clock() + seconds
        self._found = Found()
        self._not_seen: list[NotLookedInto] = []

    def run(self) -> Survey:
        """Raises as `open_maintenance`: of the cluster as a whole nothing could be seen."""
        with open_maintenance(self._server, self._master) as session:
            give_back(session)
            databases = of_cluster.databases(session)
            self._found.add(of_cluster.closed_databases(databases))
            self._ask(session, _OF_CLUSTER, "")
            first = cron_database(session)
            for database in sorted(databases, key=lambda each: each.name.raw != first):
                self._look_into(session, database)
            if left := give_back(session):
                self._not_seen.append(NotLookedInto("", visible(left), BORROWED))
        found = self._found
        return Survey(
            bounded(found.things, found.unnamed, [*found.not_seen, *self._not_seen]), tuple(found.fuses)
        )

    def _look_into(self, maintenance: Session, database: Database) -> None:
        if database.closed:
            # It is on the list of what came along.
            return
        if self._clock() > self._end:
            self._skip(database, "there was no time left for it")
            return
        try:
            with open_database(self._server, self._master, maintenance, database.name.raw) as session:
                self._ask(session, _OF_DATABASE, database.name.shown)
        except (LoginRefused, DatabaseRefused) as refused:
            self._skip(database, str(refused))
        except (DatabaseBusy, DatabaseUnreachable) as passing:
            make_sure_it_answers(self._server, self._master)
            self._skip(database, passing.message)

    def _skip(self, database: Database, reason: str) -> None:
        self._not_seen.append(NotLookedInto(database.name.shown, visible(reason)))

    def _ask(
        self, session: Session, questions: Sequence[tuple[Kind, Callable[[Session], Found]]], database: str
    ) -> None:
        for kind, question in questions:
            try:
                self._found.add(asked(session, lambda: question(session)))  # noqa: B023 - called at once
            except NotSeen as not_seen:
                what = kind.replace("_", " ")
                self._not_seen.append(NotLookedInto(database, visible(str(not_seen)), what))
