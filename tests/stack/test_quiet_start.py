"""A production that acts and leads out is restored by the deployed pipeline: quiet, listed, and able to be woken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.serving_targets import SOURCE_REGION, Place, endpoint_of, request

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.defusing import first_states
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.record import Record
from local_aurora.engines.postgresql.admin import connection
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 4)

AWAKE, QUIET, CUT = "aurora-restored-awake", "aurora-restored-quiet", "aurora-restored-cut"
MADE = (
    "CREATE SUBSCRIPTION from_ledger CONNECTION 'host=127.0.0.1 port=1 dbname=ledger user=r password=Marked-secret-1'"
    " PUBLICATION everything WITH (connect = false, slot_name = 'ledger_slot')",
    "ALTER SUBSCRIPTION from_ledger OWNER TO postgres",
    "ALTER SUBSCRIPTION from_ledger ENABLE",
    "CREATE SCHEMA cron",
    "CREATE TABLE cron.job (jobid bigserial, schedule text, command text, database text, username text,"
    " active boolean)",
    "INSERT INTO cron.job (schedule, command, database, username, active)"
    " VALUES ('0 3 * * *', 'SELECT marked_command()', 'shop', 'postgres', true)",
    "GRANT USAGE ON SCHEMA cron TO postgres",
    "GRANT SELECT, UPDATE ON cron.job TO postgres",
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')",
    "ALTER SERVER ledger OWNER TO postgres",
    "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'shop_app', password 'Marked-secret-2')",
    "CREATE FOREIGN TABLE shop.ledger (id int) SERVER ledger",
)
PLACE: dict[bool, dict[str, Any]] = {
    True: {
        "delete_cluster_if_exists": False,
        "vpc_security_group_ids": [SECURITY_GROUP_ID],
        "db_subnet_group_name": SUBNET_GROUP,
    },
    False: {"delete_cluster_if_exists": True},
}
"""What a request says where the target is new, and where it replaces a cluster that serves."""

UNMADE = (
    "ALTER SUBSCRIPTION from_ledger DISABLE",
    "ALTER SUBSCRIPTION from_ledger SET (slot_name = NONE)",
    "DROP SUBSCRIPTION from_ledger",
    "DROP EXTENSION postgres_fdw CASCADE",
    "DROP SCHEMA cron CASCADE",
)
SUBSCRIPTIONS = "SELECT subenabled, subslotname FROM pg_subscription"
JOBS = "SELECT active FROM cron.job"
LOGINS = "SELECT usename FROM pg_user_mappings"
ON_THE_TABLE = (
    "SELECT has_table_privilege('reporting_reader', 'shop.ledger', 'SELECT'),"
    " has_table_privilege('reporting_reader', 'shop.orders', 'SELECT')"
)


@contextmanager
def superuser(place: Place, name: str, region: str) -> Iterator[Any]:
    """As RDS's own administrator, a role that no customer can have."""
    password = (place.stack.home / "state" / "aurora" / "postgres" / "rdsadmin_password").read_text()
    (cluster,) = place.boto("rds", region).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    login = Credentials("rdsadmin", password)
    with connection(endpoint_of(cluster), login, "shop", place.stack.ca_bundle) as session:
        yield session


def state(place: Place, name: str, region: str) -> list[Any]:
    with superuser(place, name, region) as session:
        return [session.run(query) for query in (SUBSCRIPTIONS, JOBS, LOGINS)]


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    return Place(stack, boto)


@pytest.fixture(scope="module")
def runs(place: Place) -> Iterator[dict[str, dict[str, Any]]]:
    """The records of three runs on the snapshot of a production that acts; production is as it was afterwards."""
    with superuser(place, "production", SOURCE_REGION) as session:
        for statement in MADE:
            session.run(statement)
    before = state(place, "production", SOURCE_REGION)
    source = place.own_snapshot("production-that-acts")
    expected: dict[str, dict[str, Any]] = {
        AWAKE: {"quiet_start": False},
        QUIET: {},
        CUT: {"outward_connections": "cut"},
    }
    users = [{"username": "reporting_reader", "secret_id": "aurora-restore/users/reporting"}]
    place.make_targets([QUIET])
    begun = {
        target: place.start(request(target, **source, **PLACE[target != QUIET], db_users=users, **fields))
        for target, fields in expected.items()
    }
    yield {target: place.closed(operation_id) for target, operation_id in begun.items()}
    assert state(place, "production", SOURCE_REGION) == before
    with superuser(place, "production", SOURCE_REGION) as session:
        for statement in UNMADE:
            session.run(statement)


def test_the_copy_is_quiet_and_all_of_it_is_on_the_list(
    place: Place, runs: dict[str, dict[str, Any]]
) -> None:
    record = runs[QUIET]

    assert record["status"] == "SUCCEEDED", record.get("error")
    assert state(place, QUIET, place.stack.region) == [[[False, None]], [[False]], [["public"]]]
    kinds = {item["kind"] for item in record["came_along"]["found"]}
    assert kinds >= {"subscription", "cron_job", "foreign_server", "user_mapping", "calling_extension"}
    assert any("PUBLIC at ledger" in warning for warning in record["warnings"])
    assert "Marked-secret" not in str(record)
    assert "marked_command" not in str(record)


def test_the_users_of_the_run_get_nothing_on_the_foreign_table(
    place: Place, runs: dict[str, dict[str, Any]]
) -> None:
    with superuser(place, QUIET, place.stack.region) as session:
        assert session.run(ON_THE_TABLE) == [[False, True]]


def test_without_a_quiet_start_the_copy_acts_as_production_does(
    place: Place, runs: dict[str, dict[str, Any]]
) -> None:
    record = runs[AWAKE]

    assert record["status"] == "SUCCEEDED", record.get("error")
    assert state(place, AWAKE, place.stack.region) == [[[True, "ledger_slot"]], [[True]], [["public"]]]
    assert first_states(Record.read(record).defused) == []


def test_stored_logins_are_cut_where_that_is_asked_for(place: Place, runs: dict[str, dict[str, Any]]) -> None:
    record = runs[CUT]

    assert record["status"] == "SUCCEEDED", record.get("error")
    assert state(place, CUT, place.stack.region)[2] == []


def test_the_record_is_enough_to_wake_the_copy_again(place: Place, runs: dict[str, dict[str, Any]]) -> None:
    (cluster,) = place.boto("rds").describe_db_clusters(DBClusterIdentifier=CUT)["DBClusters"]
    with connection(endpoint_of(cluster), place.master(), "shop", place.stack.ca_bundle) as session:
        session.run("GRANT pg_create_subscription TO postgres")
        for item in first_states(Record.read(runs[CUT]).defused):
            assert item.database == "shop"
            for statement in item.take_back:
                session.run(statement)

    assert state(place, CUT, place.stack.region) == [[[True, "ledger_slot"]], [[True]], [["public"]]]
