"""Taking out what would act by itself. Each fuse is one transaction, and taking it out twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from aurora_restore.database.acting import run_as
from aurora_restore.database.asking import NotSeen, asked
from aurora_restore.database.quoting import literal
from aurora_restore.database.reach import give_back, make_sure_it_answers, open_database, open_maintenance
from aurora_restore.database.session import (
    INSUFFICIENT_PRIVILEGE,
    DatabaseRefused,
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.came_along import Kind
from aurora_restore.domain.defusing import Fuse, Refusal
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import storable

# A member of it may do with logical slots what otherwise asks for REPLICATION (AuroraUserGuide, "Setting up logical
# replication for your Aurora PostgreSQL DB cluster").
REPLICATION_GROUP = "rds_replication"
_RELEASE_MILLISECONDS = 5000


def take_out(server: Server, master: Credentials, fuses: Sequence[Fuse]) -> tuple[Refusal, ...]:
    """Take the fuses out, in their order as far as they are of one database; returns those that were refused.

    Raises:
        LoginRefused, DatabaseRefused: no database lets the master in.
        DatabaseBusy: something that acts could not be taken out now, and can be later; or the server takes no login.
        DatabaseUnreachable: no answer; or none from the database of something that acts.
    """
    refusals: list[Refusal] = []
    slots = [fuse for fuse in fuses if fuse.kind is Kind.LOGICAL_SLOT]
    others = [fuse for fuse in fuses if fuse.kind is not Kind.LOGICAL_SLOT]
    with open_maintenance(server, master) as maintenance:
        give_back(maintenance)
        # In its order, and without a new connection for each.
        for database, of_database in groupby(others, key=lambda fuse: fuse.connect_to):
            refusals += _in_database(server, master, maintenance, database, list(of_database))
        refusals += _each(maintenance, slots)
    return tuple(refusals)


def _in_database(
    server: Server, master: Credentials, maintenance: Session, database: str, fuses: list[Fuse]
) -> list[Refusal]:
    beyond = [fuse for fuse in fuses if fuse.unreachable]
    within = [fuse for fuse in fuses if not fuse.unreachable]
    refusals = [Refusal(fuse, fuse.unreachable) for fuse in beyond]
    if not within:
        return refusals
    try:
        session = open_database(server, master, maintenance, database)
    except (LoginRefused, DatabaseRefused) as refused:
        return refusals + [Refusal(fuse, str(refused)) for fuse in within]
    except (DatabaseBusy, DatabaseUnreachable) as passing:
        make_sure_it_answers(server, master)
        if any(fuse.acts for fuse in within):
            raise
        return refusals + [Refusal(fuse, passing.message) for fuse in within]
    with session:
        return refusals + _each(session, within)


def _each(session: Session, fuses: list[Fuse]) -> list[Refusal]:
    """Every one is tried. What acts, and could not be ended for a reason that passes, is worth another call."""
    refusals, passing = [], None
    for fuse in fuses:
        try:
            asked(session, lambda: _one(session, fuse))  # noqa: B023 - called at once
        except NotSeen as refused:
            refusals.append(Refusal(fuse, storable(str(refused))))
            passing = refused.passing if fuse.acts and refused.passing else passing
    if passing is not None:
        raise passing
    return refusals


def _one(session: Session, fuse: Fuse) -> None:
    if fuse.kind is Kind.LOGICAL_SLOT:
        _drop_slot(session, fuse)
        return
    run_as(session, fuse.owner, fuse.statements)


def _drop_slot(session: Session, fuse: Fuse) -> None:
    # Who reads from the copy takes it for production. The server waits until that session is gone, or gives it up.
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
