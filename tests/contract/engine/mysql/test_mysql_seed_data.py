"""What the MySQL databases of the local stack hold."""
# ruff: noqa: S608 - statements are made of constants

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta

import pymysql
import pytest
from pymysql.connections import Connection

from aurora_restore.demo import asking_mysql, seed_data_mysql
from aurora_restore.demo.facts import APPLICATION_LOGIN, REPORTING_LOGIN
from aurora_restore.demo.shops import LOGIN_REFUSED, PERMISSION_DENIED
from local_aurora.access import Login, PasswordLogin
from local_aurora.engines.mysql.admin import rows

from .conftest import MASTER, Cluster

APPLICATION = PasswordLogin(APPLICATION_LOGIN, "Pr0duction-application")
REPORTING = PasswordLogin(REPORTING_LOGIN, "Pr0duction-reporting")
FIRST, LAST, LATER = date(2024, 2, 20), date(2024, 3, 5), date(2024, 3, 6)

Open = Callable[[Login], AbstractContextManager[Connection]]


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Open]:
    """Opens a session in the database of the shop, which has two weeks of history, and is empty again afterwards."""
    _empty(cluster)
    with cluster.session() as session:
        seed_data_mysql.create_schema(session)
        seed_data_mysql.create_logins(session, APPLICATION.password, REPORTING.password)
        seed_data_mysql.add_days(session, FIRST, LAST)
    yield cluster.session
    _empty(cluster)


def _empty(cluster: Cluster) -> None:
    users = (f"DROP USER IF EXISTS {login.username}" for login in (APPLICATION, REPORTING))
    with cluster.session(database=None) as session:
        for statement in ("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", *users):
            rows(session, statement)


def everything(session: Connection) -> list[object]:
    tables = ("customers", "orders", "order_items", "payments")
    return [rows(session, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


def test_how_the_days_are_cut_into_calls_makes_no_difference(shop: Open) -> None:
    with shop(MASTER) as session:
        at_once = everything(session)
        for table in ("payments", "order_items", "orders", "customers"):
            rows(session, f"DELETE FROM {table}")
        for number in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=number)
            seed_data_mysql.add_days(session, day, day)
        assert everything(session) == at_once


def test_every_order_adds_up_and_is_of_a_customer_that_was_there(shop: Open) -> None:
    with shop(MASTER) as session:
        assert rows(session, "SELECT COUNT(*), MIN(day), MAX(day) FROM daily_sales") == [(15, FIRST, LAST)]
        sums = "SELECT order_id, SUM(quantity * unit_price) AS items FROM order_items GROUP BY 1"
        wrong = f"SELECT order_id FROM orders JOIN ({sums}) AS s USING (order_id) WHERE total <> items OR total = 0"
        assert rows(session, wrong) == []
        of_customers = "SELECT order_id FROM orders JOIN customers USING (customer_id)"
        early = f"{of_customers} WHERE created_at > placed_at + INTERVAL 1 DAY"
        assert rows(session, early) == []


def test_later_orders_change_the_facts_and_nothing_of_the_history(shop: Open) -> None:
    with shop(MASTER) as session:
        newest = asking_mysql.newest_order_id(session)
        before, history = seed_data_mysql.facts(session), asking_mysql.history(session, LAST, newest)
        seed_data_mysql.write_later_orders(session, 40, LATER)
        after = seed_data_mysql.facts(session)
        assert (history.orders_of_day, asking_mysql.later_orders(session, newest)) == (20, 40)
        assert asking_mysql.history(session, LAST, newest) == history
        assert after.orders - before.orders == 40
        assert after.newest_order_time is not None
        assert after.newest_order_time.date() == LATER
        rows(session, f"UPDATE orders SET total = total + 1 WHERE order_id = {newest}")
        assert asking_mysql.history(session, LAST, newest) != history


def test_the_application_writes_the_reporting_reads_and_a_wrong_password_is_refused(shop: Open) -> None:
    with shop(APPLICATION) as session:
        assert asking_mysql.refusal_of_write(session) is None
    with shop(REPORTING) as session:
        assert seed_data_mysql.facts(session).orders == 300
        assert asking_mysql.refusal_of_write(session) == PERMISSION_DENIED
        with pytest.raises(pymysql.MySQLError, match="denied"):
            rows(session, "DELETE FROM payments")
    wrong = PasswordLogin(REPORTING.username, "wrong")
    assert asking_mysql.refusal_of_login(lambda: shop(wrong)) == LOGIN_REFUSED
