"""RestoreDBClusterFromSnapshot and the instances that make a cluster answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_aurora.access import LoginEnd
from local_aurora.model import LocalAurora

from .conftest import DURATIONS, MASTER, Place

Refused = Callable[..., str]


@pytest.fixture
def with_copy(place: Place) -> Place:
    place.copy("aurora-restore-1")
    place.clock.advance(DURATIONS.copy)
    return place


def restore(place: Place, **parameters: object) -> dict[str, object]:
    expected: dict[str, object] = {
        "DBClusterIdentifier": "staging",
        "SnapshotIdentifier": "aurora-restore-1",
        "Engine": "aurora-postgresql",
        **parameters,
    }
    return dict(place.here.restore_db_cluster_from_snapshot(**expected)["DBCluster"])  # type: ignore[arg-type]


def described(place: Place) -> dict[str, object]:
    return dict(place.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"][0])


def test_a_restore_is_creating_with_a_progress_and_then_available(with_copy: Place) -> None:
    assert restore(with_copy)["Status"] == "creating"
    with_copy.clock.advance(DURATIONS.restore / 2)
    assert described(with_copy)["PercentProgress"] == "50"
    with_copy.clock.advance(DURATIONS.restore / 2)
    shown = described(with_copy)
    assert (shown["Status"], "PercentProgress" in shown) == ("available", False)


def test_what_is_not_asked_for_is_the_regions_default(with_copy: Place) -> None:
    restore(with_copy)
    shown = described(with_copy)
    assert shown["DBClusterMembers"] == []
    assert shown["VpcSecurityGroups"] == [{"VpcSecurityGroupId": "sg-default-us-west-2", "Status": "active"}]
    assert shown["DBClusterParameterGroup"] == "default.aurora-postgresql17"
    assert shown["EngineLifecycleSupport"] == "open-source-rds-extended-support"
    assert (shown["DeletionProtection"], shown["Port"], shown["MasterUsername"]) == (False, 5432, "app_admin")


def test_what_is_asked_for_is_shown(with_copy: Place) -> None:
    with_copy.aurora.seed.put_subnet_group(
        "us-west-2", "Inner", "vpc-1", {"s-1": "us-west-2a", "s-2": "us-west-2b"}
    )
    with_copy.aurora.seed.put_parameter_group("us-west-2", "tuned", "aurora-postgresql17", cluster=True)
    restore(
        with_copy,
        Port=6432,
        DBSubnetGroupName="inner",
        VpcSecurityGroupIds=["sg-1", "sg-2"],
        DBClusterParameterGroupName="tuned",
        Tags=[{"Key": "aurora-restore:operation-id", "Value": "restore-1"}],
        DeletionProtection=True,
        EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["postgresql"],
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4},
        StorageType="aurora-iopt1",
        BackupRetentionPeriod=7,
        EngineLifecycleSupport="open-source-rds-extended-support-disabled",
    )
    shown = described(with_copy)
    expected = {
        "Port": 6432,
        "DBSubnetGroup": "inner",
        "DBClusterParameterGroup": "tuned",
        "TagList": [{"Key": "aurora-restore:operation-id", "Value": "restore-1"}],
        "DeletionProtection": True,
        "IAMDatabaseAuthenticationEnabled": True,
        "EnabledCloudwatchLogsExports": ["postgresql"],
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4},
        "StorageType": "aurora-iopt1",
        "BackupRetentionPeriod": 7,
        "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
    }
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DBClusterIdentifier": "1st"}, "InvalidParameterValue"),
        ({"SnapshotIdentifier": "nothing"}, "DBClusterSnapshotNotFoundFault"),
        ({"Engine": "aurora-mysql"}, "InvalidParameterCombination"),
        ({"EngineVersion": "9.9"}, "InvalidParameterCombination"),
        ({"EngineVersion": "16.6"}, "InvalidParameterCombination"),
        ({"DBSubnetGroupName": "nowhere"}, "DBSubnetGroupNotFoundFault"),
        ({"DBClusterParameterGroupName": "nothing"}, "DBClusterParameterGroupNotFound"),
        ({"DBClusterParameterGroupName": "old"}, "InvalidParameterCombination"),
        ({"KmsKeyId": "arn:aws:kms:us-east-1:000000000000:key/1"}, "KMSKeyNotAccessibleFault"),
        ({"VpcSecurityGroupIds": ["sg-foreign"]}, "InvalidVPCNetworkStateFault"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidParameterValue"),
        ({"EnableCloudwatchLogsExports": ["slowquery"]}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"StorageType": "gp3"}, "StorageTypeNotSupported"),
        ({"Port": 80}, "InvalidParameterValue"),
        ({"EngineMode": "serverless"}, "InvalidParameterCombination"),
        ({"PubliclyAccessible": True}, "InvalidParameterCombination"),
    ],
)
def test_what_aurora_refuses_is_refused_and_nothing_is_made(
    with_copy: Place, refused: Refused, parameters: dict[str, object], code: str
) -> None:
    with_copy.aurora.seed.put_parameter_group("us-west-2", "old", "aurora-postgresql15", cluster=True)
    with_copy.aurora.seed.put_security_group("us-west-2", "sg-foreign", "vpc-other")
    assert refused(restore, place=with_copy, **parameters).startswith(f"{code}: ")
    assert with_copy.here.describe_db_clusters()["DBClusters"] == []


def test_a_name_that_is_taken_and_a_full_account_are_refused(with_copy: Place, refused: Refused) -> None:
    restore(with_copy)
    assert refused(restore, place=with_copy).startswith("DBClusterAlreadyExistsFault")
    with_copy.aurora.world.quotas.clusters = 1
    answer = refused(restore, place=with_copy, DBClusterIdentifier="other")
    assert answer.startswith("DBClusterQuotaExceededFault")


def test_a_snapshot_that_is_still_being_copied_cannot_be_restored(place: Place, refused: Refused) -> None:
    place.copy("aurora-restore-1")
    assert refused(restore, place=place).startswith("InvalidDBClusterSnapshotStateFault")


def test_a_cluster_answers_once_its_first_instance_is_available(
    with_copy: Place, aurora: LocalAurora
) -> None:
    restore(with_copy)
    with_copy.clock.advance(DURATIONS.restore)
    endpoint, port = str(described(with_copy)["Endpoint"]), 5432

    def outcome(password: str) -> LoginEnd:
        return aurora.log_in(endpoint, port, MASTER.username, password).outcome

    assert outcome(MASTER.password) is LoginEnd.UNREACHABLE
    with_copy.instance("staging", "staging-1")
    with_copy.clock.advance(DURATIONS.instance)
    assert outcome(MASTER.password) is LoginEnd.ACCEPTED
    assert outcome("another-password") is LoginEnd.REFUSED
    with_copy.here.delete_db_instance(DBInstanceIdentifier="staging-1")
    with_copy.clock.advance(DURATIONS.delete)
    assert outcome(MASTER.password) is LoginEnd.UNREACHABLE


def test_an_instance_asked_for_early_begins_when_its_cluster_is_there(with_copy: Place) -> None:
    restore(with_copy)
    with_copy.instance("staging", "staging-1")
    with_copy.clock.advance(DURATIONS.restore + DURATIONS.instance - 1)
    assert with_copy.instance_status("staging-1") == "creating"
    with_copy.clock.advance(1)
    assert with_copy.instance_status("staging-1") == "available"


def test_the_first_instance_writes_and_a_reader_takes_over_when_it_goes(place: Place) -> None:
    place.restored("staging", instances=2)

    def writers() -> list[str]:
        members = place.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"][0][
            "DBClusterMembers"
        ]
        return [member["DBInstanceIdentifier"] for member in members if member["IsClusterWriter"]]

    assert writers() == ["staging-1"]
    place.here.delete_db_instance(DBInstanceIdentifier="staging-1")
    place.clock.advance(DURATIONS.delete)
    assert writers() == ["staging-2"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DBInstanceClass": "db.m5.large"}, "InvalidParameterCombination"),
        ({"Engine": "aurora-mysql"}, "InvalidParameterCombination"),
        ({"DBClusterIdentifier": "nothing"}, "DBClusterNotFoundFault"),
        ({"DBParameterGroupName": "nothing"}, "DBParameterGroupNotFound"),
        ({"DBInstanceIdentifier": "x--y"}, "InvalidParameterValue"),
        ({"DBInstanceIdentifier": "staging-1"}, "DBInstanceAlreadyExists"),
    ],
)
def test_an_instance_that_aurora_refuses_is_refused(
    place: Place, refused: Refused, parameters: dict[str, object], code: str
) -> None:
    place.restored("staging")
    expected = {
        "DBInstanceIdentifier": "staging-2",
        "DBClusterIdentifier": "staging",
        "DBInstanceClass": "db.r5.large",
        "Engine": "aurora-postgresql",
    }
    assert refused(place.here.create_db_instance, **{**expected, **parameters}).startswith(f"{code}: ")


def test_the_quota_of_instances_is_kept(place: Place, refused: Refused) -> None:
    place.restored("staging")
    place.aurora.world.quotas.instances = 1
    assert refused(place.instance, cluster="staging", name="staging-2").startswith("InstanceQuotaExceeded")
