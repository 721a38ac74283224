"""Custom endpoints: one name in a Region, and gone with their cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local_aurora.model import LocalAurora
from local_aurora.timing import Durations

from .conftest import Place

Refused = Callable[..., str]
CUSTOM: Any = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]


ENDPOINT = Durations().endpoint


@pytest.fixture
def staging(place: Place) -> Place:
    place.restored("staging")
    return place


def make(place: Place, name: str = "reports", cluster: str = "staging", **parameters: Any) -> None:
    place.here.create_db_cluster_endpoint(
        DBClusterIdentifier=cluster, DBClusterEndpointIdentifier=name, EndpointType="ANY", **parameters
    )


def test_a_cluster_shows_the_hosts_of_its_endpoints_and_keeps_them_through_a_rename(staging: Place) -> None:
    make(staging)
    staging.here.modify_db_cluster(
        DBClusterIdentifier="staging", NewDBClusterIdentifier="renamed", ApplyImmediately=True
    )
    staging.clock.advance(60)
    (cluster,) = staging.here.describe_db_clusters(DBClusterIdentifier="renamed")["DBClusters"]
    (host,) = cluster["CustomEndpoints"]
    assert host.startswith("reports.cluster-custom-")
    (shown,) = staging.here.describe_db_cluster_endpoints(Filters=CUSTOM)["DBClusterEndpoints"]
    assert (shown["DBClusterIdentifier"], shown["CustomEndpointType"]) == ("renamed", "ANY")


def test_a_name_is_taken_until_its_endpoint_is_deleted(staging: Place, refused: Refused) -> None:
    make(staging)
    again: dict[str, Any] = {"DBClusterIdentifier": "staging", "DBClusterEndpointIdentifier": "reports"}
    answer = refused(staging.here.create_db_cluster_endpoint, **again, EndpointType="READER")
    assert answer.startswith("DBClusterEndpointAlreadyExistsFault")
    staging.clock.advance(ENDPOINT)
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    answer = refused(staging.here.create_db_cluster_endpoint, **again, EndpointType="READER")
    assert answer.startswith("DBClusterEndpointAlreadyExistsFault")
    staging.clock.advance(ENDPOINT)
    make(staging)
    staging.clock.advance(ENDPOINT)
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    staging.clock.advance(ENDPOINT)
    gone = refused(staging.here.delete_db_cluster_endpoint, DBClusterEndpointIdentifier="reports")
    assert gone.startswith("DBClusterEndpointNotFoundFault")


def status(place: Place) -> list[str]:
    shown = place.here.describe_db_cluster_endpoints(Filters=CUSTOM)["DBClusterEndpoints"]
    return [each["Status"] for each in shown]


def hosts(place: Place) -> list[str]:
    (cluster,) = place.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"]
    return [host.partition(".")[0] for host in cluster.get("CustomEndpoints", [])]


def test_an_endpoint_is_made_and_deleted_in_its_time_and_refuses_changes_meanwhile(
    staging: Place, refused: Refused
) -> None:
    delete, name = staging.here.delete_db_cluster_endpoint, {"DBClusterEndpointIdentifier": "reports"}
    make(staging)
    assert status(staging) == ["creating"]
    assert refused(delete, **name).startswith("InvalidDBClusterEndpointStateFault")
    staging.clock.advance(ENDPOINT)
    assert status(staging) == ["available"]
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    assert status(staging) == ["deleting"]
    assert refused(delete, **name).startswith("InvalidDBClusterEndpointStateFault")
    staging.clock.advance(ENDPOINT)
    assert status(staging) == []


@pytest.mark.parametrize("shows", [True, False])
def test_a_cluster_shows_an_endpoint_that_changes_or_does_not(staging: Place, shows: bool) -> None:
    staging.aurora.set_habits({"changing_endpoints_show": shows})
    changing = ["reports"] if shows else []
    make(staging)
    assert hosts(staging) == changing
    staging.clock.advance(ENDPOINT)
    assert hosts(staging) == ["reports"]
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    assert hosts(staging) == changing
    staging.clock.advance(ENDPOINT)
    assert hosts(staging) == []


def test_the_calls_that_describe_endpoints_lag_like_the_others(staging: Place) -> None:
    make(staging)
    staging.clock.advance(ENDPOINT)
    staging.aurora.set_durations({"describe_lag": 10})
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    staging.clock.advance(9)
    assert (status(staging), hosts(staging)) == (["available"], ["reports"])
    staging.clock.advance(1)
    assert (status(staging), hosts(staging)) == ([], [])


def test_a_deletion_that_is_under_way_goes_on_after_the_state_was_saved_and_loaded(staging: Place) -> None:
    make(staging)
    staging.clock.advance(ENDPOINT)
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    again = LocalAurora(staging.clock, state_json=staging.aurora.to_json())
    region = staging.here.meta.region_name
    with again.locked() as world:
        assert world.regions[region].custom_endpoints["reports"].status == "deleting"
    staging.clock.advance(ENDPOINT)
    with again.locked() as world:
        assert world.regions[region].custom_endpoints == {}


def test_a_busy_cluster_takes_and_gives_no_endpoint(staging: Place, refused: Refused) -> None:
    make(staging)
    staging.clock.advance(ENDPOINT)
    staging.here.stop_db_cluster(DBClusterIdentifier="staging")
    answer = refused(staging.here.delete_db_cluster_endpoint, DBClusterEndpointIdentifier="reports")
    assert answer.startswith("InvalidDBClusterStateFault")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"EndpointType": "WRITER"}, "InvalidParameterValue"),
        ({"EndpointType": "ANY", "StaticMembers": ["of-another"]}, "DBInstanceNotFound"),
        (
            {"EndpointType": "ANY", "StaticMembers": ["a"], "ExcludedMembers": ["b"]},
            "InvalidParameterCombination",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(
    staging: Place, refused: Refused, parameters: dict[str, Any], code: str
) -> None:
    answer = refused(
        staging.here.create_db_cluster_endpoint,
        DBClusterIdentifier="staging",
        DBClusterEndpointIdentifier="reports",
        **parameters,
    )
    assert answer.startswith(code)


def test_a_cluster_has_at_most_five(staging: Place, refused: Refused) -> None:
    for number in range(5):
        make(staging, f"reports-{number}")
    answer = refused(
        staging.here.create_db_cluster_endpoint,
        DBClusterIdentifier="staging",
        DBClusterEndpointIdentifier="one-more",
        EndpointType="ANY",
    )
    assert answer.startswith("DBClusterEndpointQuotaExceededFault")
