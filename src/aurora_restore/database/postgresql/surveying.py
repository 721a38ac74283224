"""The survey of a restored cluster: all that came along, in every database that can be connected to.

A database that is closed, limited or broken is named as not looked into, and fails nothing. One call looks into as many
databases as its time allows, and the next one goes on there; each call asks for what belongs to the whole cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aurora_restore.database.found import Found
from aurora_restore.database.postgresql import findings_of_cluster as of_cluster
from aurora_restore.database.postgresql.asking import NotSeen, asked
from aurora_restore.database.postgresql.cron_jobs import cron_database, cron_jobs
from aurora_restore.database.postgresql.findings_of_cluster import Database
from aurora_restore.database.postgresql.findings_of_database import QUESTIONS, default_collation
from aurora_restore.database.postgresql.reach import (
    BORROWED,
    give_back,
    make_sure_it_answers,
    open_database,
    open_maintenance,
)
from aurora_restore.database.postgresql.session import DatabaseRefused, LoginRefused, Server, Session
from aurora_restore.database.postgresql.user_mappings import user_mappings
from aurora_restore.domain.came_along import CameAlong, Kind, NotLookedInto, bounded
from aurora_restore.domain.defusing import Fuse, Survey, SurveyProgress, is_enough
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import visible

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
    """One call of a survey of one server, going on from `begun`.

    `is_wanted`: which fuses the caller takes out before it looks further; None: none.
    """

    def __init__(
        self,
        server: Server,
        master: Credentials,
        begun: SurveyProgress | None,
        has_time: Callable[[], bool],
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> None:
        self._server = server
        self._master = master
        self._begun = begun or SurveyProgress()
        self._progress = self._begun
        self._has_time = has_time
        self._is_wanted = is_wanted or (lambda _: False)
        self._of_cluster = Found()
        # What is left behind for good, and what is looked at again, from the first database on that has work.
        self._of_databases = Found()
        self._beyond = Found()
        self._cron: str | None = None

    def run(self) -> Survey:
        """Raises as `open_maintenance`: of the cluster as a whole nothing could be seen."""
        with open_maintenance(self._server, self._master) as session:
            give_back(session)
            databases = of_cluster.databases(session)
            self._of_cluster.add(of_cluster.closed_databases(databases))
            self._ask(session, _OF_CLUSTER, "", self._of_cluster)
            is_finished = self._see_to_databases(session, databases)
            if left := give_back(session):
                self._of_cluster.not_seen.append(NotLookedInto("", visible(left), BORROWED))
        fuses = [*self._of_cluster.fuses, *self._of_databases.fuses, *self._beyond.fuses]
        survey = Survey(self._listed(self._of_cluster, self._of_databases), tuple(fuses), self._begun)
        if is_finished and not any(map(self._is_wanted, fuses)):
            return survey
        # How far nothing is left to be done. What belongs to the whole cluster is asked for again by the next call.
        so_far = Survey(CameAlong(), tuple(self._of_databases.fuses), self._begun)
        progress = replace(
            self._progress,
            came_along=self._listed(self._of_databases),
            acting=so_far.acting,
            logins=so_far.logins,
            login_names=so_far.login_names,
        )
        return replace(survey, unfinished=progress)

    def _see_to_databases(self, session: Session, databases: Sequence[Database]) -> bool:
        """One after the other, as long as there is time and nothing to do first; whether all of them are finished."""
        first = self._cron = cron_database(session)
        # A closed one is on the list of what came along.
        left = [each for each in databases if not each.closed and each.oid > self._begun.after_oid]
        if self._begun.done:
            left = [each for each in left if each.name.raw != first]
        left.sort(key=lambda each: each.name.raw != first)
        self._progress = replace(self._progress, total=self._progress.done + len(left))
        for number, database in enumerate(left):
            # A call that comes late still does one, so that every call gets further.
            to_take_out = list(filter(self._is_wanted, self._of_cluster.fuses + self._beyond.fuses))
            if is_enough(to_take_out) or (number and not self._has_time()):
                return False
            found = self._look_into(session, database)
            if self._beyond.fuses or any(map(self._is_wanted, found.fuses)):
                self._beyond.add(found)
                continue
            self._of_databases.add(found)
            # The one with the jobs comes before its turn, and its oid says nothing of the others.
            after_oid = self._progress.after_oid if database.name.raw == first else database.oid
            self._progress = replace(self._progress, after_oid=after_oid, done=self._progress.done + 1)
        return True

    def _listed(self, *founds: Found) -> CameAlong:
        """What was found, and what the calls before had reported of the databases."""
        known = self._begun.came_along
        every = Found(list(known.found), dict(known.more or {}), [], list(known.not_looked_into))
        for found in founds:
            every.add(found)
        return bounded(every.things, every.unnamed, every.not_seen, unseen_more=known.unseen_more)

    def _look_into(self, maintenance: Session, database: Database) -> Found:
        # A second look, since this database does not get its turn again: one broken connection hides nothing in it.
        for is_last in (False, True):
            found = Found()
            try:
                with open_database(self._server, self._master, maintenance, database.name.raw) as session:
                    self._ask(session, _OF_DATABASE, database.name.shown, found)
            except (LoginRefused, DatabaseRefused) as refused:
                found.not_seen += self._skipped(database, str(refused))
            except (DatabaseBusy, DatabaseUnreachable) as passing:
                make_sure_it_answers(self._server, self._master)
                if not is_last:
                    continue
                found.not_seen += self._skipped(database, passing.message)
            break
        return found

    def _skipped(self, database: Database, reason: str) -> list[NotLookedInto]:
        left = NotLookedInto(database.name.shown, visible(reason))
        # Of the one with the jobs a reader has to know, too, that the jobs were not seen.
        jobs = [replace(left, what=_part(Kind.CRON_JOB))] if database.name.raw == self._cron else []
        return [left, *jobs]

    def _ask(
        self,
        session: Session,
        questions: Sequence[tuple[Kind, Callable[[Session], Found]]],
        database: str,
        found: Found,
    ) -> None:
        for kind, question in questions:
            try:
                found.add(asked(session, lambda: question(session)))  # noqa: B023 - called at once
            except NotSeen as not_seen:
                found.not_seen.append(NotLookedInto(database, visible(str(not_seen)), _part(kind)))


def _part(kind: Kind) -> str:
    return kind.replace("_", " ")
