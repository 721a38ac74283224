"""Taking out what would act by itself. Each fuse is one transaction, and taking it out twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from aurora_restore.database.postgresql.acting import run_as
from aurora_restore.database.postgresql.asking import NotSeen, asked
from aurora_restore.database.postgresql.quoting import literal
from aurora_restore.database.postgresql.reach import (
    give_back,
    make_sure_it_answers,
    open_database,
    open_maintenance,
)
from aurora_restore.database.postgresql.session import (
    INSUFFICIENT_PRIVILEGE,
    DatabaseRefused,
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.came_along import Kind
from aurora_restore.domain.defusing import Fuse, Outcome, Refusal
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import storable

# A member of it may do with logical slots what otherwise asks for REPLICATION (AuroraUserGuide, "Setting up logical
# replication for your Aurora PostgreSQL DB cluster").
REPLICATION_GROUP = "rds_replication"
_RELEASE_MILLISECONDS = 5000


class TakingOut:
    """One call of `defuse` on one server."""

    def __init__(self, server: Server, master: Credentials, has_time: Callable[[], bool]) -> None:
        self._server = server
        self._master = master
        self._has_time = has_time
        self._has_got_further = False
        self._refusals: list[Refusal] = []
        self._left: list[Fuse] = []

    def run(self, fuses: Sequence[Fuse]) -> Outcome:
        """Take the fuses out, in their order as far as they are of one database.

        Raises:
            LoginRefused, DatabaseRefused: no database lets the master in.
            DatabaseBusy: something that acts could not be taken out now, and can be later; or the server takes no
                login.
            DatabaseUnreachable: no answer; or none from the database of something that acts.
        """
        slots = [fuse for fuse in fuses if fuse.kind is Kind.LOGICAL_SLOT]
        others = [fuse for fuse in fuses if fuse.kind is not Kind.LOGICAL_SLOT]
        with open_maintenance(self._server, self._master) as maintenance:
            give_back(maintenance)
            # In its order, and without a new connection for each.
            for database, of_database in groupby(others, key=lambda fuse: fuse.connect_to):
                self._in_database(maintenance, database, list(of_database))
            self._each(maintenance, slots)
        return Outcome(tuple(self._refusals), tuple(self._left))

    def _is_late(self) -> bool:
        """A call that comes late still does something, so that every call gets further."""
        return self._has_got_further and not self._has_time()

    def _refuse(self, fuses: Sequence[Fuse], reason: str) -> None:
        self._refusals += [Refusal(fuse, reason) for fuse in fuses]

    def _in_database(self, maintenance: Session, database: str, fuses: list[Fuse]) -> None:
        if self._is_late():
            self._left += fuses
            return
        for fuse in fuses:
            if fuse.unreachable:
                self._refuse([fuse], fuse.unreachable)
        within = [fuse for fuse in fuses if not fuse.unreachable]
        if not within:
            return
        try:
            session = open_database(self._server, self._master, maintenance, database)
        except (LoginRefused, DatabaseRefused) as refused:
            self._refuse(within, str(refused))
        except (DatabaseBusy, DatabaseUnreachable) as passing:
            make_sure_it_answers(self._server, self._master)
            if any(fuse.acts for fuse in within):
                raise
            self._refuse(within, passing.message)
        else:
            with session:
                self._each(session, within)
        self._has_got_further = True

    def _each(self, session: Session, fuses: list[Fuse]) -> None:
        """What acts, and could not be ended for a reason that passes, is worth another call."""
        passing = None
        for fuse in fuses:
            if self._is_late():
                self._left.append(fuse)
                continue
            try:
                asked(session, lambda: _take_out(session, fuse))  # noqa: B023 - called at once
            except NotSeen as refused:
                self._refuse([fuse], storable(str(refused)))
                passing = refused.passing if fuse.acts and refused.passing else passing
            self._has_got_further = True
        if passing is not None:
            raise passing


def _take_out(session: Session, fuse: Fuse) -> None:
    if fuse.kind is not Kind.LOGICAL_SLOT:
        run_as(session, fuse.owner, fuse.statements)
        return
    # A session that reads from the copy takes it for production. The server waits until it is gone, or gives it up.
    session.rows(
        f"SELECT pg_terminate_backend(active_pid, {_RELEASE_MILLISECONDS}) FROM pg_replication_slots"  # noqa: S608
        f" WHERE slot_name = {literal(fuse.name)} AND active_pid IS NOT NULL"
    )
    try:
        run_as(session, "", fuse.statements)
    except ServerRefused as refused:
        if refused.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        run_as(session, REPLICATION_GROUP, fuse.statements)
