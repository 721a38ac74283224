"""Foreign tables lead to production: users that we make get there only as far as was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.database.refusals import refusals
from tests.contract.database.servers import MASTER, RestoredCluster, login

from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.users import Access

pytestmark = pytest.mark.file_one_day_in(7, 2)

READ = {
    "table": "SELECT FROM app.ledger LIMIT 0",
    "view": "SELECT FROM app.ledger_view LIMIT 0",
    "partitioned": "SELECT FROM app.journal LIMIT 0",
}
WRITE = {
    "table": "INSERT INTO app.ledger VALUES (1)",
    "view": "INSERT INTO app.ledger_view VALUES (1)",
    "partitioned": "INSERT INTO app.journal VALUES (1)",
}
OWN = ["SELECT item FROM app.orders", "SELECT * FROM app.orders_view"]


@pytest.fixture
def leading(cluster: RestoredCluster) -> RestoredCluster:
    """A foreign table of production, a view of a view of it, a table of which one is a partition, and a copy."""
    cluster.run(
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')",
        "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'shop_app', password 'Production-secret-4711')",
        "GRANT USAGE ON FOREIGN SERVER ledger TO shop_app",
        "SET ROLE shop_app",
        "CREATE FOREIGN TABLE app.ledger (id int) SERVER ledger",
        "CREATE VIEW app.inner_view AS SELECT id FROM app.ledger",
        "CREATE VIEW app.ledger_view AS SELECT id FROM app.inner_view",
        "CREATE TABLE app.journal (id int) PARTITION BY LIST (id)",
        "CREATE FOREIGN TABLE app.journal_1 PARTITION OF app.journal FOR VALUES IN (1) SERVER ledger",
        "CREATE VIEW app.orders_view AS SELECT item FROM app.orders",
        "CREATE MATERIALIZED VIEW app.ledger_copy AS SELECT id FROM app.ledger WITH NO DATA",
        login=cluster.superuser,
    )
    return cluster


def set_up(cluster: RestoredCluster, access: Access, foreign: ForeignTables) -> None:
    ann = login("ann", access)
    ann = replace(ann, user=replace(ann.user, foreign_tables=foreign))
    cluster.databases.set_up_users(cluster.endpoint, MASTER, [ann], False)


def held(cluster: RestoredCluster, privilege: str) -> list[str]:
    names = ("app.ledger", "app.ledger_view", "app.journal")
    query = "SELECT n FROM unnest(CAST(:names AS text[])) n WHERE has_table_privilege('ann', n, :privilege)"
    with cluster.session(cluster.superuser) as session:
        return [row[0] for row in session.run(query, names=list(names), privilege=privilege)]


ALL = ["app.ledger", "app.ledger_view", "app.journal"]


@pytest.mark.parametrize(
    ("access", "foreign", "reads", "writes"),
    [
        (Access.READ_ONLY, ForeignTables.NONE, [], []),
        (Access.READ_WRITE, ForeignTables.NONE, [], []),
        (Access.READ_WRITE, ForeignTables.READ_ONLY, ALL, []),
        (Access.READ_ONLY, ForeignTables.READ_WRITE, ALL, []),
        (Access.READ_WRITE, ForeignTables.READ_WRITE, ALL, ALL),
    ],
)
def test_a_user_gets_on_foreign_tables_what_was_asked_for_and_on_others_all_of_its_level(
    leading: RestoredCluster, access: Access, foreign: ForeignTables, reads: list[str], writes: list[str]
) -> None:
    set_up(leading, access, foreign)

    assert (held(leading, "SELECT"), held(leading, "INSERT")) == (reads, writes)
    assert refusals(leading, OWN) == []
    assert held_on_copy(leading)


def held_on_copy(cluster: RestoredCluster) -> object:
    return cluster.run(
        "SELECT has_table_privilege('ann', 'app.ledger_copy', 'SELECT')", login=cluster.superuser
    )[0][0]


def test_the_server_refuses_to_write_into_production(leading: RestoredCluster) -> None:
    set_up(leading, Access.READ_WRITE, ForeignTables.NONE)

    assert refusals(leading, [*READ.values(), *WRITE.values()]) == [*READ.values(), *WRITE.values()]


def test_grants_that_came_along_are_taken_from_a_user_that_is_to_have_none(leading: RestoredCluster) -> None:
    set_up(leading, Access.READ_WRITE, ForeignTables.READ_WRITE)

    set_up(leading, Access.READ_WRITE, ForeignTables.NONE)

    assert (held(leading, "SELECT"), held(leading, "INSERT")) == ([], [])


def test_a_way_to_write_into_production_that_everyone_has_is_refused_and_named(
    leading: RestoredCluster,
) -> None:
    leading.run("GRANT INSERT ON app.ledger TO PUBLIC", login=leading.superuser)

    with pytest.raises(DbUserSetupFailed) as refused:
        set_up(leading, Access.READ_WRITE, ForeignTables.NONE)

    assert "app.ledger" in refused.value.message
