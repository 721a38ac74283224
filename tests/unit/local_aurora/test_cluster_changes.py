"""Modifying, renaming, stopping and deleting clusters and their instances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local_aurora.access import LoginEnd

from .conftest import DURATIONS, MASTER, Place

Refused = Callable[..., str]


@pytest.fixture
def staging(place: Place) -> Place:
    place.restored("staging")
    return place


def described(place: Place, name: str = "staging") -> dict[str, object]:
    return dict(place.here.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])


def test_a_new_master_password_works_once_the_cluster_is_available_again(staging: Place) -> None:
    endpoint = str(described(staging)["Endpoint"])

    def outcome(password: str) -> LoginEnd:
        return staging.aurora.log_in(endpoint, 5432, MASTER.username, password).outcome

    shown = staging.here.modify_db_cluster(
        DBClusterIdentifier="staging", MasterUserPassword="second-password"
    )
    assert shown["DBCluster"]["Status"] == "resetting-master-credentials"
    assert described(staging)["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert outcome("second-password") is LoginEnd.REFUSED
    staging.clock.advance(DURATIONS.password_change)
    assert staging.cluster_status("staging") == "available"
    assert outcome("second-password") is LoginEnd.ACCEPTED
    assert outcome(MASTER.password) is LoginEnd.REFUSED


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "p" * 100,
        "with/slash",
        "with'apostrophe",
        "with a space",
        'with"quote',
        "with@at-sign",
        "ümlaut-word",
    ],
)
def test_a_password_that_aurora_refuses_is_refused(staging: Place, refused: Refused, password: str) -> None:
    modify = staging.here.modify_db_cluster
    answer = refused(modify, DBClusterIdentifier="staging", MasterUserPassword=password)
    assert answer.startswith("InvalidParameterValue: The parameter MasterUserPassword")
    assert password not in answer


def test_a_cluster_that_is_busy_is_not_modified(staging: Place, refused: Refused) -> None:
    modify = staging.here.modify_db_cluster
    modify(DBClusterIdentifier="staging", MasterUserPassword="second-password")
    answer = refused(modify, DBClusterIdentifier="staging", MasterUserPassword="third-password")
    assert answer.startswith("InvalidDBClusterStateFault")


def test_a_rename_moves_name_and_endpoints_but_not_the_resource_id(staging: Place, refused: Refused) -> None:
    before = described(staging)
    staging.here.modify_db_cluster(
        DBClusterIdentifier="staging", NewDBClusterIdentifier="Staging-Old", ApplyImmediately=True
    )
    assert staging.cluster_status("staging") == "renaming"
    staging.clock.advance(DURATIONS.rename)
    after = described(staging, "staging-old")
    assert refused(staging.cluster_status, name="staging").startswith("DBClusterNotFoundFault")
    assert after["DbClusterResourceId"] == before["DbClusterResourceId"]
    assert str(after["Endpoint"]).startswith("staging-old.cluster-")
    assert str(after["ReaderEndpoint"]).startswith("staging-old.cluster-ro-")
    assert after["DBClusterMembers"] == before["DBClusterMembers"]
    instance = staging.here.describe_db_instances(DBInstanceIdentifier="staging-1")["DBInstances"][0]
    assert instance["DBClusterIdentifier"] == "staging-old"


def test_a_rename_without_apply_immediately_only_waits(staging: Place) -> None:
    staging.here.modify_db_cluster(DBClusterIdentifier="staging", NewDBClusterIdentifier="other")
    staging.clock.advance(100_000)
    assert described(staging)["PendingModifiedValues"] == {"DBClusterIdentifier": "other"}


def test_a_name_that_a_rename_is_heading_for_is_taken(staging: Place, refused: Refused) -> None:
    staging.here.modify_db_cluster(
        DBClusterIdentifier="staging", NewDBClusterIdentifier="live", ApplyImmediately=True
    )
    answer = refused(
        staging.here.restore_db_cluster_from_snapshot,
        DBClusterIdentifier="live",
        SnapshotIdentifier="copy-for-staging",
        Engine="aurora-postgresql",
    )
    assert answer.startswith("DBClusterAlreadyExistsFault")


def test_settings_change_at_once_and_iam_authentication_takes_its_time(staging: Place) -> None:
    staging.here.modify_db_cluster(
        DBClusterIdentifier="staging",
        DeletionProtection=True,
        BackupRetentionPeriod=14,
        VpcSecurityGroupIds=["sg-new"],
        EnableIAMDatabaseAuthentication=True,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql"]},
    )
    shown = described(staging)
    assert (shown["DeletionProtection"], shown["BackupRetentionPeriod"]) == (True, 14)
    assert shown["VpcSecurityGroups"] == [{"VpcSecurityGroupId": "sg-new", "Status": "active"}]
    assert shown["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert (shown["Status"], shown["IAMDatabaseAuthenticationEnabled"]) == ("update-iam-db-auth", False)
    staging.clock.advance(DURATIONS.modify)
    shown = described(staging)
    assert (shown["Status"], shown["IAMDatabaseAuthenticationEnabled"]) == ("available", True)


def test_a_cluster_with_instances_is_not_deleted_until_all_are_deleting(
    staging: Place, refused: Refused
) -> None:
    delete = staging.here.delete_db_cluster
    assert refused(delete, DBClusterIdentifier="staging", SkipFinalSnapshot=True) == (
        "InvalidDBClusterStateFault: "
        "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
    )
    staging.here.delete_db_instance(DBInstanceIdentifier="staging-1")
    delete(DBClusterIdentifier="staging", SkipFinalSnapshot=True)
    assert staging.cluster_status("staging") == "deleting"
    staging.clock.advance(2 * DURATIONS.delete)
    assert refused(staging.cluster_status, name="staging").startswith("DBClusterNotFoundFault")
    assert refused(staging.instance_status, name="staging-1").startswith("DBInstanceNotFound")


def delete_instance(place: Place) -> None:
    place.here.delete_db_instance(DBInstanceIdentifier="staging-1")
    place.clock.advance(DURATIONS.delete)


def test_deletion_protection_keeps_the_cluster_but_not_its_instances(
    staging: Place, refused: Refused
) -> None:
    staging.here.modify_db_cluster(DBClusterIdentifier="staging", DeletionProtection=True)
    delete_instance(staging)
    answer = refused(staging.here.delete_db_cluster, DBClusterIdentifier="staging", SkipFinalSnapshot=True)
    assert answer.startswith("InvalidParameterCombination: Cannot delete protected Cluster")


def test_a_member_of_a_global_database_is_not_deleted(staging: Place, refused: Refused) -> None:
    staging.aurora.seed.put_global_cluster("worldwide", [str(described(staging)["DBClusterArn"])])
    delete_instance(staging)
    answer = refused(staging.here.delete_db_cluster, DBClusterIdentifier="staging", SkipFinalSnapshot=True)
    assert answer.startswith("InvalidGlobalClusterStateFault")
    found = staging.here.describe_global_clusters()["GlobalClusters"][0]["GlobalClusterMembers"]
    assert [member["DBClusterArn"] for member in found] == [described(staging)["DBClusterArn"]]


def test_a_deleted_cluster_leaves_its_final_snapshot(staging: Place, refused: Refused) -> None:
    delete = staging.here.delete_db_cluster
    delete_instance(staging)
    answer = refused(delete, DBClusterIdentifier="staging")
    assert answer.startswith("InvalidParameterCombination: FinalDBSnapshotIdentifier is required")
    delete(DBClusterIdentifier="staging", FinalDBSnapshotIdentifier="last")
    assert staging.snapshot_status("last") == "creating"
    staging.clock.advance(DURATIONS.snapshot + DURATIONS.delete)
    assert staging.snapshot_status("last") == "available"
    assert refused(staging.cluster_status, name="staging").startswith("DBClusterNotFoundFault")


def test_a_cluster_whose_final_snapshot_fails_is_kept(staging: Place) -> None:
    delete_instance(staging)
    staging.here.delete_db_cluster(DBClusterIdentifier="staging", FinalDBSnapshotIdentifier="last")
    staging.aurora.seed.set_status("us-west-2", "cluster-snapshot", "last", "failed")
    staging.clock.advance(DURATIONS.snapshot + DURATIONS.delete)
    assert staging.cluster_status("staging") == "available"


def test_a_parameter_group_of_another_family_is_refused(staging: Place, refused: Refused) -> None:
    staging.aurora.seed.put_parameter_group("us-west-2", "old", "aurora-postgresql15", cluster=True)
    modify = staging.here.modify_db_cluster
    answer = refused(modify, DBClusterIdentifier="staging", DBClusterParameterGroupName="old")
    assert answer.startswith("InvalidParameterCombination")
    assert described(staging)["DBClusterParameterGroup"] == "default.aurora-postgresql17"


@pytest.mark.parametrize(("keeps", "left"), [(None, 0), (True, 0), (False, 1)])
def test_automated_snapshots_go_with_their_cluster_unless_kept(
    place: Place, keeps: bool | None, left: int
) -> None:
    place.there.delete_db_instance(DBInstanceIdentifier="production-1")
    expected: dict[str, Any] = {"DBClusterIdentifier": "production", "SkipFinalSnapshot": True}
    if keeps is not None:
        expected["DeleteAutomatedBackups"] = keeps
    place.there.delete_db_cluster(**expected)
    place.clock.advance(2 * DURATIONS.delete)
    assert len(place.there.describe_db_cluster_snapshots()["DBClusterSnapshots"]) == left


def test_a_deletion_that_is_refused_retains_no_backups(place: Place, refused: Refused) -> None:
    place.there.delete_db_instance(DBInstanceIdentifier="production-1")
    delete = place.there.delete_db_cluster
    answer = refused(delete, DBClusterIdentifier="production", DeleteAutomatedBackups=False)
    assert answer.startswith("InvalidParameterCombination: FinalDBSnapshotIdentifier")
    backups = place.there.describe_db_cluster_automated_backups()["DBClusterAutomatedBackups"]
    assert [backup["Status"] for backup in backups] == ["active"]


def test_a_change_of_an_instance_that_is_refused_changes_nothing(staging: Place, refused: Refused) -> None:
    modify = staging.here.modify_db_instance
    answer = refused(modify, DBInstanceIdentifier="staging-1", PromotionTier=5, MonitoringInterval=60)
    assert answer.startswith("InvalidParameterCombination")
    shown = staging.here.describe_db_instances(DBInstanceIdentifier="staging-1")["DBInstances"][0]
    assert shown["PromotionTier"] == 1


def test_a_stopped_cluster_is_neither_modified_nor_deleted_until_it_is_started(
    staging: Place, refused: Refused
) -> None:
    staging.here.stop_db_cluster(DBClusterIdentifier="staging")
    assert (staging.cluster_status("staging"), staging.instance_status("staging-1")) == (
        "stopping",
        "stopping",
    )
    staging.clock.advance(DURATIONS.stop)
    assert (staging.cluster_status("staging"), staging.instance_status("staging-1")) == ("stopped", "stopped")
    code = "InvalidDBClusterStateFault"
    assert refused(delete_instance, place=staging).startswith(code)
    assert refused(staging.instance, cluster="staging", name="staging-2").startswith(code)
    modify = staging.here.modify_db_cluster
    assert refused(modify, DBClusterIdentifier="staging", DeletionProtection=True).startswith(code)
    delete = staging.here.delete_db_cluster
    assert refused(delete, DBClusterIdentifier="staging", SkipFinalSnapshot=True).startswith(code)
    staging.here.start_db_cluster(DBClusterIdentifier="staging")
    assert staging.cluster_status("staging") == "starting"
    staging.clock.advance(DURATIONS.start)
    assert (staging.cluster_status("staging"), staging.instance_status("staging-1")) == (
        "available",
        "available",
    )


def test_an_instance_takes_a_new_class_and_a_new_name(staging: Place, refused: Refused) -> None:
    staging.here.modify_db_instance(
        DBInstanceIdentifier="staging-1",
        DBInstanceClass="db.r6g.large",
        ApplyImmediately=True,
        PromotionTier=0,
    )
    assert staging.instance_status("staging-1") == "modifying"
    staging.clock.advance(DURATIONS.modify)
    staging.here.modify_db_instance(
        DBInstanceIdentifier="staging-1", NewDBInstanceIdentifier="renamed", ApplyImmediately=True
    )
    assert staging.instance_status("staging-1") == "renaming"
    staging.clock.advance(DURATIONS.rename)
    shown = staging.here.describe_db_instances(DBInstanceIdentifier="renamed")["DBInstances"][0]
    assert (shown["DBInstanceClass"], shown["PromotionTier"]) == ("db.r6g.large", 0)
    assert refused(staging.instance_status, name="staging-1").startswith("DBInstanceNotFound")


def test_a_role_is_associated_once(staging: Place, refused: Refused) -> None:
    role = {"RoleArn": "arn:aws:iam::000000000000:role/import", "FeatureName": "s3Import"}
    staging.here.add_role_to_db_cluster(DBClusterIdentifier="staging", **role)
    assert described(staging)["AssociatedRoles"] == [{**role, "Status": "ACTIVE"}]
    answer = refused(staging.here.add_role_to_db_cluster, DBClusterIdentifier="staging", **role)
    assert answer.startswith("DBClusterRoleAlreadyExists")


def test_events_tell_what_happened(staging: Place) -> None:
    staging.here.modify_db_cluster(
        DBClusterIdentifier="staging", NewDBClusterIdentifier="live", ApplyImmediately=True
    )
    staging.clock.advance(DURATIONS.rename)
    start = staging.clock.now() - timedelta(days=1)
    found = staging.here.describe_events(SourceType="db-cluster", StartTime=start)["Events"]
    assert [event["Message"] for event in found] == [
        "DB cluster created",
        "Renamed cluster from staging to live",
    ]


def test_rds_generates_a_managed_master_password_and_shows_its_secret(place: Place) -> None:
    place.restored("staging")
    place.here.modify_db_cluster(DBClusterIdentifier="staging", ManageMasterUserPassword=True)
    place.clock.advance(60)
    (shown,) = place.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"]
    assert "secret:rds!cluster-" in shown["MasterUserSecret"]["SecretArn"]
    assert shown["MasterUserSecret"]["SecretStatus"] == "active"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"ManageMasterUserPassword": True, "MasterUserPassword": "a-fine-password"}),
        ({}, {"MasterUserSecretKmsKeyId": "alias/mine"}),
        ({"ManageMasterUserPassword": True}, {"MasterUserPassword": "a-fine-password"}),
        ({"ManageMasterUserPassword": True}, {"ManageMasterUserPassword": False}),
    ],
)
def test_a_password_and_its_management_exclude_each_other(
    place: Place, refused: Refused, first: dict[str, Any], second: dict[str, Any]
) -> None:
    place.restored("staging")
    if first:
        place.here.modify_db_cluster(DBClusterIdentifier="staging", **first)
        place.clock.advance(60)
    answer = refused(place.here.modify_db_cluster, DBClusterIdentifier="staging", **second)
    assert answer.startswith("InvalidParameterCombination")
