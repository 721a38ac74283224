"""A server does what its parameters say: a subscription that came along works, or does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import wait_until

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.postgresql.admin import connection
from local_aurora.engines.postgresql.engine import PostgresEngine

from .conftest import MASTER, Cluster

LOGICAL = (("wal_level", "logical"),)
QUIET = (("max_logical_replication_workers", "0"),)
LAUNCHERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'"
ARRIVED = "SELECT count(*) FROM public.news"


def start(engine: PostgresEngine, cluster_id: str, *parameters: tuple[str, str]) -> ServerAddress:
    engine.stop_cluster(cluster_id)
    return engine.start_cluster(cluster_id, None, ServerFace((), "an-instance", parameters))


@pytest.fixture(scope="module")
def admin(engine: PostgresEngine, roomy_directory: Path) -> Login:
    """RDS's own administrator, a role that no customer can have."""
    password = roomy_directory / "state of the engine" / "postgres" / "rdsadmin_password"
    engine.prepare()
    return PasswordLogin("rdsadmin", password.read_text())


@contextmanager
def session(engine: PostgresEngine, endpoint: ServerAddress, login: Login) -> Iterator[Any]:
    with connection(endpoint, login, "shop", engine.ca_bundle_path) as opened:
        yield opened


def test_a_server_has_the_values_of_its_parameters_and_otherwise_its_own(own_cluster: Cluster) -> None:
    engine, cluster_id = own_cluster.engine, own_cluster.cluster_id
    for parameters, expected in ((QUIET + LOGICAL, ["0", "logical"]), ((), ["4", "replica"])):
        endpoint = start(engine, cluster_id, *parameters)
        with session(engine, endpoint, MASTER) as opened:
            names = ("max_logical_replication_workers", "wal_level")
            assert [opened.run(f"SHOW {name}")[0][0] for name in names] == expected


def test_a_subscription_works_where_the_parameters_let_it(
    engine: PostgresEngine, own_cluster: Cluster, admin: Login
) -> None:
    engine.create_cluster("publisher", MASTER, "shop")
    publisher = start(engine, "publisher", *LOGICAL)
    with session(engine, publisher, admin) as opened:
        opened.run("CREATE TABLE public.news (id int PRIMARY KEY)")
        opened.run("CREATE PUBLICATION everything FOR ALL TABLES")
        opened.run("SELECT pg_create_logical_replication_slot('news_slot', 'pgoutput')")
        opened.run("INSERT INTO public.news VALUES (1)")
    reach = f"host={publisher.host} port={publisher.port} dbname=shop user={admin.username} password={admin.password}"
    subscriber = start(engine, own_cluster.cluster_id, *QUIET)
    with session(engine, subscriber, admin) as opened:
        opened.run("CREATE TABLE public.news (id int PRIMARY KEY)")
        opened.run(
            f"CREATE SUBSCRIPTION from_news CONNECTION '{reach}' PUBLICATION everything"
            " WITH (connect = false, slot_name = 'news_slot')"
        )
        opened.run("ALTER SUBSCRIPTION from_news ENABLE")
        opened.run("ALTER SUBSCRIPTION from_news REFRESH PUBLICATION WITH (copy_data = false)")
        assert opened.run(LAUNCHERS) == [[0]]
        assert opened.run(ARRIVED) == [[0]]

    subscriber = start(engine, own_cluster.cluster_id)
    with session(engine, subscriber, admin) as opened:
        assert opened.run(LAUNCHERS) == [[1]]
        wait_until(lambda: opened.run(ARRIVED) == [[1]], timeout_seconds=30)
        opened.run("ALTER SUBSCRIPTION from_news DISABLE")
    engine.stop_cluster("publisher")
