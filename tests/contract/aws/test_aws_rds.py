"""RDS through the wire, against the local Aurora on a clock that the tests move."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import SOURCE_REGION, InProcessAws, is_operation, shared_aws

from aurora_restore.aws.rds import AwsRds
from aurora_restore.domain.errors import (
    AwsThrottled,
    AwsUnavailable,
    CopySlotsInUse,
    KmsKeyNotAccessible,
    ParameterGroupNotFound,
    PasswordNotAcceptable,
    QuotaExceeded,
    ResourceBusy,
    SnapshotNotAvailable,
    SnapshotNotFound,
    SubnetGroupNotFound,
)
from aurora_restore.domain.observed import ClusterSnapshot, Credentials
from aurora_restore.domain.restoring import ClusterToRestore, InstanceToCreate

HOME = "us-west-2"
DAY = datetime(2023, 6, 15, 6, 10, tzinfo=UTC)
ENGINE, VERSION = "aurora-postgresql", "17.4"
MASTER = Credentials("postgres", "Pr0duction-master")
MARKED = "marked-value-3141"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock) -> InProcessAws:
    """A cluster `production` with one automated snapshot in us-east-1; a subnet group in us-west-2."""
    aws = shared_aws(clock)
    seed = aws.aurora.seed
    seed.put_cluster(SOURCE_REGION, "production", MASTER, engine=ENGINE, EngineVersion=VERSION)
    seed.put_snapshot(SOURCE_REGION, "production", DAY, tags={"team": "shop", "aws:cloudformation:x": "y"})
    seed.put_subnet_group(HOME, "databases", "vpc-1", {"subnet-1": "us-west-2a", "subnet-2": "us-west-2b"})
    return aws


@pytest.fixture
def source(aws: InProcessAws) -> AwsRds:
    return AwsRds(aws.clients(), SOURCE_REGION)


@pytest.fixture
def target(aws: InProcessAws) -> AwsRds:
    return AwsRds(aws.clients())


@pytest.fixture
def snapshot(source: AwsRds) -> ClusterSnapshot:
    (snapshot,) = source.list_cluster_snapshots()
    return snapshot


def copy(
    target: AwsRds, snapshot: ClusterSnapshot, name: str = "aurora-restore-copy", **changes: Any
) -> None:
    arguments: dict[str, Any] = {
        "source_region": SOURCE_REGION,
        "target_identifier": name,
        "kms_key_id": None,
        "tags": {"aurora-restore:operation-id": "restore-1"},
    }
    target.copy_cluster_snapshot(snapshot, **{**arguments, **changes})


def to_restore(**settings: object) -> ClusterToRestore:
    return ClusterToRestore(
        db_cluster_identifier="aurora-restored-staging",
        cluster_snapshot_identifier="aurora-restore-copy",
        engine=ENGINE,
        engine_version=VERSION,
        settings={"db_subnet_group_name": "databases", **settings},
        tags={"aurora-restore:operation-id": "restore-1"},
    )


def to_create(name: str = "aurora-restored-staging-1", **settings: object) -> InstanceToCreate:
    return InstanceToCreate(
        db_instance_identifier=name,
        db_cluster_identifier="aurora-restored-staging",
        db_instance_class="db.r5.large",
        engine=ENGINE,
        promotion_tier=0,
        settings=settings,
        tags={},
    )


@pytest.fixture
def restored(target: AwsRds, snapshot: ClusterSnapshot, clock: VirtualClock) -> None:
    copy(target, snapshot)
    clock.advance()
    target.restore_cluster_from_snapshot(to_restore())
    clock.advance()


def sent(aws: InProcessAws, operation: str) -> dict[str, str]:
    """The form of the last request of an operation."""
    body = [call.body for call in aws.calls if call.operation == operation][-1]
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def test_a_rds_knows_its_region(source: AwsRds, target: AwsRds) -> None:
    assert (source.region, target.region) == (SOURCE_REGION, HOME)


def test_every_snapshot_is_listed_over_all_pages(aws: InProcessAws, source: AwsRds) -> None:
    for number in range(250):
        aws.aurora.seed.put_snapshot(
            SOURCE_REGION, "production", DAY - timedelta(hours=number + 1), identifier=f"s-{number}"
        )
    aws.calls.clear()
    assert len(source.list_cluster_snapshots()) == 251
    assert len(aws.calls) == 3


def test_snapshots_of_one_cluster_are_listed_alone(aws: InProcessAws, source: AwsRds) -> None:
    aws.aurora.seed.put_cluster(SOURCE_REGION, "other", MASTER)
    aws.aurora.seed.put_snapshot(SOURCE_REGION, "other", DAY)
    assert [item.db_cluster_identifier for item in source.list_cluster_snapshots("production")] == [
        "production"
    ]
    assert source.list_cluster_snapshots("none") == []


def test_an_automated_snapshot_shows_what_a_decision_needs(snapshot: ClusterSnapshot) -> None:
    assert snapshot.db_cluster_snapshot_identifier == "rds:production-2023-06-15-06-10"
    assert snapshot.snapshot_create_time == DAY
    assert (snapshot.status, snapshot.snapshot_type) == ("available", "automated")
    assert (snapshot.engine, snapshot.engine_version) == (ENGINE, VERSION)
    assert snapshot.master_username == "postgres"
    assert snapshot.tags == {"team": "shop", "aws:cloudformation:x": "y"}


def test_a_snapshot_is_found_by_name_and_by_arn_of_which_the_name_is_sent(
    aws: InProcessAws, source: AwsRds, snapshot: ClusterSnapshot
) -> None:
    """DescribeDBClusterSnapshots documents identifiers, and no ARN of a snapshot of one's own account."""
    for asked in (snapshot.db_cluster_snapshot_identifier, snapshot.db_cluster_snapshot_arn):
        assert source.find_cluster_snapshot(asked) == snapshot
        form = sent(aws, "DescribeDBClusterSnapshots")
        assert form["DBClusterSnapshotIdentifier"] == snapshot.db_cluster_snapshot_identifier
    assert source.find_cluster_snapshot("none") is None
    assert source.find_cluster_snapshot("rds:none-2023-06-15-06-10") is None


def test_a_manual_snapshot_is_found_by_name(aws: InProcessAws, source: AwsRds) -> None:
    aws.aurora.seed.put_snapshot(SOURCE_REGION, "production", DAY, identifier="mine", snapshot_type="manual")
    found = source.find_cluster_snapshot("mine")
    assert found is not None
    assert found.snapshot_type == "manual"


def test_a_snapshot_of_aws_backup_is_listed_where_it_is_asked_for_and_found_by_name_and_arn(
    aws: InProcessAws, source: AwsRds
) -> None:
    name = "awsbackup:job-1f0a"
    aws.aurora.seed.put_snapshot(SOURCE_REGION, "production", DAY, identifier=name, snapshot_type="awsbackup")
    assert name not in {s.db_cluster_snapshot_identifier for s in source.list_cluster_snapshots()}
    with_backups = source.list_cluster_snapshots("production", with_backups=True)
    listed = next(s for s in with_backups if s.db_cluster_snapshot_identifier == name)
    assert listed.snapshot_type == "awsbackup"
    assert source.find_cluster_snapshot(name) == listed
    assert source.find_cluster_snapshot(listed.db_cluster_snapshot_arn) == listed


def test_a_copy_is_asked_for_in_the_destination_and_carries_our_tags_alone(
    aws: InProcessAws, target: AwsRds, snapshot: ClusterSnapshot, clock: VirtualClock
) -> None:
    copy(target, snapshot, tags={"aurora-restore:operation-id": "restore-1", "aws:reserved": "x"})
    under_way = target.find_cluster_snapshot("aurora-restore-copy")
    clock.advance()
    copied = target.find_cluster_snapshot("aurora-restore-copy")
    assert under_way is not None
    assert copied is not None
    assert (under_way.status, copied.status) == ("copying", "available")
    assert copied.source_db_cluster_snapshot_arn == snapshot.db_cluster_snapshot_arn
    assert copied.tags == {"aurora-restore:operation-id": "restore-1"}
    form = sent(aws, "CopyDBClusterSnapshot")
    assert form["SourceDBClusterSnapshotIdentifier"] == snapshot.db_cluster_snapshot_arn
    assert form["PreSignedUrl"].startswith("https://rds.us-east-1.amazonaws.com")
    assert form["CopyTags"] == "false"
    assert "KmsKeyId" not in form


def test_a_copy_in_the_same_region_goes_by_name(
    aws: InProcessAws, source: AwsRds, snapshot: ClusterSnapshot
) -> None:
    copy(source, snapshot)
    form = sent(aws, "CopyDBClusterSnapshot")
    assert form["SourceDBClusterSnapshotIdentifier"] == snapshot.db_cluster_snapshot_identifier
    assert "PreSignedUrl" not in form


def test_a_key_goes_along_only_for_a_snapshot_that_has_one(
    aws: InProcessAws, source: AwsRds, target: AwsRds, snapshot: ClusterSnapshot
) -> None:
    key = f"arn:aws:kms:{HOME}:{aws.account_id}:key/1"
    copy(target, snapshot, kms_key_id=key)
    assert "KmsKeyId" not in sent(aws, "CopyDBClusterSnapshot")
    encrypted = put_encrypted(aws, source)
    copy(target, encrypted, "aurora-restore-encrypted", kms_key_id=key)
    assert sent(aws, "CopyDBClusterSnapshot")["KmsKeyId"] == key


def put_encrypted(aws: InProcessAws, source: AwsRds) -> ClusterSnapshot:
    key = f"arn:aws:kms:{SOURCE_REGION}:{aws.account_id}:key/1"
    aws.aurora.seed.put_cluster(SOURCE_REGION, "vault", MASTER, StorageEncrypted=True, KmsKeyId=key)
    aws.aurora.seed.put_snapshot(SOURCE_REGION, "vault", DAY)
    (snapshot,) = source.list_cluster_snapshots("vault")
    assert snapshot.kms_key_id == key
    return snapshot


def test_a_copy_asked_for_twice_is_one(target: AwsRds, snapshot: ClusterSnapshot) -> None:
    copy(target, snapshot)
    copy(target, snapshot)
    assert len(target.list_cluster_snapshots()) == 1


def test_a_copy_whose_reply_was_lost_is_seen_next_time(
    aws: InProcessAws, target: AwsRds, snapshot: ClusterSnapshot
) -> None:
    aws.after(is_operation("CopyDBClusterSnapshot"), FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        copy(target, snapshot)
    assert target.find_cluster_snapshot("aurora-restore-copy") is not None


def test_a_sixth_copy_in_flight_waits_and_a_full_quota_does_not(
    aws: InProcessAws, target: AwsRds, snapshot: ClusterSnapshot
) -> None:
    for number in range(5):
        copy(target, snapshot, f"aurora-restore-{number}")
    with pytest.raises(CopySlotsInUse):
        copy(target, snapshot, "aurora-restore-5")
    aws.aurora.world.quotas.copies_in_flight = 100
    aws.aurora.world.quotas.manual_snapshots = 5
    with pytest.raises(QuotaExceeded):
        copy(target, snapshot, "aurora-restore-5")


def test_a_copy_of_what_is_not_there_or_not_ready_says_so(
    aws: InProcessAws, source: AwsRds, target: AwsRds, snapshot: ClusterSnapshot
) -> None:
    aws.aurora.seed.set_status(
        SOURCE_REGION, "cluster-snapshot", snapshot.db_cluster_snapshot_identifier, "creating"
    )
    with pytest.raises(SnapshotNotAvailable):
        copy(target, snapshot)
    aws.aurora.world.regions[SOURCE_REGION].snapshots.clear()
    with pytest.raises(SnapshotNotFound):
        copy(target, snapshot)


def test_a_key_out_of_reach_is_its_own_error(aws: InProcessAws, source: AwsRds, target: AwsRds) -> None:
    encrypted = put_encrypted(aws, source)
    with pytest.raises(KmsKeyNotAccessible):
        copy(target, encrypted, kms_key_id=encrypted.kms_key_id)


def test_there_is_no_cluster_and_no_instance_of_an_unknown_name(target: AwsRds) -> None:
    assert target.find_cluster("none") is None
    assert target.find_instance("none") is None
    assert target.list_cluster_instances("none") == []


def test_a_cluster_is_restored_with_its_instances(
    target: AwsRds, restored: None, clock: VirtualClock
) -> None:
    for name in ("aurora-restored-staging-1", "aurora-restored-staging-2"):
        target.create_instance(to_create(name))
        clock.advance()
    cluster = target.find_cluster("aurora-restored-staging")
    assert cluster is not None
    assert (cluster.status, cluster.engine_version) == ("available", VERSION)
    assert cluster.db_subnet_group_name == "databases"
    assert cluster.tags == {"aurora-restore:operation-id": "restore-1"}
    assert cluster.member_identifiers == ("aurora-restored-staging-1", "aurora-restored-staging-2")
    assert cluster.endpoint
    instances = target.list_cluster_instances("aurora-restored-staging")
    assert [instance.status for instance in instances] == ["available", "available"]
    assert target.find_instance("aurora-restored-staging-1") in instances


def test_rds_shows_the_settings_that_it_was_asked_for(
    target: AwsRds, snapshot: ClusterSnapshot, clock: VirtualClock
) -> None:
    at_first: dict[str, object] = {
        "port": 6000,
        "storage_type": "aurora-iopt1",
        "iam_authentication": True,
        "cloudwatch_logs_exports": ("postgresql",),
        "serverless_v2": {"min_capacity": 0.5, "max_capacity": 4.0},
    }
    later: dict[str, object] = {"backup_retention_days": 14, "preferred_backup_window": "01:00-01:30"}
    of_instance: dict[str, Any] = {
        "performance_insights": True,
        "performance_insights_retention_days": 62,
        "ca_certificate_identifier": "rds-ca-ecc384-g1",
    }
    copy(target, snapshot)
    clock.advance()
    target.restore_cluster_from_snapshot(to_restore(**at_first))
    clock.advance()
    target.create_instance(to_create(**of_instance))
    clock.advance()
    target.modify_cluster("aurora-restored-staging", later)
    clock.advance()
    cluster, instance = (
        target.find_cluster("aurora-restored-staging"),
        target.find_instance("aurora-restored-staging-1"),
    )
    assert {name: getattr(cluster, name) for name in {**at_first, **later}} == {**at_first, **later}
    assert {name: getattr(instance, name) for name in of_instance} == of_instance


def test_a_cluster_and_an_instance_that_stand_already_are_no_error(target: AwsRds, restored: None) -> None:
    target.restore_cluster_from_snapshot(to_restore())
    target.create_instance(to_create())
    target.create_instance(to_create())
    assert len(target.list_cluster_instances("aurora-restored-staging")) == 1


def test_a_restore_that_lacks_something_names_it(
    aws: InProcessAws, target: AwsRds, snapshot: ClusterSnapshot, clock: VirtualClock
) -> None:
    with pytest.raises(SnapshotNotFound):
        target.restore_cluster_from_snapshot(to_restore())
    copy(target, snapshot)
    with pytest.raises(SnapshotNotAvailable):
        target.restore_cluster_from_snapshot(to_restore())
    clock.advance()
    with pytest.raises(SubnetGroupNotFound):
        target.restore_cluster_from_snapshot(to_restore(db_subnet_group_name="none"))
    with pytest.raises(ParameterGroupNotFound):
        target.restore_cluster_from_snapshot(to_restore(db_cluster_parameter_group_name="none"))
    aws.aurora.world.quotas.clusters = 0
    with pytest.raises(QuotaExceeded):
        target.restore_cluster_from_snapshot(to_restore())


def test_a_full_quota_of_instances_is_its_own_error(
    aws: InProcessAws, target: AwsRds, restored: None
) -> None:
    aws.aurora.world.quotas.instances = 0
    with pytest.raises(QuotaExceeded):
        target.create_instance(to_create())


def test_the_master_password_changes(target: AwsRds, restored: None, clock: VirtualClock) -> None:
    target.create_instance(to_create())
    clock.advance()
    target.modify_cluster_master_password("aurora-restored-staging", "An0ther-password")
    changing = target.find_cluster("aurora-restored-staging")
    clock.advance()
    changed = target.find_cluster("aurora-restored-staging")
    assert changing is not None
    assert changed is not None
    assert (changing.status, changed.status) == ("resetting-master-credentials", "available")


def test_a_busy_cluster_can_be_asked_again(aws: InProcessAws, target: AwsRds, restored: None) -> None:
    aws.aurora.seed.set_status(HOME, "cluster", "aurora-restored-staging", "modifying")
    with pytest.raises(ResourceBusy, match="aurora-restored-staging is busy"):
        target.modify_cluster_master_password("aurora-restored-staging", "An0ther-password")


def test_a_cluster_that_takes_no_instance_now_can_be_asked_again(
    aws: InProcessAws, target: AwsRds, restored: None
) -> None:
    refusal = Refusal("InvalidDBClusterStateFault", "Another operation is in progress")
    aws.before(is_operation("CreateDBInstance"), refusal)
    with pytest.raises(ResourceBusy, match="aurora-restored-staging is busy"):
        target.create_instance(to_create())


@pytest.mark.parametrize("password", ["short", f"{MARKED}/", f"{MARKED}@", MARKED * 7])
def test_a_password_that_rds_refuses_shows_nowhere(target: AwsRds, restored: None, password: str) -> None:
    with pytest.raises(PasswordNotAcceptable) as caught:
        target.modify_cluster_master_password("aurora-restored-staging", password)
    assert password not in "".join(traceback.format_exception(caught.value))


def test_groups_are_found_or_none(aws: InProcessAws, target: AwsRds) -> None:
    aws.aurora.seed.put_parameter_group(HOME, "own-cluster", "aurora-postgresql17", cluster=True)
    aws.aurora.seed.put_parameter_group(HOME, "own", "aurora-postgresql17", cluster=False)
    subnet_group = target.find_subnet_group("databases")
    assert subnet_group is not None
    assert (subnet_group.vpc_id, subnet_group.availability_zones) == ("vpc-1", ("us-west-2a", "us-west-2b"))
    cluster_group, group = (
        target.find_cluster_parameter_group("own-cluster"),
        target.find_parameter_group("own"),
    )
    assert cluster_group is not None
    assert group is not None
    assert cluster_group.family == group.family == "aurora-postgresql17"
    assert target.find_subnet_group("none") is None
    assert target.find_cluster_parameter_group("none") is None
    assert target.find_parameter_group("none") is None


def test_the_family_is_that_of_the_very_version(target: AwsRds) -> None:
    assert target.parameter_group_family(ENGINE, VERSION) == "aurora-postgresql17"
    assert target.parameter_group_family(ENGINE, "17") is None
    assert target.parameter_group_family(ENGINE, "9.9") is None


def test_a_class_is_orderable_where_the_region_offers_it(target: AwsRds) -> None:
    assert target.is_instance_class_orderable(ENGINE, VERSION, "db.r5.large")
    assert not target.is_instance_class_orderable(ENGINE, VERSION, "db.nonsense.large")
    assert not target.is_instance_class_orderable(ENGINE, "9.9", "db.r5.large")


def test_a_version_that_rds_does_not_know_has_no_orderable_class(aws: InProcessAws, target: AwsRds) -> None:
    aws.before(
        is_operation("DescribeOrderableDBInstanceOptions"),
        Refusal("InvalidParameterCombination", "Cannot find version 9.9 for aurora-postgresql"),
    )
    assert not target.is_instance_class_orderable(ENGINE, "9.9", "db.r5.large")


def test_quotas_show_what_is_used(target: AwsRds, snapshot: ClusterSnapshot) -> None:
    copy(target, snapshot)
    quotas = target.quotas()
    assert (quotas["DBClusters"].used, quotas["DBClusters"].maximum) == (0, 40)
    assert quotas["ManualClusterSnapshots"].room == 99


def test_tags_are_added_to_what_exists(target: AwsRds, snapshot: ClusterSnapshot) -> None:
    copy(target, snapshot)
    made = target.find_cluster_snapshot("aurora-restore-copy")
    assert made is not None
    target.add_tags(made.db_cluster_snapshot_arn, {"kept-until": "2026-11-29", "aws:x": "y"})
    tagged = target.find_cluster_snapshot("aurora-restore-copy")
    assert tagged is not None
    assert tagged.tags == {"aurora-restore:operation-id": "restore-1", "kept-until": "2026-11-29"}


def test_throttling_reaches_the_caller_as_such(aws: InProcessAws, target: AwsRds) -> None:
    aws.before(lambda call: call.service == "rds", FaultKind.THROTTLED, times=100)
    requests = (
        target.list_cluster_snapshots,
        lambda: target.find_cluster("x"),
        lambda: target.create_instance(to_create()),
        lambda: target.is_instance_class_orderable(ENGINE, VERSION, "db.r5.large"),
        lambda: target.modify_cluster_master_password("x", "An0ther-password"),
        target.quotas,
    )
    for request in requests:
        with pytest.raises(AwsThrottled):
            request()


def test_an_observation_holds_no_password(target: AwsRds, restored: None) -> None:
    target.create_instance(to_create())
    target.modify_cluster_master_password("aurora-restored-staging", MARKED)
    assert MARKED not in json.dumps(vars(target.find_cluster("aurora-restored-staging")), default=str)
