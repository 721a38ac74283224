"""The HTTP face: the same model over a socket, and the control API beside it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from mypy_boto3_rds import RDSClient
from tests.states_language.scheduler import VirtualClock

from local_aurora.model import LocalAurora
from local_aurora.server import AuroraServer

from .conftest import DURATIONS, Place


@pytest.fixture
def url(aurora: LocalAurora) -> Iterator[str]:
    with AuroraServer(aurora) as server:
        yield server.url


@pytest.fixture
def over_http(url: str) -> Iterator[Callable[[str], RDSClient]]:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
    made: list[RDSClient] = []

    def make(region: str) -> RDSClient:
        made.append(
            boto3.client(
                "rds",
                region_name=region,
                endpoint_url=url,
                aws_access_key_id="a-key",
                aws_secret_access_key="a-secret",
                config=config,
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


def control(url: str, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_aurora/{path}", data=data, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return json.load(answer)


def test_the_region_of_a_call_is_the_one_it_is_signed_for(
    place: Place, over_http: Callable[[str], RDSClient]
) -> None:
    assert len(over_http("us-east-1").describe_db_clusters()["DBClusters"]) == 1
    assert over_http("us-west-2").describe_db_clusters()["DBClusters"] == []


def test_a_whole_restore_runs_over_http(place: Place, over_http: Callable[[str], RDSClient]) -> None:
    here = over_http("us-west-2")
    here.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn, TargetDBClusterSnapshotIdentifier="copy-1"
    )
    place.clock.advance(DURATIONS.copy)
    here.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="staging", SnapshotIdentifier="copy-1", Engine="aurora-postgresql"
    )
    place.clock.advance(DURATIONS.restore)
    assert here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"][0]["Status"] == "available"


def test_an_error_has_the_code_and_the_http_status_of_the_model(
    over_http: Callable[[str], RDSClient],
) -> None:
    with pytest.raises(ClientError) as caught:
        over_http("us-west-2").describe_db_clusters(DBClusterIdentifier="nothing")
    answer = caught.value.response
    assert answer["Error"]["Code"] == "DBClusterNotFoundFault"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_lost_reply_drops_the_connection(
    place: Place, url: str, over_http: Callable[[str], RDSClient]
) -> None:
    rule = {"name": "lost", "effect": "reply-lost", "action": "CopyDBClusterSnapshot"}
    control(url, "POST", "faults", rule)
    with pytest.raises(ConnectionClosedError):
        over_http("us-west-2").copy_db_cluster_snapshot(
            SourceDBClusterSnapshotIdentifier=place.snapshot_arn, TargetDBClusterSnapshotIdentifier="copy-1"
        )
    assert place.snapshot_status("copy-1") == "copying"
    assert control(url, "GET", "faults")["rules"][0]["seen"] == 1
    control(url, "DELETE", "faults")
    assert control(url, "GET", "faults")["rules"] == []


def test_the_control_api_seeds_holds_and_releases(url: str, clock: VirtualClock) -> None:
    cluster = {
        "region": "us-east-1",
        "DBClusterIdentifier": "production",
        "MasterUsername": "app_admin",
        "MasterUserPassword": "first-password",
        "instances": {"production-1": "db.r5.large"},
    }
    assert control(url, "POST", "seed/cluster", cluster)["Port"] == 5432
    snapshot = {
        "region": "us-east-1",
        "DBClusterIdentifier": "production",
        "created_at": "2023-06-15T03:00:00",
    }
    made = control(url, "POST", "seed/snapshot", snapshot)
    assert made["DBClusterSnapshotIdentifier"] == "rds:production-2023-06-15-03-00"
    subnets = {"subnet-1": "us-west-2a", "subnet-2": "us-west-2b"}
    group = {"region": "us-west-2", "name": "inner", "vpc_id": "vpc-1", "subnets": subnets}
    assert control(url, "POST", "seed/subnet-group", group)["DBSubnetGroupArn"].endswith(":subgrp:inner")
    assert control(url, "PUT", "durations", {"copy": 7})["copy"] == 7
    assert control(url, "GET", "durations")["copy"] == 7
    assert control(url, "POST", "release", {"name": "nothing"}) == {"released": 0}
    assert "production" in control(url, "GET", "state")["regions"]["us-east-1"]["clusters"]


def test_the_control_api_makes_global_clusters_and_changes_quotas(
    place: Place, url: str, over_http: Callable[[str], RDSClient]
) -> None:
    source = over_http("us-east-1").describe_db_clusters()["DBClusters"][0]["DBClusterArn"]
    control(url, "POST", "seed/global-cluster", {"identifier": "worldwide", "member_arns": [source]})
    (group,) = over_http("us-east-1").describe_global_clusters()["GlobalClusters"]
    assert group["GlobalClusterMembers"][0]["DBClusterArn"] == source
    assert control(url, "PUT", "quotas", {"clusters": 1})["clusters"] == 1
    assert control(url, "GET", "quotas")["instances"] == 40


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PUT", "durations", {"coppy": 1}, 400),
        ("PUT", "quotas", {"cluster": 1}, 400),
        ("PUT", "quotas", {"clusters": -1}, 400),
        ("POST", "faults", {"name": "x"}, 400),
        ("POST", "release", ["x"], 400),
    ],
)
def test_the_control_api_says_what_is_wrong(
    url: str, method: str, path: str, body: object, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        control(url, method, path, body)
    with caught.value as answer:
        assert answer.code == status
        assert json.load(answer)["message"]
