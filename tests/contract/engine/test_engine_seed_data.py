"""What the local stack's databases hold."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from aurora_restore.demo import seed_data
from aurora_restore.demo.facts import ANALYTICS_DATABASE
from local_aurora.engines.postgresql.engine import PostgresEngine

from .conftest import APPLICATION, REPORTING, Cluster, new_cluster

_TABLES = ("customers", "orders", "order_items", "payments")


def _everything(session: Connection) -> list[object]:
    return [session.run(f"SELECT * FROM shop.{table} ORDER BY 1, 2") for table in _TABLES]  # noqa: S608


def test_how_the_days_are_cut_into_calls_makes_no_difference(engine: PostgresEngine) -> None:
    cluster, first, last = new_cluster(engine, "cluster-seeds"), date(2024, 2, 20), date(2024, 3, 5)
    with cluster.session() as session:
        seed_data.create_schema(session)
        seed_data.add_days(session, first, last)
        at_once = _everything(session)
        session.run("DROP SCHEMA shop CASCADE")
        seed_data.create_schema(session)
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            seed_data.add_days(session, day, day)
        assert _everything(session) == at_once
    engine.stop_cluster(cluster.cluster_id)


def test_production_has_a_hundred_thousand_rows_within_seconds(engine: PostgresEngine) -> None:
    cluster, last_day = new_cluster(engine, "cluster-many-rows"), date(2026, 11, 21)
    with cluster.session() as session:
        seed_data.create_schema(session)
        begun = time.perf_counter()
        seed_data.add_days(session, seed_data.HISTORY_BEGINS, last_day)
        took_seconds = time.perf_counter() - begun
        assert seed_data.facts(session).rows >= 100_000
        days = session.run("SELECT count(*), min(day), max(day) FROM shop.daily_sales")[0]
        expected = (last_day - seed_data.HISTORY_BEGINS).days + 1
        assert days == [expected, seed_data.HISTORY_BEGINS, last_day]
    engine.stop_cluster(cluster.cluster_id)
    # Far above what it takes, so that a busy machine fails nothing.
    assert took_seconds < 20


def test_every_order_adds_up(production: Cluster) -> None:
    with production.session() as session:
        assert session.run(
            "SELECT count(*) FROM shop.orders JOIN (SELECT order_id, sum(quantity * unit_price) AS items "
            "FROM shop.order_items GROUP BY 1) AS sums USING (order_id) WHERE total <> items OR total = 0"
        ) == [[0]]
        assert session.run(
            "SELECT count(*) FROM shop.orders JOIN shop.customers USING (customer_id) WHERE created_at::date > "
            "placed_at::date"
        ) == [[0]]


def test_the_application_writes_and_the_reporting_reads(own_cluster: Cluster) -> None:
    delete = "DELETE FROM shop.payments WHERE payment_id = 1"
    with own_cluster.session(APPLICATION) as session:
        session.run(delete)
    with own_cluster.session(REPORTING) as session:
        assert seed_data.facts(session).orders > 0
        with pytest.raises(DatabaseError, match="permission denied"):
            session.run(delete)


def test_analytics_is_a_database_of_its_own(own_cluster: Cluster) -> None:
    with own_cluster.session() as session:
        seed_data.create_analytics_database(session)
    with own_cluster.session(database=ANALYTICS_DATABASE) as session:
        seed_data.create_analytics(session)
        seed_data.add_analytics_days(session, date(2023, 6, 1), date(2023, 6, 15))
        assert session.run("SELECT count(*) FROM page_views") == [[60]]
    with own_cluster.session(REPORTING, ANALYTICS_DATABASE) as session:
        assert session.run("SELECT count(DISTINCT day) FROM page_views") == [[15]]
