"""What the demo proves, and how: by asking both databases, as the users that a reader of the proof would use.

Every statement goes over TLS that is checked against the stack's own authority.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from aurora_restore.demo.facts import ShopFacts
from aurora_restore.demo.shops import LOGIN_REFUSED, PERMISSION_DENIED, Connect, History, Shop


@dataclass(frozen=True)
class Evidence:
    """What was found. A refusal is in words, None where the server did not refuse."""

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


def gather(
    doors: Doors,
    day: date,
    later_orders: int,
    newest_before: int,
    production_before: ShopFacts,
    users: tuple[str, str],
    shop: Shop,
) -> Evidence:
    """Ask both databases. `newest_before` is production's newest order before the later ones were written."""
    asking, facts = shop.asking, shop.filling.facts
    with doors.reader() as connection:
        restored, newest = facts(connection), asking.newest_order_id(connection)
        restored_history = asking.history(connection, day, newest)
        restored_later = asking.later_orders(connection, newest_before)
        reader_refusal = asking.refusal_of_write(connection)
    with doors.production() as connection:
        production_after, production_history = facts(connection), asking.history(connection, day, newest)
    with doors.writer() as connection:
        writer_refusal = asking.refusal_of_write(connection)
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
        old_password_refusal=asking.refusal_of_login(doors.old_master),
    )


def judge(evidence: Evidence) -> tuple[Proof, ...]:
    """Pure: the proof, line by line."""
    before, after = evidence.production_before, evidence.production_after
    untouched = Proof("production is untouched", "", f"{after.rows:,} rows", before == after)
    return (*_proofs_of_rows(evidence), *_proofs_of_users(evidence), untouched)


def _proofs_of_rows(evidence: Evidence) -> tuple[Proof, ...]:
    day, here, there = evidence.day, evidence.restored_history, evidence.production_history
    newest = evidence.restored.newest_order_time
    return (
        Proof(
            f"orders of {day} are there",
            f"{here.orders_of_day:,}",
            f"{there.orders_of_day:,}",
            0 < here.orders_of_day == there.orders_of_day,
        ),
        Proof(
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
            evidence.restored_later_orders == 0 < evidence.later_orders,
        ),
    )


def _proofs_of_users(evidence: Evidence) -> tuple[Proof, ...]:
    return (
        Proof(
            f"{evidence.reader} cannot write",
            evidence.reader_refusal or "it wrote",
            "",
            evidence.reader_refusal == PERMISSION_DENIED,
        ),
        Proof(
            f"{evidence.writer} can write",
            evidence.writer_refusal or "it did",
            "",
            evidence.writer_refusal is None,
        ),
        Proof(
            "production's password is refused",
            evidence.old_password_refusal or "it logged in",
            "",
            evidence.old_password_refusal == LOGIN_REFUSED,
        ),
    )


def _time_words(shop: ShopFacts) -> str:
    return f"{shop.newest_order_time:%Y-%m-%d %H:%M}" if shop.newest_order_time else "none"
