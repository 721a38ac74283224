"""What a master may do until PostgreSQL 16 with roles that it did not make: CREATEROLE is enough for all of it."""

from __future__ import annotations

import pytest
from tests.contract.database.servers import MASTER, OWN_SECRET, RestoredCluster, login

from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.users import Access


@pytest.fixture(autouse=True)
def before_16(cluster: RestoredCluster) -> None:
    if cluster.major >= 16:
        pytest.skip(f"PostgreSQL 16 asks for ADMIN on the role; this server is of {cluster.major}")


def test_tables_of_an_owner_that_another_made_are_opened_and_nothing_of_the_membership_stays(
    cluster: RestoredCluster,
) -> None:
    cluster.run(
        "CREATE ROLE vault_keeper",
        "CREATE SCHEMA vault AUTHORIZATION vault_keeper",
        "SET ROLE vault_keeper",
        "CREATE TABLE vault.gold ()",
        login=cluster.superuser,
    )
    members = "SELECT * FROM pg_auth_members ORDER BY roleid, member"
    before = cluster.run(members)
    cluster.databases.set_up_users(cluster.endpoint, MASTER, [login("ann")], False)
    assert cluster.run("SELECT FROM vault.gold", login=Credentials("ann", OWN_SECRET)) == []
    assert cluster.run(members) == before


def test_a_login_that_another_made_is_brought_to_its_level_and_the_others_are_locked(
    cluster: RestoredCluster,
) -> None:
    cluster.run(
        "CREATE ROLE ann LOGIN CREATEDB PASSWORD 'Production-secret'",
        "CREATE ROLE intruder LOGIN PASSWORD 'x'",
        login=cluster.superuser,
    )
    user = login("ann", Access.READ_ONLY)
    report = cluster.databases.set_up_users(cluster.endpoint, MASTER, [user], True)
    assert report.locked_logins == ("intruder", "shop_app")
    assert cluster.run("SELECT rolcreatedb FROM pg_roles WHERE rolname = 'ann'") == [[False]]
    assert cluster.run("SELECT 1", login=Credentials("ann", OWN_SECRET)) == [[1]]
