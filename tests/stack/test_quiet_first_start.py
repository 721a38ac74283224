"""A subscription came along with a snapshot, enabled, with production's slot: the copy leaves it alone, or takes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until
from tests.stack.serving_targets import SOURCE_REGION, Place, endpoint_of, request

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.naming import quiet_group_identifier
from aurora_restore.domain.observed import Credentials
from local_aurora.engines.postgresql.admin import connection
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 4)

QUIET, AWAKE, LEDGER = "aurora-restored-first-quiet", "aurora-restored-first-awake", "ledger"
NEW = {
    "delete_cluster_if_exists": False,
    "vpc_security_group_ids": [SECURITY_GROUP_ID],
    "db_subnet_group_name": SUBNET_GROUP,
}
LAUNCHERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'"
ARRIVED = "SELECT count(*) FROM public.news"
ENABLED = "SELECT subenabled FROM pg_subscription WHERE subname = 'from_ledger'"
WAITING = "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('news_slot', NULL, NULL,"
WAITING += " 'proto_version', '1', 'publication_names', 'everything') WHERE get_byte(data, 0) = ascii('I')"


@contextmanager
def superuser(place: Place, name: str, region: str, database: str = "shop") -> Iterator[Any]:
    """As RDS's own administrator, a role that no customer can have."""
    (cluster,) = place.boto("rds", region).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    with connection(endpoint_of(cluster), admin(place), database, place.stack.ca_bundle) as session:
        yield session


def admin(place: Place) -> Credentials:
    password = (place.stack.home / "state" / "aurora" / "postgres" / "rdsadmin_password").read_text()
    return Credentials("rdsadmin", password)


def put_ledger(place: Place) -> str:
    """A cluster that publishes its news; how it is reached."""
    group = {"region": SOURCE_REGION, "name": "logical", "family": "aurora-postgresql17", "cluster": True}
    place.seed("parameter-group", **group, values={"rds.logical_replication": "1"})
    place.seed(
        "cluster",
        region=SOURCE_REGION,
        DBClusterIdentifier=LEDGER,
        MasterUsername="postgres",
        MasterUserPassword="a-master-password",
        DBClusterParameterGroupName="logical",
        instances={f"{LEDGER}-1": "db.r5.large"},
    )
    with superuser(place, LEDGER, SOURCE_REGION, "postgres") as session:
        session.run("CREATE TABLE public.news (id int PRIMARY KEY)")
        session.run("CREATE PUBLICATION everything FOR TABLE public.news")
        session.run("SELECT pg_create_logical_replication_slot('news_slot', 'pgoutput')")
    rds = place.boto("rds", SOURCE_REGION)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=LEDGER)["DBClusters"]
    login = admin(place)
    return (
        f"host=127.0.0.1 port={endpoint_of(cluster).port} dbname=postgres user={login.username} "
        f"password={login.password}"
    )


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Iterator[Place]:
    """Production has an enabled subscription and a snapshot with it; its subscriber rests since, and news wait."""
    place = Place(stack, boto)
    reach = put_ledger(place)
    with superuser(place, "production", SOURCE_REGION) as session:
        session.run("CREATE TABLE public.news (id int PRIMARY KEY)")
        session.run("ALTER TABLE public.news OWNER TO postgres")
        session.run(
            f"CREATE SUBSCRIPTION from_ledger CONNECTION '{reach}' PUBLICATION everything"
            " WITH (connect = false, slot_name = 'news_slot')"
        )
        session.run("ALTER SUBSCRIPTION from_ledger OWNER TO postgres")
        session.run("ALTER SUBSCRIPTION from_ledger ENABLE")
        session.run("ALTER SUBSCRIPTION from_ledger REFRESH PUBLICATION WITH (copy_data = false)")
    place.own_snapshot("production-that-subscribes")
    with superuser(place, "production", SOURCE_REGION) as session:
        session.run("ALTER SUBSCRIPTION from_ledger DISABLE")
        poll_until(lambda: not slot_is_read(place), "production's subscriber has let go of its slot")
    with superuser(place, LEDGER, SOURCE_REGION, "postgres") as session:
        session.run("INSERT INTO public.news VALUES (1)")
    yield place
    with superuser(place, "production", SOURCE_REGION) as session:
        session.run("ALTER SUBSCRIPTION from_ledger SET (slot_name = NONE)")
        session.run("DROP SUBSCRIPTION from_ledger")
        session.run("DROP TABLE public.news")


def slot_is_read(place: Place) -> bool:
    with superuser(place, LEDGER, SOURCE_REGION, "postgres") as session:
        return bool(
            session.run("SELECT active FROM pg_replication_slots WHERE slot_name = 'news_slot'")[0][0]
        )


def source() -> dict[str, Any]:
    return {
        "source_snapshot_date": ...,
        "source_snapshot_identifier": "production-that-subscribes",
        "source_region": SOURCE_REGION,
        "source_cluster_id": ...,
    }


def test_the_copy_leaves_the_slot_alone_from_its_first_start_on(place: Place) -> None:
    place.fault("hold-the-restart", effect="hold", action="RebootDBInstance", identifier=f"{QUIET}-*")
    operation_id = place.start(request(QUIET, **source(), **NEW))

    poll_until(lambda: place.waits_at(operation_id, "hold-the-restart"), "the restart", 300)
    with superuser(place, QUIET, place.stack.region) as session:
        assert session.run(LAUNCHERS) == [[0]]
        assert session.run(ARRIVED) == [[0]]
    with superuser(place, LEDGER, SOURCE_REGION, "postgres") as session:
        assert session.run(WAITING) == [[1]]
    place.release("hold-the-restart")

    record = place.closed(operation_id)
    assert record["status"] == "SUCCEEDED", record.get("error")
    cluster = place.cluster(QUIET)
    assert cluster["DBClusterParameterGroup"] == "default.aurora-postgresql17"
    assert {member["DBClusterParameterGroupStatus"] for member in cluster["DBClusterMembers"]} == {"in-sync"}
    with superuser(place, QUIET, place.stack.region) as session:
        assert session.run(ENABLED) == [[False]]
        assert session.run(ARRIVED) == [[0]]
    with superuser(place, LEDGER, SOURCE_REGION, "postgres") as session:
        assert session.run(WAITING) == [[1]]
    groups = place.boto("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    assert quiet_group_identifier(operation_id) not in {g["DBClusterParameterGroupName"] for g in groups}


def test_without_a_quiet_start_the_copy_takes_what_production_waits_for(place: Place) -> None:
    operation_id = place.start(request(AWAKE, **source(), **NEW, quiet_start=False))

    record = place.closed(operation_id)

    assert record["status"] == "SUCCEEDED", record.get("error")
    with superuser(place, AWAKE, place.stack.region) as session:
        assert session.run(ENABLED) == [[True]]
        poll_until(lambda: session.run(ARRIVED) == [[1]], "what was production's", 60)
