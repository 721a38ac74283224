"""Custom endpoints: one name in a Region, and gone with their cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Place

Refused = Callable[..., str]
CUSTOM: Any = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]


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
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    make(staging)
    staging.here.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    gone = refused(staging.here.delete_db_cluster_endpoint, DBClusterEndpointIdentifier="reports")
    assert gone.startswith("DBClusterEndpointNotFoundFault")


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
