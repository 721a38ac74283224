"""What the demo proves, and how: by asking both databases, as the users that a reader of the proof would use.

Every statement goes over TLS that is checked against the stack's own authority.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

from pg8000.native import Connection, DatabaseError

from aurora_restore.demo.seed_data import ShopFacts, facts

# Opens a session as one user of one database; it is closed at the end of the `with`.
Connect = Callable[[], AbstractContextManager[Connection]]

# https://www.postgresql.org/docs/17/errcodes-appendix.html
INSUFFICIENT_PRIVILEGE = "42501"
INVALID_PASSWORD = "28P01"  # noqa: S105 - an SQLSTATE

_NEWEST_ORDER = "SELECT coalesce(max(order_id), 0) FROM shop.orders"
_ORDERS_OF_DAY = """
SELECT count(*) FROM shop.orders
WHERE (placed_at AT TIME ZONE 'UTC')::date = CAST(:day AS date) AND order_id <= CAST(:newest AS bigint)
"""
_LATER_ORDERS = "SELECT count(*) FROM shop.orders WHERE order_id > CAST(:newest AS bigint)"
# The text of whole rows in a fixed order: a difference in any column shows.
_FINGERPRINT = """
SELECT md5(concat(
    (SELECT string_agg(o::text, '|' ORDER BY order_id) FROM shop.orders AS o WHERE order_id <= CAST(:newest AS bigint)),
    (SELECT string_agg(i::text, '|' ORDER BY order_id, line) FROM shop.order_items AS i
     WHERE order_id <= CAST(:newest AS bigint)),
    (SELECT string_agg(p::text, '|' ORDER BY order_id) FROM shop.payments AS p
     WHERE order_id <= CAST(:newest AS bigint))))
"""
_WRITE = "INSERT INTO shop.products (sku, name, category, price) VALUES ('SKU-DEMO', 'A demo', 'home', 1.00)"


@dataclass(frozen=True)
class History:
    """A shop's orders up to one of them: how many fell on a day, and a fingerprint of all rows."""

    orders_of_day: int
    fingerprint: str


@dataclass(frozen=True)
class Evidence:
    """What was found. A refusal is the SQLSTATE with which the server refused, None where it did not."""

    day: date
    later_orders: int
    production_before: ShopFacts
    production_after: ShopFacts
    production_history: History
    restored: ShopFacts
    restored_history: History
    restored_later_orders: int
    reader: str
    reader_refusal: str | None
    writer: str
    writer_refusal: str | None
    old_password_refusal: str | None


@dataclass(frozen=True)
class Proof:
    """One line of the proof: what is claimed, what either side shows, and whether it holds."""

    claim: str
    restored: str
    production: str
    holds: bool


@dataclass(frozen=True)
class Doors:
    """The ways in that the proof needs. `old_master` is the restored cluster with production's master password."""

    production: Connect
    reader: Connect
    writer: Connect
    old_master: Connect


def newest_order_id(connection: Connection) -> int:
    """The number of the newest order; 0 where there is none."""
    return int(connection.run(_NEWEST_ORDER)[0][0])


def gather(
    doors: Doors,
    day: date,
    later_orders: int,
    newest_before: int,
    production_before: ShopFacts,
    users: tuple[str, str],
) -> Evidence:
    """Ask both databases. `newest_before` is production's newest order before the later ones were written."""
    # Both are compared up to the newest order of the restored one: production went on after the snapshot.
    with doors.reader() as connection:
        restored, newest = facts(connection), newest_order_id(connection)
        restored_history = _history(connection, day, newest)
        restored_later = int(connection.run(_LATER_ORDERS, newest=newest_before)[0][0])
        reader_refusal = refusal_of_write(connection)
    with doors.production() as connection:
        production_after, production_history = facts(connection), _history(connection, day, newest)
    with doors.writer() as connection:
        writer_refusal = refusal_of_write(connection)
    return Evidence(
        day=day,
        later_orders=later_orders,
        production_before=production_before,
        production_after=production_after,
        production_history=production_history,
        restored=restored,
        restored_history=restored_history,
        restored_later_orders=restored_later,
        reader=users[0],
        reader_refusal=reader_refusal,
        writer=users[1],
        writer_refusal=writer_refusal,
        old_password_refusal=refusal_of_login(doors.old_master),
    )


def _history(connection: Connection, day: date, newest: int) -> History:
    count = int(connection.run(_ORDERS_OF_DAY, day=day.isoformat(), newest=newest)[0][0])
    return History(count, str(connection.run(_FINGERPRINT, newest=newest)[0][0]))


def refusal_of_write(connection: Connection) -> str | None:
    """Try to write one row: the SQLSTATE of the refusal, or None where it was written."""
    # Taken back in any case: the row would be a difference between the two databases.
    connection.run("BEGIN")
    try:
        connection.run(_WRITE)
    except DatabaseError as error:
        return _state(error)
    finally:
        connection.run("ROLLBACK")
    return None


def refusal_of_login(connect: Connect) -> str | None:
    """Try to log in: the SQLSTATE of the refusal, or None where the door opened."""
    try:
        with connect():
            return None
    except DatabaseError as error:
        return _state(error)


def _state(error: DatabaseError) -> str:
    details = error.args[0] if error.args else {}
    return str(details.get("C", "")) if isinstance(details, dict) else str(details)


def judge(evidence: Evidence) -> tuple[Proof, ...]:
    """Pure: the proof, line by line."""
    before, after = evidence.production_before, evidence.production_after
    return (
        *_proofs_of_rows(evidence),
        Proof(
            f"{evidence.reader} cannot write",
            _refusal_words(evidence.reader_refusal, "it wrote"),
            "",
            evidence.reader_refusal == INSUFFICIENT_PRIVILEGE,
        ),
        Proof(
            f"{evidence.writer} can write",
            _refusal_words(evidence.writer_refusal, "it did"),
            "",
            evidence.writer_refusal is None,
        ),
        # This very SQLSTATE: a server that cannot be reached would not prove anything about the password.
        Proof(
            "production's password is refused",
            _refusal_words(evidence.old_password_refusal, "it logged in"),
            "",
            evidence.old_password_refusal == INVALID_PASSWORD,
        ),
        Proof("production is untouched", "", f"{after.rows:,} rows", before == after),
    )


def _proofs_of_rows(evidence: Evidence) -> tuple[Proof, ...]:
    day, here, there = evidence.day, evidence.restored_history, evidence.production_history
    newest = evidence.restored.newest_order_time
    return (
        Proof(
            f"orders of {day} are there",
            f"{here.orders_of_day:,}",
            f"{there.orders_of_day:,}",
            # Two empty databases would agree, too.
            0 < here.orders_of_day == there.orders_of_day,
        ),
        Proof(
            # By their contents: as many rows would also be those of another day.
            "all rows up to then are the same",
            f"{evidence.restored.rows:,} rows",
            "the same" if here.fingerprint == there.fingerprint else "others",
            here.fingerprint == there.fingerprint,
        ),
        Proof(
            "the newest order is of that day",
            _time_words(evidence.restored),
            _time_words(evidence.production_after),
            newest is not None and newest.date() == day,
        ),
        Proof(
            "the later orders are not there",
            f"{evidence.restored_later_orders:,}",
            f"{evidence.later_orders:,}",
            # That none is there says something only if there were some.
            evidence.restored_later_orders == 0 < evidence.later_orders,
        ),
    )


def _time_words(shop: ShopFacts) -> str:
    return f"{shop.newest_order_time:%Y-%m-%d %H:%M}" if shop.newest_order_time else "none"


def _refusal_words(state: str | None, otherwise: str) -> str:
    known = {INSUFFICIENT_PRIVILEGE: "permission denied", INVALID_PASSWORD: "login refused"}
    return otherwise if state is None else known.get(state, f"refused with {state}")
