"""Which operations may leave the tables, and what has to be true before one is removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.audit_chains import begun, ended

from aurora_restore.domain.archiving import candidates, is_kept_by, is_whole
from aurora_restore.domain.kept_operations import KeptOperation

NOW = datetime(2027, 3, 1, tzinfo=UTC)
DAY = datetime(2026, 12, 1, tzinfo=UTC)
LATER, EARLIER = "2027-06-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"


def record(**fields: Any) -> dict[str, Any]:
    return {**ended().record, **fields}


def whole() -> KeptOperation:
    return KeptOperation.of(str(ended().record["operation_id"]), ended().record, ended().events)


def stays(item: dict[str, Any]) -> bool:
    (found,) = candidates([item], DAY, NOW)
    return found.why_not is not None


def test_what_ended_before_the_day_is_archived_oldest_first() -> None:
    older = record(operation_id="older", end_time="2026-11-01T00:00:00.000Z")
    found = candidates([record(), older, record(end_time=EARLIER)], DAY, NOW)
    assert [(each.operation_id, each.why_not) for each in found] == [
        ("older", None),
        (ended().record["operation_id"], None),
    ]


def test_what_runs_or_was_marked_by_hand_is_not_among_them() -> None:
    assert candidates([begun().record, {**begun().record, "status": "FAILED"}], DAY, NOW) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"settled_time": None},
        {"retirement": {"state": "KEPT", "keep_until": EARLIER}},
        {"retirement": {"state": "BEGUN"}},
        {"retirement": {"state": "RETIRED", "final_snapshot_retain_until": LATER}},
        {"snapshot_details": {"retain_until": LATER}},
    ],
)
def test_what_is_not_at_its_end_or_holds_something_still_stays(fields: dict[str, Any]) -> None:
    assert stays(record(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"retirement": {"state": "RETIRED", "final_snapshot_retain_until": EARLIER}},
        {"snapshot_details": {"retain_until": LATER, "copy_removed_time": EARLIER}},
    ],
)
def test_what_is_over_keeps_nothing_back(fields: dict[str, Any]) -> None:
    assert not stays(record(**fields))


def test_an_operation_whose_events_do_not_verify_is_not_whole() -> None:
    operation = whole()
    assert is_whole(operation)
    assert not is_whole(KeptOperation.of(operation.operation_id, operation.record, operation.events[1:]))
    assert not is_whole(KeptOperation(operation.operation_id, None, operation.events))
    # That DynamoDB may have removed events is no reason to archive fewer of them.
    expired = {**ended().record, "expires_at": int((NOW - timedelta(days=1)).timestamp())}
    assert not is_whole(KeptOperation.of(operation.operation_id, expired, operation.events[1:]))


def test_an_archive_keeps_what_the_tables_have_and_may_have_more_events() -> None:
    operation = whole()
    fewer = KeptOperation.of(operation.operation_id, operation.record, operation.events[2:])
    assert is_kept_by(operation, operation)
    assert is_kept_by(operation, fewer)
    assert not is_kept_by(fewer, operation)


def test_an_archive_with_another_record_or_another_event_keeps_nothing() -> None:
    operation = whole()
    other = KeptOperation.of(operation.operation_id, record(step="X"), operation.events)
    edited = [{**operation.events[0], "details": {}}, *operation.events[1:]]
    assert not is_kept_by(other, operation)
    assert not is_kept_by(operation, KeptOperation.of(operation.operation_id, operation.record, edited))
