"""Copying DB cluster snapshots, from Region to Region and within one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from local_aurora.model import LocalAurora

from .conftest import DURATIONS, MASTER, Place

Refused = Callable[..., str]
KEY_EAST = "arn:aws:kms:us-east-1:000000000000:key/east"
KEY_WEST = "arn:aws:kms:us-west-2:000000000000:key/west"


def copy_of(place: Place, name: str) -> dict[str, object]:
    found = place.here.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
    return dict(found["DBClusterSnapshots"][0])


def encrypted_snapshot(place: Place) -> str:
    aurora = place.aurora
    aurora.seed.put_cluster("us-east-1", "vault", MASTER, KmsKeyId=KEY_EAST, StorageEncrypted=True)
    return aurora.seed.put_snapshot("us-east-1", "vault", place.clock.now()).arn


def test_a_copy_reports_a_progress_that_grows_with_time(place: Place) -> None:
    place.copy("aurora-restore-1")
    seen = []
    for _ in range(4):
        shown = copy_of(place, "aurora-restore-1")
        seen.append((shown["Status"], shown["PercentProgress"]))
        place.clock.advance(DURATIONS.copy / 3 + 1)
    assert seen == [("copying", 0), ("copying", 33), ("copying", 66), ("available", 100)]


def test_a_finished_copy_names_its_source_and_has_a_time_of_its_own(place: Place) -> None:
    begun = place.clock.now()
    place.copy("aurora-restore-1")
    assert "SnapshotCreateTime" not in copy_of(place, "aurora-restore-1")
    place.clock.advance(DURATIONS.copy)
    shown = copy_of(place, "aurora-restore-1")
    assert shown["SourceDBClusterSnapshotArn"] == place.snapshot_arn
    assert shown["SnapshotType"] == "manual"
    assert shown["DBClusterIdentifier"] == "production"
    assert shown["SnapshotCreateTime"] == begun


def test_source_region_is_accepted_as_botocore_presigns_it(place: Place) -> None:
    place.here.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn,
        TargetDBClusterSnapshotIdentifier="aurora-restore-1",
        SourceRegion="us-east-1",
    )
    assert place.snapshot_status("aurora-restore-1") == "copying"


def test_a_sixth_copy_in_flight_is_refused_until_one_has_ended(place: Place, refused: Refused) -> None:
    for number in range(5):
        place.copy(f"copy-{number}")
        place.clock.advance(1)
    assert refused(place.copy, name="copy-5") == (
        "SnapshotQuotaExceeded: Cannot copy more than 5 snapshots across regions"
    )
    place.clock.advance(DURATIONS.copy - 5)
    place.copy("copy-5")


def test_copies_within_the_region_do_not_count_as_copies_in_flight(place: Place) -> None:
    for number in range(6):
        place.there.copy_db_cluster_snapshot(
            SourceDBClusterSnapshotIdentifier=place.snapshot_arn,
            TargetDBClusterSnapshotIdentifier=f"copy-{number}",
        )


def test_the_quota_of_manual_snapshots_speaks_other_words(place: Place, refused: Refused) -> None:
    place.aurora.world.quotas.manual_snapshots = 1
    place.copy("copy-1")
    assert refused(place.copy, name="copy-2") == (
        "SnapshotQuotaExceeded: Cannot create more than 1 manual snapshots"
    )


def test_an_encrypted_snapshot_needs_a_key_of_the_region_it_goes_to(place: Place, refused: Refused) -> None:
    source = encrypted_snapshot(place)
    copy = place.here.copy_db_cluster_snapshot
    names = {"SourceDBClusterSnapshotIdentifier": source, "TargetDBClusterSnapshotIdentifier": "copy-1"}
    assert refused(copy, **names) == (
        "InvalidParameterValue: Must specify new KMS key for cross region encrypted snapshot copy"
    )
    assert "KMSKeyNotAccessibleFault" in refused(copy, **names, KmsKeyId=KEY_EAST)
    shown = copy(
        SourceDBClusterSnapshotIdentifier=source,
        TargetDBClusterSnapshotIdentifier="copy-1",
        KmsKeyId=KEY_WEST,
    )["DBClusterSnapshot"]
    assert (shown["KmsKeyId"], shown["StorageEncrypted"]) == (KEY_WEST, True)


def test_a_key_that_is_out_of_reach_is_refused(place: Place, refused: Refused) -> None:
    place.aurora.seed.make_key_unusable("us-west-2", KEY_WEST)
    assert "KMSKeyNotAccessibleFault" in refused(
        place.here.copy_db_cluster_snapshot,
        SourceDBClusterSnapshotIdentifier=encrypted_snapshot(place),
        TargetDBClusterSnapshotIdentifier="copy-1",
        KmsKeyId=KEY_WEST,
    )


def test_an_encrypted_snapshot_keeps_its_key_within_the_region(place: Place) -> None:
    shown = place.there.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=encrypted_snapshot(place),
        TargetDBClusterSnapshotIdentifier="copy-1",
    )["DBClusterSnapshot"]
    assert shown["KmsKeyId"] == KEY_EAST


def test_a_key_for_an_unencrypted_snapshot_is_refused(place: Place, refused: Refused) -> None:
    answer = refused(
        place.here.copy_db_cluster_snapshot,
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn,
        TargetDBClusterSnapshotIdentifier="copy-1",
        KmsKeyId=KEY_WEST,
    )
    assert answer.startswith("InvalidParameterCombination")


def test_tags_that_aws_reserves_cannot_be_copied(place: Place, refused: Refused) -> None:
    name = place.snapshot_arn.split("cluster-snapshot:")[1]
    place.aurora.seed.put_tags("us-east-1", "cluster-snapshot", name, {"aws:backup": "x", "team": "core"})
    answer = refused(
        place.here.copy_db_cluster_snapshot,
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn,
        TargetDBClusterSnapshotIdentifier="copy-1",
        CopyTags=True,
    )
    assert answer == "InvalidParameterValue: Tag keys cannot start with the reserved prefix: aws:backup"


def test_tags_are_copied_and_new_ones_win(place: Place) -> None:
    name = place.snapshot_arn.split("cluster-snapshot:")[1]
    place.aurora.seed.put_tags("us-east-1", "cluster-snapshot", name, {"team": "core", "day": "monday"})
    shown = place.here.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn,
        TargetDBClusterSnapshotIdentifier="copy-1",
        CopyTags=True,
        Tags=[{"Key": "day", "Value": "copied"}],
    )["DBClusterSnapshot"]
    assert {tag["Key"]: tag["Value"] for tag in shown["TagList"]} == {"team": "core", "day": "copied"}


@pytest.mark.parametrize("name", ["rds:copy", "1copy", "copy--1", "copy-", "c" * 64, "copy_1"])
def test_a_target_name_that_rds_refuses_is_refused(place: Place, refused: Refused, name: str) -> None:
    assert refused(place.copy, name=name).startswith("InvalidParameterValue: The parameter TargetDB")


def test_a_name_that_is_taken_is_refused(place: Place, refused: Refused) -> None:
    place.copy("copy-1")
    assert refused(place.copy, name="COPY-1").startswith("DBClusterSnapshotAlreadyExistsFault")


def test_a_source_that_is_not_there_or_not_available_is_refused(place: Place, refused: Refused) -> None:
    stuck = place.aurora.seed.put_snapshot(
        "us-east-1", "production", place.clock.now() - timedelta(hours=1), status="creating"
    )
    assert refused(place.copy, name="copy-1", source=stuck.arn).startswith(
        "InvalidDBClusterSnapshotStateFault"
    )
    elsewhere = place.snapshot_arn.replace("us-east-1", "eu-west-1")
    assert refused(place.copy, name="copy-1", source=elsewhere).startswith("DBClusterSnapshotNotFoundFault")
    by_name = place.snapshot_arn.split("cluster-snapshot:")[1]
    assert refused(place.copy, name="copy-1", source=by_name).startswith("DBClusterSnapshotNotFoundFault")


def test_deleting_a_copy_in_flight_cancels_it_and_frees_its_place(place: Place, refused: Refused) -> None:
    for number in range(5):
        place.copy(f"copy-{number}")
    place.here.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="copy-0")
    assert refused(place.snapshot_status, name="copy-0").startswith("DBClusterSnapshotNotFoundFault")
    place.copy("copy-5")


def test_a_copy_fails_when_its_source_is_deleted_in_the_middle(place: Place) -> None:
    place.there.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=place.snapshot_arn, TargetDBClusterSnapshotIdentifier="manual-1"
    )
    place.clock.advance(DURATIONS.copy)
    source = place.there.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="manual-1")[
        "DBClusterSnapshots"
    ]
    place.copy("copy-1", source=source[0]["DBClusterSnapshotArn"])
    place.there.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="manual-1")
    place.clock.advance(DURATIONS.copy)
    assert place.snapshot_status("copy-1") == "failed"


def test_the_data_comes_along_through_copy_and_restore(place: Place, aurora: LocalAurora) -> None:
    place.restored("staging")
    assert aurora.world.regions["us-west-2"].clusters["staging"].contents == "monday"
