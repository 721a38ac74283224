from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import copy_of, request, snapshot

from aurora_restore.domain.errors import (
    InvalidRequest,
    SnapshotAmbiguous,
    SnapshotNotAvailable,
    SnapshotNotFound,
)
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.selection import check_named_snapshot, select_snapshot


def named(identifier: str, **changes: str) -> RestoreRequest:
    return request(source_snapshot_date=..., source_snapshot_identifier=identifier, **changes)


DAY = datetime(2023, 6, 15, tzinfo=UTC)


def test_the_only_snapshot_of_the_day_is_taken() -> None:
    selected = select_snapshot(request(), [snapshot()])
    assert selected.snapshot == snapshot()
    assert selected.reason == "the only available snapshot of production of 2023-06-15 (UTC)"


def test_the_newest_of_the_day_is_taken_whether_automated_or_manual() -> None:
    manual = snapshot(
        db_cluster_snapshot_identifier="before-release",
        snapshot_type="manual",
        snapshot_create_time=DAY + timedelta(hours=20),
    )
    selected = select_snapshot(request(), [manual, snapshot()])
    assert selected.snapshot == manual
    assert selected.reason == "the newest of 2 available snapshots of production of 2023-06-15 (UTC)"


@pytest.mark.parametrize(("hour", "is_taken"), [(-1, False), (0, True), (23, True), (24, False)])
def test_a_day_is_a_utc_day(hour: int, is_taken: bool) -> None:
    item = snapshot(snapshot_create_time=DAY + timedelta(hours=hour))
    if is_taken:
        assert select_snapshot(request(), [item]).snapshot == item
    else:
        with pytest.raises(SnapshotNotFound):
            select_snapshot(request(), [item])


def test_without_a_snapshot_of_the_day_the_nearest_days_are_named() -> None:
    others = [snapshot(snapshot_create_time=DAY + timedelta(days=days)) for days in (-30, -2, 1, 40)]
    with pytest.raises(SnapshotNotFound, match="2023-06-13, 2023-06-16"):
        select_snapshot(request(), others)


def test_a_snapshot_that_is_still_creating_is_named_as_such() -> None:
    creating = snapshot(status="creating", snapshot_create_time=None)
    with pytest.raises(SnapshotNotAvailable, match="`creating`"):
        select_snapshot(request(), [creating])


def test_one_that_is_available_is_taken_although_another_is_creating() -> None:
    creating = snapshot(
        db_cluster_snapshot_identifier="rds:production-2023-06-15-22-00",
        status="creating",
        snapshot_create_time=None,
    )
    selected = select_snapshot(request(), [creating, snapshot()])
    assert selected.snapshot == snapshot()
    assert "1 more not available" in selected.reason


def test_two_clusters_with_a_snapshot_of_the_day_are_listed() -> None:
    with pytest.raises(SnapshotAmbiguous, match="billing, production"):
        select_snapshot(request(), [snapshot(), snapshot(db_cluster_identifier="billing")])


def test_naming_the_cluster_decides_between_two() -> None:
    other = snapshot(db_cluster_identifier="billing")
    assert select_snapshot(request(source_cluster_id="billing"), [snapshot(), other]).snapshot == other


def test_a_copy_is_not_taken_by_its_day_because_that_is_the_day_of_the_copying() -> None:
    with pytest.raises(SnapshotNotFound):
        select_snapshot(request(), [copy_of(snapshot(), "aurora-restore-x")])


def test_snapshots_of_other_engines_do_not_count() -> None:
    with pytest.raises(SnapshotNotFound):
        select_snapshot(request(), [snapshot(engine="neptune")])


def test_latest_takes_the_newest_of_all_days() -> None:
    newer = snapshot(snapshot_create_time=DAY + timedelta(days=9))
    selected = select_snapshot(request(source_snapshot_date="latest"), [newer, snapshot()])
    assert selected.snapshot == newer
    assert selected.reason == "the newest of 2 available snapshots of production"


def test_a_snapshot_can_be_named_even_if_it_is_a_copy() -> None:
    copy = copy_of(snapshot(), "aurora-restore-x")
    assert check_named_snapshot(named("aurora-restore-x"), copy).snapshot == copy


def test_a_named_snapshot_has_to_be_there_and_available() -> None:
    with pytest.raises(SnapshotNotFound):
        check_named_snapshot(named("x"), None)
    with pytest.raises(SnapshotNotAvailable):
        check_named_snapshot(named("x"), snapshot(status="copying"))


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "deleting"])
def test_a_snapshot_that_will_never_be_available_is_not_to_be_waited_for(status: str) -> None:
    never = snapshot(status=status)
    with pytest.raises(SnapshotNotAvailable, match=f"`{status}`") as of_its_name:
        check_named_snapshot(named("x"), never)
    with pytest.raises(SnapshotNotAvailable, match=f"`{status}`") as of_its_day:
        select_snapshot(request(), [never])
    for caught in (of_its_name, of_its_day):
        assert caught.value.hint != SnapshotNotAvailable.default_hint
        assert "name another snapshot" in caught.value.hint


def test_one_that_is_being_made_is_waited_for_although_another_has_failed() -> None:
    with pytest.raises(SnapshotNotAvailable) as caught:
        select_snapshot(request(), [snapshot(status="failed"), snapshot(status="creating")])
    assert caught.value.hint == SnapshotNotAvailable.default_hint


def test_a_named_snapshot_of_another_cluster_than_the_named_one_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="of production, not of the source_cluster_id billing"):
        check_named_snapshot(named("x", source_cluster_id="billing"), snapshot())


def of_backup(**changes: Any) -> ClusterSnapshot:
    name = "awsbackup:job-1f0a"
    return snapshot(db_cluster_snapshot_identifier=name, snapshot_type="awsbackup", **changes)


def test_a_snapshot_of_aws_backup_is_taken_where_the_day_has_no_other() -> None:
    selected = select_snapshot(request(), [of_backup()])
    assert selected.snapshot == of_backup()
    assert "made by AWS Backup" in selected.reason


def test_our_own_snapshot_goes_before_a_newer_one_of_aws_backup() -> None:
    newer = of_backup(snapshot_create_time=DAY + timedelta(hours=23))
    assert select_snapshot(request(), [newer, snapshot()]).snapshot == snapshot()


@pytest.mark.parametrize("kind", ["shared", "public"])
def test_a_snapshot_of_another_account_never_counts(kind: str) -> None:
    theirs = snapshot(snapshot_type=kind, snapshot_create_time=DAY + timedelta(hours=23))
    assert select_snapshot(request(), [theirs, snapshot()]).snapshot == snapshot()
    with pytest.raises(SnapshotNotFound):
        select_snapshot(request(), [theirs])
