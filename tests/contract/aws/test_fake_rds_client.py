"""The stand-in for boto3's rds client, and boto3's client over the wire format: the same calls, the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.fakes.fault_injector import FaultInjector
from tests.fakes.rds_client import ACTIONS, FakeClients, FakeRdsClient
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind
from tests.support.in_process_aws import SOURCE_REGION, shared_aws

from aurora_restore.aws.rds import AwsRds
from aurora_restore.domain.errors import AwsThrottled, AwsUnavailable
from aurora_restore.domain.observed import Credentials
from local_aurora.model import LocalAurora

HOME = "us-west-2"
DAY = datetime(2023, 6, 15, 6, 10, tzinfo=UTC)
MASTER = Credentials("postgres", "Pr0duction-master")
NEW_CLUSTER, NEW_INSTANCE, COPY = (
    "aurora-restored-staging",
    "aurora-restored-staging-1",
    "aurora-restore-copy",
)
CUSTOM = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]
TAGS = [{"Key": "aurora-restore:operation-id", "Value": "restore-1"}]


def seeded(aurora: LocalAurora) -> None:
    seed = aurora.seed
    seed.put_cluster(SOURCE_REGION, "production", MASTER, instances={"production-1": "db.r5.large"})
    seed.put_snapshot(SOURCE_REGION, "production", DAY, tags={"team": "shop"})
    seed.put_subnet_group(HOME, "databases", "vpc-1", {"subnet-1": "us-west-2a", "subnet-2": "us-west-2b"})
    seed.put_cluster(HOME, "standing", MASTER, instances={"standing-1": "db.r5.large"})
    for number in range(130):
        seed.put_snapshot(HOME, "standing", DAY, identifier=f"many-{number:03d}", snapshot_type="manual")
    seed.put_global_cluster("everywhere", [f"arn:aws:rds:{HOME}:{aurora.world.account_id}:cluster:standing"])


class Pair:
    """The same account twice: behind boto3 and the wire, and behind the stand-in."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.aws = shared_aws(self.clock)
        seeded(self.aws.aurora)
        self.clock = self.aws.clock  # type: ignore[assignment]
        self.aurora = LocalAurora(self.clock, account_id=self.aws.account_id)
        seeded(self.aurora)
        self.injector = FaultInjector()
        self.fakes = {
            region: FakeRdsClient(self.aurora, region, self.injector) for region in (HOME, SOURCE_REGION)
        }
        self.arn = f"arn:aws:rds:{HOME}:{self.aws.account_id}"
        snapshot = "cluster-snapshot:rds:production-2023-06-15-06-10"
        self.source_arn = f"arn:aws:rds:{SOURCE_REGION}:{self.aws.account_id}:{snapshot}"

    def real(self, region: str) -> Any:
        return self.aws.clients(region).rds(region)

    def answers(self, method: str, region: str = HOME, **parameters: Any) -> tuple[Any, Any]:
        return (
            answer_of(lambda: getattr(self.real(region), method)(**parameters)),
            answer_of(lambda: getattr(self.fakes[region], method)(**parameters)),
        )

    def pages(self, method: str, **parameters: Any) -> tuple[Any, Any]:
        found = (
            list(client.get_paginator(method).paginate(**parameters))
            for client in (self.real(HOME), self.fakes[HOME])
        )
        real, fake = ([comparable(page) for page in pages] for pages in found)
        return real, fake


def answer_of(call: Callable[[], Mapping[str, Any]]) -> Any:
    try:
        return comparable(call())
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        details = error.response["Error"]
        return (type(error).__mro__[-4:], details["Code"], details["Message"], status, error.operation_name)
    except BotoCoreError as error:
        return type(error), str(error)


def comparable(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.fixture
def pair() -> Pair:
    return Pair()


def calls(pair: Pair) -> list[tuple[str, dict[str, Any]]]:
    """A whole restore and its undoing, with refusals on the way. An hour goes by after each."""
    cluster = {"DBClusterIdentifier": NEW_CLUSTER}
    endpoint = {"DBClusterEndpointIdentifier": "reports"}
    return [
        ("describe_db_cluster_snapshots", {}),
        ("describe_db_cluster_snapshots", {"DBClusterSnapshotIdentifier": "none"}),
        ("describe_db_subnet_groups", {"DBSubnetGroupName": "databases"}),
        ("describe_account_attributes", {}),
        ("describe_db_engine_versions", {"Engine": "aurora-postgresql", "EngineVersion": "17"}),
        ("describe_db_engine_versions", {"Engine": "none", "MaxRecords": 5}),
        (
            "describe_orderable_db_instance_options",
            {"Engine": "aurora-postgresql", "EngineVersion": "17.4", "DBInstanceClass": "db.r5.large"},
        ),
        (
            "copy_db_cluster_snapshot",
            {
                "SourceDBClusterSnapshotIdentifier": pair.source_arn,
                "TargetDBClusterSnapshotIdentifier": COPY,
                "SourceRegion": SOURCE_REGION,
                "CopyTags": False,
                "Tags": TAGS,
            },
        ),
        ("copy_db_cluster_snapshot", {"SourceDBClusterSnapshotIdentifier": "x"}),
        ("describe_db_cluster_snapshots", {"DBClusterSnapshotIdentifier": COPY}),
        (
            "restore_db_cluster_from_snapshot",
            {
                **cluster,
                "SnapshotIdentifier": COPY,
                "Engine": "aurora-postgresql",
                "EngineVersion": "17.4",
                "DBSubnetGroupName": "databases",
                "Tags": TAGS,
                "EnableCloudwatchLogsExports": ["postgresql"],
                "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4},
            },
        ),
        ("restore_db_cluster_from_snapshot", {**cluster, "SnapshotIdentifier": COPY, "Engine": "x"}),
        (
            "create_db_instance",
            {
                **cluster,
                "DBInstanceIdentifier": NEW_INSTANCE,
                "DBInstanceClass": "db.r5.large",
                "Engine": "aurora-postgresql",
                "PubliclyAccessible": False,
            },
        ),
        ("describe_db_instances", {"DBInstanceIdentifier": NEW_INSTANCE}),
        ("describe_db_instances", {"Filters": [{"Name": "db-cluster-id", "Values": [NEW_CLUSTER]}]}),
        ("modify_db_cluster", {**cluster, "MasterUserPassword": "short", "ApplyImmediately": True}),
        ("modify_db_cluster", {**cluster, "MasterUserPassword": "long-enough", "ApplyImmediately": True}),
        ("modify_db_cluster", {**cluster, "NoSuchParameter": 1}),
        ("modify_db_cluster", {**cluster, "ApplyImmediately": "yes"}),
        (
            "add_role_to_db_cluster",
            {**cluster, "RoleArn": "arn:aws:iam::1:role/r", "FeatureName": "s3Import"},
        ),
        ("enable_http_endpoint", {"ResourceArn": f"{pair.arn}:cluster:{NEW_CLUSTER}"}),
        ("enable_http_endpoint", {"ResourceArn": f"{pair.arn}:cluster:none"}),
        ("add_tags_to_resource", {"ResourceName": f"{pair.arn}:cluster:{NEW_CLUSTER}", "Tags": TAGS}),
        ("remove_tags_from_resource", {"ResourceName": f"{pair.arn}:cluster:none", "TagKeys": ["a"]}),
        ("create_db_cluster_endpoint", {**cluster, **endpoint, "EndpointType": "READER"}),
        ("create_db_cluster_endpoint", {**cluster, **endpoint, "EndpointType": "ANY"}),
        ("describe_db_cluster_endpoints", {**cluster, "Filters": CUSTOM}),
        ("describe_db_cluster_endpoints", cluster),
        ("describe_db_clusters", cluster),
        ("describe_db_clusters", {}),
        ("delete_db_cluster_endpoint", endpoint),
        ("delete_db_cluster_endpoint", endpoint),
        ("stop_db_cluster", cluster),
        ("stop_db_cluster", cluster),
        ("start_db_cluster", cluster),
        (
            "modify_db_cluster",
            {**cluster, "NewDBClusterIdentifier": "aurora-restored-renamed", "ApplyImmediately": True},
        ),
        ("describe_db_clusters", cluster),
        (
            "create_db_cluster_snapshot",
            {"DBClusterIdentifier": "aurora-restored-renamed", "DBClusterSnapshotIdentifier": "final"},
        ),
        ("delete_db_cluster", {"DBClusterIdentifier": "standing", "SkipFinalSnapshot": True}),
        ("delete_db_instance", {"DBInstanceIdentifier": NEW_INSTANCE, "SkipFinalSnapshot": True}),
        ("delete_db_cluster", {"DBClusterIdentifier": "aurora-restored-renamed", "SkipFinalSnapshot": True}),
        ("delete_db_cluster_snapshot", {"DBClusterSnapshotIdentifier": COPY}),
        ("delete_db_cluster_snapshot", {"DBClusterSnapshotIdentifier": COPY}),
        ("describe_global_clusters", {}),
        ("describe_events", {"Duration": 10_000}),
        ("list_tags_for_resource", {"ResourceName": f"{pair.arn}:cluster:standing"}),
    ]


def test_every_call_is_answered_alike(pair: Pair) -> None:
    for method, parameters in calls(pair):
        real, fake = pair.answers(method, **parameters)
        assert fake == real, method
        pair.clock.advance()


def test_what_is_under_way_is_shown_alike(pair: Pair) -> None:
    for method, parameters in calls(pair):
        pair.answers(method, **parameters)
        for look in ("describe_db_clusters", "describe_db_instances", "describe_db_cluster_snapshots"):
            real, fake = pair.answers(look)
            assert fake == real, (method, look)
        pair.clock.advance(0.0007 * 3600)


def test_pages_follow_each_other_alike(pair: Pair) -> None:
    for method in ("describe_db_cluster_snapshots", "describe_db_clusters", "describe_global_clusters"):
        real, fake = pair.pages(method)
        assert fake == real
    assert [len(page["DBClusterSnapshots"]) for page in pair.pages("describe_db_cluster_snapshots")[1]] == [
        100,
        30,
    ]


def test_every_method_of_the_stand_in_is_one_of_the_client(pair: Pair) -> None:
    assert [method for method in ACTIONS if not hasattr(pair.real(HOME), method)] == []
    with pytest.raises(AttributeError):
        pair.fakes[HOME].no_such_method  # noqa: B018 - the look itself is what is refused


def test_an_answer_belongs_to_its_caller(pair: Pair) -> None:
    first = pair.fakes[HOME].describe_db_clusters()["DBClusters"][0]
    first["AssociatedRoles"].append("mine")
    assert pair.fakes[HOME].describe_db_clusters()["DBClusters"][0]["AssociatedRoles"] == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.UNAVAILABLE, AwsUnavailable),
        (FaultKind.THROTTLED, AwsThrottled),
        (FaultKind.REPLY_LOST, AwsUnavailable),
    ],
)
def test_the_adapter_meets_faults_alike(pair: Pair, kind: FaultKind, error: type[Exception]) -> None:
    clients: Any = FakeClients(pair.fakes, HOME)
    adapters = (AwsRds(pair.aws.clients()), AwsRds(clients))
    where = pair.aws.after if kind is FaultKind.REPLY_LOST else pair.aws.before
    where(len(pair.aws.calls), kind)
    pair.injector.faults[pair.injector.count] = kind
    for adapter in adapters:
        with pytest.raises(error):
            adapter.add_tags(f"{pair.arn}:cluster:standing", {"seen": "yes"})
    expected = {"seen": "yes"} if kind is FaultKind.REPLY_LOST else {}
    for adapter in adapters:
        cluster = adapter.find_cluster("standing")
        assert cluster is not None
        assert cluster.tags == expected
