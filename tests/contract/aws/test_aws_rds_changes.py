"""What changes and removes clusters, through the wire: busy waits, gone is quiet, and what is asked is what is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.rds import AwsRds
from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    QuotaExceeded,
    ResourceBusy,
)
from aurora_restore.domain.observed import Credentials

HOME = "us-west-2"
MASTER = Credentials("postgres", "a-master-password")
Change = Callable[[AwsRds], None]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock) -> InProcessAws:
    """A cluster `staging` with two instances."""
    aws = shared_aws(clock)
    members = {"staging-1": "db.r5.large", "staging-2": "db.r5.large"}
    aws.aurora.seed.put_cluster(HOME, "staging", MASTER, instances=members)
    return aws


@pytest.fixture
def rds(aws: InProcessAws) -> AwsRds:
    return AwsRds(aws.clients())


CHANGES: dict[str, Change] = {
    "ModifyDBCluster": lambda rds: rds.rename_cluster("staging", "staging-old"),
    "StopDBCluster": lambda rds: rds.stop_cluster("staging"),
    "StartDBCluster": lambda rds: rds.start_cluster("staging"),
    "RebootDBInstance": lambda rds: rds.reboot_instance("staging-1"),
    "DeleteDBInstance": lambda rds: rds.delete_instance("staging-1"),
    "DeleteDBCluster": lambda rds: rds.delete_cluster("staging", keep_automated_backups=True),
    "CreateDBClusterSnapshot": lambda rds: rds.create_cluster_snapshot("staging", "aurora-restore-final", {}),
    "CreateDBClusterEndpoint": lambda rds: rds.create_custom_endpoint(
        "staging", CustomEndpoint("reports", "ANY")
    ),
    "DeleteDBClusterEndpoint": lambda rds: rds.delete_custom_endpoint("reports"),
    "EnableHttpEndpoint": lambda rds: rds.enable_data_api(
        "arn:aws:rds:us-west-2:123456789012:cluster:staging"
    ),
    "AddRoleToDBCluster": lambda rds: rds.add_role(
        "staging", "arn:aws:iam::123456789012:role/import", "s3Import"
    ),
}


@pytest.mark.parametrize("operation", CHANGES)
def test_what_is_busy_is_waited_for(aws: InProcessAws, rds: AwsRds, operation: str) -> None:
    aws.before(is_operation(operation), Refusal("InvalidDBClusterStateFault", "is in modifying state"))
    with pytest.raises(ResourceBusy, match="modifying"):
        CHANGES[operation](rds)


@pytest.mark.parametrize("operation", CHANGES)
def test_a_throttled_change_can_be_made_again(aws: InProcessAws, rds: AwsRds, operation: str) -> None:
    aws.before(is_operation(operation), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        CHANGES[operation](rds)


@pytest.mark.parametrize("operation", CHANGES)
def test_a_refused_change_names_the_right_that_is_missing(
    aws: InProcessAws, rds: AwsRds, operation: str
) -> None:
    aws.before(is_operation(operation), FaultKind.DENIED)
    with pytest.raises(AccessDenied, match=f"rds:{operation}"):
        CHANGES[operation](rds)


@pytest.mark.parametrize(
    "change",
    [
        lambda rds: rds.rename_cluster("missing", "staging-old"),
        lambda rds: rds.stop_cluster("missing"),
        lambda rds: rds.start_cluster("missing"),
        lambda rds: rds.modify_cluster("missing", {"deletion_protection": False}),
        lambda rds: rds.delete_instance("missing"),
        lambda rds: rds.delete_cluster("missing", keep_automated_backups=False),
        lambda rds: rds.delete_cluster_snapshot("nothing"),
    ],
)
def test_what_is_gone_or_done_already_is_left_to_the_next_look(rds: AwsRds, change: Change) -> None:
    change(rds)
    assert rds.find_cluster("staging") is not None


def test_a_name_that_is_not_free_yet_is_waited_for(rds: AwsRds) -> None:
    with pytest.raises(ResourceBusy, match="staging is not free"):
        rds.rename_cluster("staging", "staging")


def test_a_rename_is_seen_when_it_is_done(rds: AwsRds, clock: VirtualClock) -> None:
    before = rds.find_cluster("staging")
    rds.rename_cluster("staging", "staging-old")
    renaming = rds.find_cluster("staging")
    assert renaming is not None
    assert renaming.status == "renaming"
    clock.advance()
    after = rds.find_cluster("staging-old")
    assert before is not None
    assert after is not None
    assert after.db_cluster_resource_id == before.db_cluster_resource_id
    assert rds.find_cluster("staging") is None


def test_a_cluster_is_deleted_with_no_final_snapshot_and_its_backups_are_kept_or_not(
    aws: InProcessAws, rds: AwsRds, clock: VirtualClock
) -> None:
    for name in ("staging-2", "staging-1"):
        rds.delete_instance(name)
    rds.delete_cluster("staging", keep_automated_backups=True)
    (sent,) = [parse_qs(call.body.decode()) for call in aws.calls if call.operation == "DeleteDBCluster"]
    assert sent["SkipFinalSnapshot"] == ["true"]
    assert sent["DeleteAutomatedBackups"] == ["false"]
    clock.advance()
    assert rds.list_clusters() == []


def test_a_cluster_with_instances_is_busy_and_stays(rds: AwsRds) -> None:
    with pytest.raises(ResourceBusy, match="still contains DB instances"):
        rds.delete_cluster("staging", keep_automated_backups=True)


def test_a_protected_cluster_is_refused_for_good(rds: AwsRds, clock: VirtualClock) -> None:
    rds.modify_cluster("staging", {"deletion_protection": True})
    clock.advance()
    with pytest.raises(AwsRequestFailed, match="protect"):
        rds.delete_cluster("staging", keep_automated_backups=True)


def test_a_final_snapshot_bears_our_tags_and_the_clusters_identity(rds: AwsRds, clock: VirtualClock) -> None:
    rds.create_cluster_snapshot(
        "staging", "aurora-restore-final", {"aurora-restore:operation-id": "restore-1"}
    )
    rds.create_cluster_snapshot(
        "staging", "aurora-restore-final", {"aurora-restore:operation-id": "restore-1"}
    )
    clock.advance()
    (snapshot,) = rds.list_cluster_snapshots()
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    assert snapshot.db_cluster_resource_id == cluster.db_cluster_resource_id
    assert (snapshot.status, snapshot.tags) == ("available", {"aurora-restore:operation-id": "restore-1"})
    rds.delete_cluster_snapshot("aurora-restore-final")
    clock.advance()
    assert rds.list_cluster_snapshots() == []


def test_no_room_for_a_final_snapshot_is_a_quota(aws: InProcessAws, rds: AwsRds) -> None:
    aws.aurora.world.quotas.manual_snapshots = 0
    with pytest.raises(QuotaExceeded):
        rds.create_cluster_snapshot("staging", "aurora-restore-final", {})


def test_a_role_is_added_once(rds: AwsRds) -> None:
    for _ in range(2):
        rds.add_role("staging", "arn:aws:iam::123456789012:role/import", "s3Import")
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    assert cluster.roles == (ClusterRole("arn:aws:iam::123456789012:role/import", "s3Import"),)


def test_tags_come_and_go(rds: AwsRds) -> None:
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    rds.add_tags(cluster.db_cluster_arn, {"one": "1", "two": "2"})
    rds.remove_tags(cluster.db_cluster_arn, ["one", "never-there"])
    seen = rds.find_cluster("staging")
    assert seen is not None
    assert seen.tags == {"two": "2"}


def test_the_global_cluster_of_a_member_is_found(aws: InProcessAws, rds: AwsRds) -> None:
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    assert rds.find_global_cluster_of(cluster.db_cluster_arn) is None
    aws.aurora.seed.put_global_cluster("worldwide", [cluster.db_cluster_arn])
    assert rds.find_global_cluster_of(cluster.db_cluster_arn) == "worldwide"


def test_every_page_of_clusters_is_read(aws: InProcessAws, rds: AwsRds) -> None:
    for number in range(120):
        aws.aurora.world.quotas.clusters = 200
        aws.aurora.seed.put_cluster(HOME, f"cluster-{number}", MASTER)
    assert len(rds.list_clusters()) == 121
    assert sum(call.operation == "DescribeDBClusters" for call in aws.calls) > 1


def test_a_stopped_cluster_starts_again(rds: AwsRds, clock: VirtualClock) -> None:
    statuses: list[Any] = []
    for change in (rds.stop_cluster, rds.start_cluster):
        change("staging")
        clock.advance()
        cluster = rds.find_cluster("staging")
        statuses.append(cluster.status if cluster else None)
    assert statuses == ["stopped", "available"]
