"""What the MySQL databases of the local stack hold: the shop of `seed_data`, as it is written for MySQL.

Numbers of rows are worked out and never handed out by the server, whose counters may leave gaps. All functions take a
session of PyMySQL in the database `shop` (`analytics` where the description names it); those that write do so in one
transaction.
"""
# ruff: noqa: S608 - statements are made of constants

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date
from typing import Any

from pymysql.connections import Connection

from aurora_restore.demo.facts import (
    ANALYTICS_DATABASE,
    APPLICATION_LOGIN,
    PRODUCTS,
    REPORTING_LOGIN,
    SHOP_DATABASE,
    ShopFacts,
)
from local_aurora.engines.mysql.statements import literal

PRODUCTION_ORDERS_PER_DAY = 20

_SCHEMA = (
    """
CREATE TABLE customers (
    customer_id bigint AUTO_INCREMENT PRIMARY KEY,
    email varchar(120) NOT NULL UNIQUE,
    full_name varchar(120) NOT NULL,
    country char(2) NOT NULL,
    created_at datetime NOT NULL
)""",
    """
CREATE TABLE products (
    product_id int AUTO_INCREMENT PRIMARY KEY,
    sku varchar(20) NOT NULL UNIQUE,
    name varchar(120) NOT NULL,
    category varchar(40) NOT NULL,
    price decimal(10, 2) NOT NULL,
    is_active boolean NOT NULL DEFAULT true
)""",
    """
CREATE TABLE orders (
    order_id bigint AUTO_INCREMENT PRIMARY KEY,
    customer_id bigint NOT NULL,
    status enum('placed', 'paid', 'shipped', 'cancelled') NOT NULL,
    total decimal(12, 2) NOT NULL DEFAULT 0,
    placed_at datetime NOT NULL,
    KEY orders_by_time (placed_at),
    FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
)""",
    """
CREATE TABLE order_items (
    order_id bigint NOT NULL,
    line smallint NOT NULL,
    product_id int NOT NULL,
    quantity smallint NOT NULL,
    unit_price decimal(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line),
    FOREIGN KEY (order_id) REFERENCES orders (order_id) ON DELETE CASCADE,
    FOREIGN KEY (product_id) REFERENCES products (product_id)
)""",
    """
CREATE TABLE payments (
    payment_id bigint AUTO_INCREMENT PRIMARY KEY,
    order_id bigint NOT NULL UNIQUE,
    invoice_number bigint NOT NULL UNIQUE,
    method enum('card', 'transfer', 'invoice') NOT NULL,
    amount decimal(12, 2) NOT NULL,
    paid_at datetime NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (order_id)
)""",
    """
CREATE VIEW daily_sales AS
SELECT DATE(placed_at) AS day, COUNT(*) AS orders, SUM(total) AS revenue
FROM orders WHERE status <> 'cancelled' GROUP BY 1""",
    """
CREATE FUNCTION open_orders() RETURNS bigint READS SQL DATA
RETURN (SELECT COUNT(*) FROM orders WHERE status = 'placed')""",
    """
CREATE TRIGGER prices_are_positive BEFORE INSERT ON products FOR EACH ROW
SET NEW.price = IF(NEW.price > 0, NEW.price, NULL)""",
    """
CREATE EVENT cancel_what_is_not_paid ON SCHEDULE EVERY 1 DAY
COMMENT 'Acts by itself: what a restored copy must not do'
DO UPDATE orders SET status = 'cancelled'
   WHERE status = 'placed' AND placed_at < UTC_TIMESTAMP() - INTERVAL 7 DAY""",
)

_NUMBERS = "numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %(most)s)"
_DAYS = (
    "days (day) AS (SELECT CAST(%(first_day)s AS date) UNION ALL"
    " SELECT day + INTERVAL 1 DAY FROM days WHERE day < %(last_day)s)"
)

_PRODUCTS = f"""
INSERT INTO products (product_id, sku, name, category, price, is_active)
WITH RECURSIVE {_NUMBERS}
SELECT n, CONCAT('SKU-', LPAD(n, 5, '0')),
       CONCAT(ELT(1 + n MOD 6, 'Compact', 'Sturdy', 'Folding', 'Quiet', 'Classic', 'Light'), ' ',
              ELT(1 + n DIV 6 MOD 7, 'Lamp', 'Chair', 'Kettle', 'Rucksack', 'Notebook', 'Clock', 'Table')),
       ELT(1 + n MOD 4, 'home', 'kitchen', 'travel', 'office'),
       4.90 + n * 37 MOD 400 / 2.0,
       n MOD 23 <> 0
FROM numbers
"""

# Two a day, from the day on which the shop opened.
_CUSTOMERS = f"""
INSERT INTO customers (customer_id, email, full_name, country, created_at)
WITH RECURSIVE {_DAYS}, {_NUMBERS},
seeds AS (SELECT day, DATEDIFF(day, '2000-01-01') AS seed FROM days)
SELECT 2 * DATEDIFF(day, %(opening)s) + n,
       CONCAT('customer.', DATE_FORMAT(day, '%%Y%%m%%d'), '.', n, '@example.com'),
       CONCAT(ELT(1 + (seed + n) MOD 8, 'Ada', 'Ben', 'Chiara', 'David', 'Emre', 'Fatou', 'Grace', 'Hugo'), ' ',
              ELT(1 + seed MOD 7, 'Okafor', 'Lindqvist', 'Moreau', 'Tanaka', 'Silva', 'Novak', 'Haddad')),
       ELT(1 + (seed * 5 + n) MOD 6, 'DE', 'FR', 'US', 'JP', 'BR', 'SE'),
       day + INTERVAL n * 7 HOUR
FROM seeds, numbers
"""

_ORDERS = f"""
INSERT INTO orders (order_id, customer_id, status, placed_at)
WITH RECURSIVE {_DAYS}, {_NUMBERS},
seeds AS (SELECT day, DATEDIFF(day, '2000-01-01') AS seed, DATEDIFF(day, %(opening)s) AS number FROM days)
SELECT %(most)s * number + n,
       1 + (seed * 31 + n * 17) MOD (2 * (1 + number)),
       CASE WHEN (seed + n) MOD 19 = 0 THEN 'cancelled' WHEN (seed + n) MOD 11 = 0 THEN 'paid' ELSE 'shipped' END,
       day + INTERVAL (n - 1) * 86400 DIV %(most)s + seed MOD 60 SECOND
FROM seeds, numbers
"""

_ITEMS = f"""
INSERT INTO order_items (order_id, line, product_id, quantity, unit_price)
WITH RECURSIVE {_NUMBERS}
SELECT order_id, n, product_id, 1 + (order_id + n) MOD 3, price
FROM orders JOIN numbers ON n <= 1 + order_id MOD 3
     JOIN products ON product_id = 1 + (order_id * 7 + n * 13) MOD {PRODUCTS}
WHERE order_id > %(before)s
"""

_TOTALS = """
UPDATE orders JOIN (SELECT order_id, SUM(quantity * unit_price) AS total FROM order_items
                    WHERE order_id > %(before)s GROUP BY order_id) AS sums USING (order_id)
SET orders.total = sums.total
"""

_PAYMENTS = """
INSERT INTO payments (payment_id, order_id, invoice_number, method, amount, paid_at)
SELECT order_id, order_id, 100000 + order_id, ELT(1 + order_id MOD 3, 'card', 'transfer', 'invoice'), total,
       placed_at + INTERVAL 90 SECOND
FROM orders WHERE order_id > %(before)s AND status IN ('paid', 'shipped')
"""

_LATER_ORDERS = f"""
INSERT INTO orders (order_id, customer_id, status, placed_at)
WITH RECURSIVE {_NUMBERS}
SELECT %(before)s + n, 1 + n MOD (SELECT COUNT(*) FROM customers), 'placed',
       CAST(%(day)s AS datetime) + INTERVAL 12 * 3600 + n SECOND
FROM numbers
"""

_ANALYTICS = """
CREATE TABLE page_views (
    day date NOT NULL,
    page varchar(40) NOT NULL,
    views int NOT NULL,
    PRIMARY KEY (day, page)
)
"""

_PAGE_VIEWS = f"""
INSERT INTO page_views (day, page, views)
WITH RECURSIVE {_DAYS}
SELECT day, page, 100 + DATEDIFF(day, '2000-01-01') * LENGTH(page) MOD 900
FROM days, (SELECT '/' AS page UNION ALL SELECT '/search' UNION ALL SELECT '/basket'
            UNION ALL SELECT '/checkout') AS pages
"""

_FACTS = """
SELECT (SELECT COUNT(*) FROM customers), (SELECT COUNT(*) FROM products), (SELECT COUNT(*) FROM orders),
       (SELECT COUNT(*) FROM order_items), (SELECT COUNT(*) FROM payments), (SELECT MAX(placed_at) FROM orders),
       (SELECT COALESCE(SUM(total), 0) FROM orders WHERE status <> 'cancelled')
"""


def create_schema(connection: Connection) -> None:
    """The shop's tables and its products; a view, a function, a trigger, and an event that acts by itself."""
    for statement in _SCHEMA:
        _run(connection, statement)
    with _transaction(connection):
        _run(connection, _PRODUCTS, most=PRODUCTS)


def create_logins(connection: Connection, application_password: str, reporting_password: str) -> None:
    """See `seed_data`. Run as the master user."""
    rights = {
        APPLICATION_LOGIN: (application_password, "SELECT, INSERT, UPDATE, DELETE, EXECUTE"),
        REPORTING_LOGIN: (reporting_password, "SELECT"),
    }
    for name, (password, levels) in rights.items():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE USER {name}@'%' IDENTIFIED BY {literal(password)}")
            cursor.execute(f"GRANT {levels} ON {SHOP_DATABASE}.* TO {name}@'%'")


def add_days(
    connection: Connection,
    first_day: date,
    last_day: date,
    orders_per_day: int = PRODUCTION_ORDERS_PER_DAY,
) -> None:
    """See `seed_data`."""
    opening = _run(connection, "SELECT DATE(MIN(placed_at)) FROM orders")[0][0] or first_day
    days = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat(), "opening": opening}
    _allow_days(connection)
    with _transaction(connection):
        before = _newest_order_id(connection)
        _run(connection, _CUSTOMERS, **days, most=2)
        _run(connection, _ORDERS, **days, most=orders_per_day)
        _complete_orders(connection, before)


def write_later_orders(connection: Connection, count: int, day: date) -> None:
    """See `seed_data`."""
    with _transaction(connection):
        before = _newest_order_id(connection)
        _run(connection, _LATER_ORDERS, day=day.isoformat(), before=before, most=count)
        _complete_orders(connection, before)


def create_analytics_database(connection: Connection) -> None:
    """The second, small database, `analytics`, still empty."""
    _run(connection, f"CREATE DATABASE {ANALYTICS_DATABASE}")


def create_analytics(connection: Connection) -> None:
    """The table of `analytics`, in that database, readable for `shop_reporting`."""
    _run(connection, _ANALYTICS)
    _run(connection, f"GRANT SELECT ON {ANALYTICS_DATABASE}.* TO {REPORTING_LOGIN}")


def add_analytics_days(connection: Connection, first_day: date, last_day: date) -> None:
    """Four pages' views a day, both days included; in the database `analytics`."""
    _allow_days(connection)
    _run(connection, _PAGE_VIEWS, first_day=first_day.isoformat(), last_day=last_day.isoformat())


def facts(connection: Connection) -> ShopFacts:
    """What is in the shop now; needs no more than SELECT."""
    customers, products, orders, items, payments, newest, revenue = _run(connection, _FACTS)[0]
    newest_time = newest.replace(tzinfo=UTC) if newest else None
    return ShopFacts(customers, products, orders, items, payments, newest_time, revenue)


def _complete_orders(connection: Connection, before: int) -> None:
    _run(connection, _ITEMS, before=before, most=3)
    _run(connection, _TOTALS, before=before)
    _run(connection, _PAYMENTS, before=before)


def _newest_order_id(connection: Connection) -> int:
    return int(_run(connection, "SELECT COALESCE(MAX(order_id), 0) FROM orders")[0][0])


def _allow_days(connection: Connection) -> None:
    """As many days as a history has: a recursion ends after a thousand rows unless a setting says otherwise."""
    _run(connection, "SET SESSION cte_max_recursion_depth = 100000")


def _run(connection: Connection, statement: str, **values: Any) -> tuple[tuple[Any, ...], ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return tuple(cursor.fetchall())


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
