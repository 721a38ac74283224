"""What the proof asks Aurora MySQL's shop: see `shops.Asking`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pymysql
from pymysql.connections import Connection

from aurora_restore.demo.shops import LOGIN_REFUSED, PERMISSION_DENIED, History

# "Server Error Message Reference": a command denied on a table, and a login.
_REFUSALS = {1142: PERMISSION_DENIED, 1045: LOGIN_REFUSED}

_NEWEST_ORDER = "SELECT COALESCE(MAX(order_id), 0) FROM orders"
_ORDERS_OF_DAY = "SELECT COUNT(*) FROM orders WHERE DATE(placed_at) = %(day)s AND order_id <= %(newest)s"
_LATER_ORDERS = "SELECT COUNT(*) FROM orders WHERE order_id > %(newest)s"
# All rows go into one text.
_ROOM = "SET SESSION group_concat_max_len = 60000000"
_FINGERPRINT = """
SELECT SHA2(CONCAT_WS('#',
    (SELECT GROUP_CONCAT(CONCAT_WS(',', order_id, customer_id, status, total, placed_at)
                         ORDER BY order_id SEPARATOR '|')
     FROM orders WHERE order_id <= %(newest)s),
    (SELECT GROUP_CONCAT(CONCAT_WS(',', order_id, line, product_id, quantity, unit_price) ORDER BY order_id, line
                         SEPARATOR '|')
     FROM order_items WHERE order_id <= %(newest)s),
    (SELECT GROUP_CONCAT(CONCAT_WS(',', payment_id, order_id, invoice_number, method, amount, paid_at)
                         ORDER BY order_id SEPARATOR '|')
     FROM payments WHERE order_id <= %(newest)s)), 256)
"""
_WRITE = "INSERT INTO products (sku, name, category, price) VALUES ('SKU-DEMO', 'A demo', 'home', 1.00)"


def newest_order_id(connection: Connection) -> int:
    return int(_value(connection, _NEWEST_ORDER))


def history(connection: Connection, day: date, newest: int) -> History:
    count = int(_value(connection, _ORDERS_OF_DAY, day=day.isoformat(), newest=newest))
    _run(connection, _ROOM)
    return History(count, str(_value(connection, _FINGERPRINT, newest=newest)))


def later_orders(connection: Connection, newest: int) -> int:
    return int(_value(connection, _LATER_ORDERS, newest=newest))


def refusal_of_write(connection: Connection) -> str | None:
    connection.begin()
    try:
        _run(connection, _WRITE)
    except pymysql.MySQLError as error:
        return _words(error)
    finally:
        connection.rollback()
    return None


def refusal_of_login(connect: Callable[[], AbstractContextManager[Connection]]) -> str | None:
    try:
        with connect():
            return None
    except pymysql.MySQLError as error:
        return _words(error)


def _run(connection: Connection, statement: str, **values: Any) -> tuple[tuple[Any, ...], ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return tuple(cursor.fetchall())


def _value(connection: Connection, statement: str, **values: Any) -> Any:
    return _run(connection, statement, **values)[0][0]


def _words(error: pymysql.MySQLError) -> str:
    number = int(error.args[0]) if error.args else 0
    return _REFUSALS.get(number, f"refused with {number}")
