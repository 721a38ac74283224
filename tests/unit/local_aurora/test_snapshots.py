"""Describing, making and deleting DB cluster snapshots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .conftest import DURATIONS, Place

Refused = Callable[..., str]


def put_many(place: Place, number: int) -> None:
    first = place.snapshot_arn.split("cluster-snapshot:")[1]
    for hour in range(number):
        place.aurora.seed.put_snapshot(
            "us-east-1",
            "production",
            datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour),
            shares_storage_with=first,
        )


def test_automated_snapshots_are_named_as_aurora_names_them(place: Place) -> None:
    assert place.snapshot_arn.endswith(":cluster-snapshot:rds:production-2026-11-21-12-00")


def test_250_snapshots_come_in_pages_of_a_hundred_at_most(place: Place) -> None:
    put_many(place, 249)
    first = place.there.describe_db_cluster_snapshots()
    assert len(first["DBClusterSnapshots"]) == 100
    pages = list(place.there.get_paginator("describe_db_cluster_snapshots").paginate())
    names = [s["DBClusterSnapshotIdentifier"] for page in pages for s in page["DBClusterSnapshots"]]
    assert [len(page["DBClusterSnapshots"]) for page in pages] == [100, 100, 50]
    assert len(set(names)) == 250


def test_a_list_that_changes_between_pages_skips_nothing_that_stayed(place: Place) -> None:
    put_many(place, 60)
    page = place.there.describe_db_cluster_snapshots(MaxRecords=20)
    seen = [s["DBClusterSnapshotIdentifier"] for s in page["DBClusterSnapshots"]]
    del place.aurora.world.regions["us-east-1"].snapshots[seen[3]]
    while "Marker" in page:
        page = place.there.describe_db_cluster_snapshots(MaxRecords=20, Marker=page["Marker"])
        seen += [s["DBClusterSnapshotIdentifier"] for s in page["DBClusterSnapshots"]]
    assert len(seen) == len(set(seen)) == 61


def test_page_sizes_and_markers_out_of_bounds_are_refused(place: Place, refused: Refused) -> None:
    describe = place.there.describe_db_cluster_snapshots
    assert refused(describe, MaxRecords=19).startswith("InvalidParameterValue")
    assert refused(describe, MaxRecords=101).startswith("InvalidParameterValue")
    assert refused(describe, Marker="***").startswith("InvalidParameterValue")


def test_the_default_type_is_automated_and_manual_alike(place: Place) -> None:
    place.there.create_db_cluster_snapshot(
        DBClusterIdentifier="production", DBClusterSnapshotIdentifier="by-hand"
    )
    found = place.there.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    assert sorted(s["SnapshotType"] for s in found) == ["automated", "manual"]
    manual = place.there.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    assert [s["DBClusterSnapshotIdentifier"] for s in manual] == ["by-hand"]


def test_filters_narrow_and_unknown_ones_are_refused(place: Place, refused: Refused) -> None:
    describe = place.there.describe_db_cluster_snapshots
    arn = "arn:aws:rds:us-east-1:000000000000:cluster:production"
    for value in ("production", arn):
        assert (
            len(describe(Filters=[{"Name": "db-cluster-id", "Values": [value]}])["DBClusterSnapshots"]) == 1
        )
    assert describe(Filters=[{"Name": "snapshot-type", "Values": ["manual"]}])["DBClusterSnapshots"] == []
    assert describe(DBClusterIdentifier="other")["DBClusterSnapshots"] == []
    assert "Unrecognized filter name: colour" in refused(
        describe, Filters=[{"Name": "colour", "Values": ["x"]}]
    )


def test_an_automated_snapshot_by_name_needs_its_type(place: Place, refused: Refused) -> None:
    describe = place.there.describe_db_cluster_snapshots
    assert "SnapshotType" in refused(describe, DBClusterSnapshotIdentifier=place.snapshot_arn)
    found = describe(DBClusterSnapshotIdentifier=place.snapshot_arn, SnapshotType="automated")
    assert found["DBClusterSnapshots"][0]["DBClusterSnapshotArn"] == place.snapshot_arn


def test_a_snapshot_by_hand_has_no_time_until_it_is_complete(place: Place) -> None:
    place.there.create_db_cluster_snapshot(
        DBClusterIdentifier="production", DBClusterSnapshotIdentifier="by-hand"
    )
    describe = place.there.describe_db_cluster_snapshots
    creating = describe(DBClusterSnapshotIdentifier="by-hand")["DBClusterSnapshots"][0]
    assert (creating["Status"], "SnapshotCreateTime" in creating) == ("creating", False)
    place.clock.advance(DURATIONS.snapshot)
    done = describe(DBClusterSnapshotIdentifier="by-hand")["DBClusterSnapshots"][0]
    assert (done["Status"], done["PercentProgress"]) == ("available", 100)
    assert done["SnapshotCreateTime"] == place.clock.now() - timedelta(seconds=DURATIONS.snapshot)


def test_a_snapshot_stuck_in_creating_stays_there(place: Place) -> None:
    place.aurora.seed.put_snapshot("us-east-1", "production", place.clock.now(), status="creating")
    place.clock.advance(1_000_000)
    found = place.there.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    assert sorted(s["Status"] for s in found) == ["available", "creating"]


def test_only_manual_snapshots_that_are_not_being_made_can_be_deleted(place: Place, refused: Refused) -> None:
    delete = place.there.delete_db_cluster_snapshot
    code = "InvalidDBClusterSnapshotStateFault"
    assert refused(delete, DBClusterSnapshotIdentifier=place.snapshot_arn).startswith(code)
    place.there.create_db_cluster_snapshot(
        DBClusterIdentifier="production", DBClusterSnapshotIdentifier="by-hand"
    )
    assert refused(delete, DBClusterSnapshotIdentifier="by-hand").startswith(code)
    place.clock.advance(DURATIONS.snapshot)
    delete(DBClusterSnapshotIdentifier="by-hand")
    assert refused(delete, DBClusterSnapshotIdentifier="by-hand").startswith("DBClusterSnapshotNotFoundFault")


def test_snapshot_attributes_name_no_account_that_may_restore(place: Place) -> None:
    place.copy("copy-1")
    shown = place.here.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="copy-1")
    attributes = shown["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]
    assert attributes == [{"AttributeName": "restore", "AttributeValues": []}]


def test_a_list_without_a_type_shows_automated_and_manual_ones_only(place: Place) -> None:
    for kind in ("awsbackup", "shared", "public", "manual"):
        place.aurora.seed.put_snapshot(
            "us-east-1", "production", datetime(2026, 1, 1, tzinfo=UTC), identifier=kind, snapshot_type=kind
        )
    shown = place.there.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    assert {s["SnapshotType"] for s in shown} == {"automated", "manual"}
    asked = place.there.describe_db_cluster_snapshots(SnapshotType="awsbackup")["DBClusterSnapshots"]
    assert [s["DBClusterSnapshotIdentifier"] for s in asked] == ["awsbackup"]
