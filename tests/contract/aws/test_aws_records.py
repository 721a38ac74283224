"""The state table through the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.records import AwsRecords
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    AwsUnavailable,
    RecordTooLarge,
)
from aurora_restore.domain.times import format_time

BEGUN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    return aws


@pytest.fixture
def records(aws: InProcessAws) -> AwsRecords:
    return AwsRecords(aws.clients(), "AuroraRestoreState")


def record(operation_id: str = "restore-1", status: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    return {"operation_id": operation_id, "status": status, "start_time": format_time(BEGUN), **fields}


def test_a_record_comes_back_as_it_was_written(records: AwsRecords) -> None:
    item = record(
        parameters={"kms_key_id": None, "tags": {}, "instance_count": 2, "serverless_v2": {"min": 0.5}},
        restore_details={"instances": ["a", "b"], "ready": True, "nothing": []},
    )
    assert records.create(item)
    assert records.load("restore-1") == item


def test_there_is_no_record_of_an_unknown_operation(records: AwsRecords) -> None:
    assert records.load("restore-1") is None


def test_a_second_record_of_the_same_name_is_refused_and_changes_nothing(records: AwsRecords) -> None:
    records.create(record(owner="first"))
    assert not records.create(record(owner="second"))
    assert records.load("restore-1") == record(owner="first")


def test_a_creation_whose_reply_was_lost_is_found_done_when_repeated(
    aws: InProcessAws, records: AwsRecords
) -> None:
    aws.after(is_operation("PutItem"), FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        records.create(record(wait=1.5))
    assert records.create(record(wait=1.5))


def test_fields_are_set_beside_those_that_stand(records: AwsRecords) -> None:
    records.create(record(step="SnapshotCheck", phases={"SnapshotCheck": {"status": "DONE"}}))
    changes = {"step": "CopySnapshot", "phases.CopySnapshot": {"status": "IN_PROGRESS", "calls": 1}}
    assert records.update("restore-1", changes)
    assert records.load("restore-1") == record(
        step="CopySnapshot",
        phases={"SnapshotCheck": {"status": "DONE"}, "CopySnapshot": {"status": "IN_PROGRESS", "calls": 1}},
    )


def test_names_that_dynamodb_reserves_can_be_set(records: AwsRecords) -> None:
    records.create(record())
    changes: dict[str, Any] = {
        "status": "FAILED",
        "error": {"code": "X"},
        "parameters": {},
        "plan": {},
        "name": "n",
        "size": 1,
    }
    assert records.update("restore-1", changes)
    assert records.load("restore-1") == record(**changes)


def test_more_than_ten_fields_keep_their_names_apart(records: AwsRecords) -> None:
    records.create(record())
    changes = {f"details.field_{number}": number for number in range(25)}
    assert records.update("restore-1", changes)
    assert records.load("restore-1") == record(details={f"field_{n}": n for n in range(25)})


def test_missing_maps_on_the_way_are_made(records: AwsRecords) -> None:
    records.create(record())
    assert records.update("restore-1", {"phases.CopySnapshot.calls": 1, "plan.copy.key": "k", "step": "s"})
    assert records.load("restore-1") == record(
        phases={"CopySnapshot": {"calls": 1}}, plan={"copy": {"key": "k"}}, step="s"
    )


def test_maps_that_stand_keep_what_they_hold(records: AwsRecords) -> None:
    records.create(record(phases={"SnapshotCheck": {"calls": 4}}))
    assert records.update("restore-1", {"phases.CopySnapshot.calls": 1, "restore_details.port": 5432})
    loaded = records.load("restore-1")
    assert loaded is not None
    assert loaded["phases"] == {"SnapshotCheck": {"calls": 4}, "CopySnapshot": {"calls": 1}}


def test_an_update_that_wants_a_status_leaves_another_one_alone(records: AwsRecords) -> None:
    records.create(record(status="FAILED"))
    assert not records.update("restore-1", {"status": "SUCCEEDED"}, only_if_status="RUNNING")
    assert not records.update("restore-1", {"phases.Notify.status": "DONE"}, only_if_status="RUNNING")
    assert records.load("restore-1") == record(status="FAILED")


def test_an_update_never_makes_a_record(records: AwsRecords) -> None:
    assert not records.update("restore-1", {"status": "FAILED"})
    assert not records.update("restore-1", {"phases.Notify.status": "DONE"})
    assert records.load("restore-1") is None


def test_an_ending_whose_reply_was_lost_is_found_done_when_repeated(
    aws: InProcessAws, records: AwsRecords
) -> None:
    records.create(record())
    ending = {"status": "SUCCEEDED", "end_time": "2026-11-22T11:00:00.000Z", "phases.Notify.status": "DONE"}
    aws.after(is_operation("UpdateItem"), FaultKind.REPLY_LOST)
    aws.after(2, FaultKind.REPLY_LOST)
    aws.after(4, FaultKind.REPLY_LOST)
    for _ in range(3):
        with pytest.raises(AwsUnavailable):
            records.update("restore-1", ending, only_if_status="RUNNING")
    assert records.update("restore-1", ending, only_if_status="RUNNING")
    assert not records.update("restore-1", {**ending, "end_time": "later"}, only_if_status="RUNNING")


def test_a_path_through_what_is_not_a_map_is_refused(aws: InProcessAws, records: AwsRecords) -> None:
    records.create(record(step="Notify"))
    no_path = Refusal(
        "ValidationException", "The document path provided in the update expression is invalid for update"
    )
    aws.before(is_operation("UpdateItem"), no_path, times=1)
    aws.before(3, no_path)
    with pytest.raises(AwsRequestFailed, match=r"phases\.inner"):
        records.update("restore-1", {"phases.inner": 1})


def test_an_update_of_nothing_asks_nothing(aws: InProcessAws, records: AwsRecords) -> None:
    assert records.update("restore-1", {})
    assert aws.calls == []


def test_a_record_that_does_not_fit_says_so(records: AwsRecords) -> None:
    with pytest.raises(RecordTooLarge):
        records.create(record(plan="x" * 410_000))
    records.create(record())
    with pytest.raises(RecordTooLarge):
        records.update("restore-1", {"plan": "x" * 410_000})


def test_records_of_a_status_come_newest_first_over_all_pages(
    aws: InProcessAws, records: AwsRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_restore.aws.records.PAGE_ITEMS", 2)
    for number in range(7):
        start = format_time(BEGUN + timedelta(minutes=number))
        records.create(record(f"restore-{number}", start_time=start))
    records.create(record("restore-other", status="FAILED"))
    aws.calls.clear()
    found = records.list_by_status("RUNNING", None, limit=5)
    assert [item["operation_id"] for item in found] == [f"restore-{number}" for number in (6, 5, 4, 3, 2)]
    assert len(aws.calls) == 3


def test_records_before_a_time_are_left_out(records: AwsRecords) -> None:
    for number in range(3):
        start = format_time(BEGUN + timedelta(minutes=number))
        records.create(record(f"restore-{number}", start_time=start))
    found = records.list_by_status("RUNNING", BEGUN + timedelta(minutes=1), limit=10)
    assert [item["operation_id"] for item in found] == ["restore-2", "restore-1"]


def test_found_records_are_those_of_the_statuses_newest_first(records: AwsRecords) -> None:
    for number, status in enumerate(("SUCCEEDED", "RUNNING", "FAILED", "CANCELLED", "RUNNING")):
        start = format_time(BEGUN + timedelta(minutes=number))
        records.create(record(f"restore-{number}", status=status, start_time=start))
    found = records.find(["RUNNING", "FAILED", "SUCCEEDED"], None, None, None, limit=3)
    assert [item["operation_id"] for item in found.items] == ["restore-4", "restore-2", "restore-1"]
    assert not found.is_complete
    assert records.find(["RUNNING"], None, None, None, limit=2).is_complete


def test_records_of_a_stretch_of_time_and_of_one_target_are_found_over_all_pages(
    aws: InProcessAws, records: AwsRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_restore.aws.records.PAGE_ITEMS", 2)
    for number in range(8):
        start = format_time(BEGUN + timedelta(minutes=number))
        target = "staging" if number % 4 == 0 else "other"
        records.create(record(f"restore-{number}", start_time=start, target_cluster_id=target))

    def found(since: int | None, until: int | None, target: str | None) -> list[str]:
        begin, end = (None if each is None else BEGUN + timedelta(minutes=each) for each in (since, until))
        return [item["operation_id"] for item in records.find(["RUNNING"], begin, end, target, 10).items]

    assert found(2, 4, None) == ["restore-4", "restore-3", "restore-2"]
    assert found(None, 1, None) == ["restore-1", "restore-0"]
    assert found(None, None, "staging") == ["restore-4", "restore-0"]
    assert found(1, None, "staging") == ["restore-4"]


def test_a_search_ends_at_its_bound_and_says_that_there_may_be_more(
    aws: InProcessAws, records: AwsRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_restore.aws.records.PAGE_ITEMS", 2)
    monkeypatch.setattr("aurora_restore.aws.records.LOOKED_AT_MOST", 4)
    for number in range(8):
        records.create(record(f"restore-{number}", start_time=format_time(BEGUN + timedelta(minutes=number))))
    aws.calls.clear()
    found = records.find(["RUNNING"], None, None, "a-target-without-operations", limit=10)
    assert (found.items, found.is_complete) == ([], False)
    assert len(aws.calls) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FaultKind.THROTTLED, AwsThrottled),
        (FaultKind.UNAVAILABLE, AwsUnavailable),
        (FaultKind.REPLY_LOST, AwsUnavailable),
        (FaultKind.DENIED, AccessDenied),
    ],
)
def test_a_fault_of_dynamodb_is_the_domain_s(
    aws: InProcessAws, records: AwsRecords, fault: Any, expected: type[Exception]
) -> None:
    records.create(record())
    inject = aws.after if fault is FaultKind.REPLY_LOST else aws.before
    inject(lambda _: True, fault, times=100)
    for request in (
        lambda: records.create(record("restore-2")),
        lambda: records.load("restore-1"),
        lambda: records.update("restore-1", {"a.b": 1}),
        lambda: records.list_by_status("RUNNING", None, 1),
    ):
        with pytest.raises(expected):
            request()
