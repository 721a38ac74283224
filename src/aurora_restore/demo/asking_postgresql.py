"""What the proof asks Aurora PostgreSQL's shop: see `shops.Asking`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

from pg8000.native import Connection, DatabaseError

from aurora_restore.demo.shops import LOGIN_REFUSED, PERMISSION_DENIED, History

# https://www.postgresql.org/docs/17/errcodes-appendix.html
_REFUSALS = {"42501": PERMISSION_DENIED, "28P01": LOGIN_REFUSED}

_NEWEST_ORDER = "SELECT coalesce(max(order_id), 0) FROM shop.orders"
_ORDERS_OF_DAY = """
SELECT count(*) FROM shop.orders
WHERE (placed_at AT TIME ZONE 'UTC')::date = CAST(:day AS date) AND order_id <= CAST(:newest AS bigint)
"""
_LATER_ORDERS = "SELECT count(*) FROM shop.orders WHERE order_id > CAST(:newest AS bigint)"
_FINGERPRINT = """
SELECT md5(concat(
    (SELECT string_agg(o::text, '|' ORDER BY order_id) FROM shop.orders AS o WHERE order_id <= CAST(:newest AS bigint)),
    (SELECT string_agg(i::text, '|' ORDER BY order_id, line) FROM shop.order_items AS i
     WHERE order_id <= CAST(:newest AS bigint)),
    (SELECT string_agg(p::text, '|' ORDER BY order_id) FROM shop.payments AS p
     WHERE order_id <= CAST(:newest AS bigint))))
"""
_WRITE = "INSERT INTO shop.products (sku, name, category, price) VALUES ('SKU-DEMO', 'A demo', 'home', 1.00)"


def newest_order_id(connection: Connection) -> int:
    return int(connection.run(_NEWEST_ORDER)[0][0])


def history(connection: Connection, day: date, newest: int) -> History:
    count = int(connection.run(_ORDERS_OF_DAY, day=day.isoformat(), newest=newest)[0][0])
    return History(count, str(connection.run(_FINGERPRINT, newest=newest)[0][0]))


def later_orders(connection: Connection, newest: int) -> int:
    return int(connection.run(_LATER_ORDERS, newest=newest)[0][0])


def refusal_of_write(connection: Connection) -> str | None:
    connection.run("BEGIN")
    try:
        connection.run(_WRITE)
    except DatabaseError as error:
        return _words(error)
    finally:
        connection.run("ROLLBACK")
    return None


def refusal_of_login(connect: Callable[[], AbstractContextManager[Connection]]) -> str | None:
    try:
        with connect():
            return None
    except DatabaseError as error:
        return _words(error)


def _words(error: DatabaseError) -> str:
    details = error.args[0] if error.args else {}
    state = str(details.get("C", "")) if isinstance(details, dict) else str(details)
    return _REFUSALS.get(state, f"refused with {state}")
