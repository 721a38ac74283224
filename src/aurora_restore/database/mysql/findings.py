"""What came along in a MySQL server beside rows. Every database of a server is seen from one session."""
# ruff: noqa: S608 - statements are made of constants, and of what is quoted

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.database.found import Found
from aurora_restore.database.mysql.accounts import all_accounts
from aurora_restore.database.mysql.amazon_accounts import SYSTEM_DATABASES, is_amazons
from aurora_restore.database.mysql.quoting import account, identifier, literal
from aurora_restore.database.mysql.session import Session
from aurora_restore.domain.came_along import Finding, Kind
from aurora_restore.domain.defusing import Fuse
from aurora_restore.domain.visible_text import visible

# All events must be found; a server with more is surveyed in several calls.
MOST_FUSES = 500
MOST_LISTED = 200

_SYSTEM = ", ".join(map(literal, sorted(SYSTEM_DATABASES)))


def events(session: Session) -> Found:
    """The events that run wherever the scheduler is on."""
    is_on = (session.variable("event_scheduler") or "").upper() == "ON"
    where = (
        f"FROM information_schema.EVENTS e WHERE e.STATUS = 'ENABLED' AND e.EVENT_SCHEMA NOT IN ({_SYSTEM})"
    )
    rows = session.rows(
        "SELECT e.EVENT_SCHEMA, e.EVENT_NAME, e.DEFINER, e.SQL_MODE, e.TIME_ZONE, e.CHARACTER_SET_CLIENT,"
        f" e.COLLATION_CONNECTION {where} ORDER BY 1, 2 LIMIT {MOST_FUSES}"
    )
    found = Found()
    for row in rows:
        _add_event(found, [str(value) for value in row], is_on=is_on)
    found.count_rest(Kind.EVENT, int(session.value(f"SELECT COUNT(*) {where}")), len(rows))
    return found


def _add_event(found: Found, row: Sequence[str], *, is_on: bool) -> None:
    """ALTER EVENT makes who alters an event its definer, and the settings of its session those of the event: both are
    said again, so that nothing but the status changes. Another definer asks for SET_USER_ID (8.0), SET_ANY_DEFINER
    (8.4) or SUPER (5.7), which the master of version 2 does not have: there the server refuses, and a note says so."""
    database, name, definer, sql_mode, zone, letters, collation = row
    who = account(*_account_of(definer))
    event = f"{identifier(database)}.{identifier(name)}"
    settings = (
        f"SET SESSION sql_mode = {literal(sql_mode)}, SESSION time_zone = {literal(zone)}, SESSION"
        f" character_set_client = {literal(letters)}, SESSION collation_connection = {literal(collation)}"
    )
    turn = [f"ALTER DEFINER = {who} EVENT {event} {status}" for status in ("DISABLE", "ENABLE")]
    # The statements are sent in the character set that the event has from its last alteration.
    is_sent_whole = turn[0].isascii() or letters.startswith("utf8")
    why_not = f"its name or its definer cannot be written in its own character set, {letters}"
    detail = f"definer {visible(definer)}" + ("" if is_on else "; the event scheduler is off")
    found.things.append(Finding(Kind.EVENT, visible(database), visible(name), f"{visible(turn[0])};", detail))
    found.fuses.append(
        Fuse(
            kind=Kind.EVENT,
            database=visible(database),
            name=visible(name),
            before={"status": "ENABLED", "definer": visible(definer)},
            statements=(settings, turn[0]),
            take_back=(f"{settings};", f"{turn[1]};"),
            acts=is_on,
            unreachable="" if is_sent_whole else why_not,
        )
    )


def _account_of(definer: str) -> tuple[str, str]:
    name, _, host = definer.rpartition("@")
    return name, host


def definer_routines(session: Session) -> Found:
    """Routines that act with the rights of their definer, those of Amazon aside."""
    rows = session.rows(
        "SELECT r.ROUTINE_SCHEMA, r.ROUTINE_TYPE, r.ROUTINE_NAME, r.DEFINER FROM information_schema.ROUTINES r"
        f" WHERE r.SECURITY_TYPE = 'DEFINER' AND r.ROUTINE_SCHEMA NOT IN ({_SYSTEM}) ORDER BY 1, 2, 3"
    )
    found = Found()
    ours = [row for row in rows if not is_amazons(*_account_of(str(row[3])))]
    for database, kind, name, definer in ours[:MOST_LISTED]:
        end = f"ALTER {kind} {identifier(str(database))}.{identifier(str(name))} SQL SECURITY INVOKER;"
        found.things.append(
            Finding(
                Kind.DEFINER_ROUTINE,
                visible(str(database)),
                visible(str(name)),
                visible(end),
                f"{str(kind).lower()}, definer {visible(str(definer))}",
            )
        )
    found.count_rest(Kind.DEFINER_ROUTINE, len(ours), min(len(ours), MOST_LISTED))
    return found


_WITH_DEFINERS = " UNION ALL ".join(
    f"SELECT {schema}, {kind}, {name}, DEFINER FROM information_schema.{table} WHERE {schema} NOT IN ({_SYSTEM})"
    for schema, kind, name, table in (
        ("EVENT_SCHEMA", "'event'", "EVENT_NAME", "EVENTS"),
        ("ROUTINE_SCHEMA", "LOWER(ROUTINE_TYPE)", "ROUTINE_NAME", "ROUTINES"),
        ("TRIGGER_SCHEMA", "'trigger'", "TRIGGER_NAME", "TRIGGERS"),
        ("TABLE_SCHEMA", "'view'", "TABLE_NAME", "VIEWS"),
    )
)


def missing_definers(session: Session) -> Found:
    """Objects whose definer is no account of the server."""
    known = {f"{each.name}@{each.host}" for each in all_accounts(session)}
    rows = [
        tuple(map(str, row))
        for row in session.rows(f"{_WITH_DEFINERS} ORDER BY 1, 2, 3")
        if str(row[3]) not in known
    ]
    found = Found()
    for database, kind, name, definer in rows[:MOST_LISTED]:
        who = account(*_account_of(definer))
        end = f"-- give it another definer, or make this one: CREATE USER {visible(who)} ACCOUNT LOCK;"
        found.things.append(
            Finding(
                Kind.MISSING_DEFINER,
                visible(database),
                visible(name),
                end,
                f"{kind}, definer {visible(definer)}",
            )
        )
    found.count_rest(Kind.MISSING_DEFINER, len(rows), min(len(rows), MOST_LISTED))
    return found
