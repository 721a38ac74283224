"""The audit table through the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.domain.errors import AwsUnavailable
from aurora_restore.domain.times import format_time

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    return aws


@pytest.fixture
def audit(aws: InProcessAws) -> AwsAudit:
    return AwsAudit(aws.clients(), "AuroraRestoreAudit")


def append(
    audit: AwsAudit, operation_id: str, time: datetime, event: str, details: Mapping[str, Any]
) -> None:
    text = format_time(time)
    key = {"operation_id": operation_id, "event_id": f"{text}#{event}"}
    audit.append({**key, "event_date": text[:10], "time": text, "event": event, "details": details})


def test_an_entry_holds_what_happened_and_when(audit: AwsAudit) -> None:
    append(audit, "restore-1", NOW, "CopyStarted", {"snapshot": "s", "percent": 0})
    assert audit.trail("restore-1") == [
        {
            "operation_id": "restore-1",
            "event_id": "2026-11-22T10:00:00.000Z#CopyStarted",
            "event_date": "2026-11-22",
            "time": "2026-11-22T10:00:00.000Z",
            "event": "CopyStarted",
            "details": {"snapshot": "s", "percent": 0},
        }
    ]


def test_the_trail_is_in_the_order_of_time_and_of_one_operation(audit: AwsAudit) -> None:
    append(audit, "restore-1", NOW + timedelta(seconds=2), "Third", {})
    append(audit, "restore-1", NOW, "First", {})
    append(audit, "restore-2", NOW, "Other", {})
    append(audit, "restore-1", NOW + timedelta(milliseconds=1), "Second", {})
    assert [entry["event"] for entry in audit.trail("restore-1")] == ["First", "Second", "Third"]


def test_a_repeated_entry_is_one_and_the_first_one_stays(aws: InProcessAws, audit: AwsAudit) -> None:
    aws.after(is_operation("PutItem"), FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        append(audit, "restore-1", NOW, "CopyStarted", {"attempt": 1})
    append(audit, "restore-1", NOW, "CopyStarted", {"attempt": 2})
    assert [entry["details"] for entry in audit.trail("restore-1")] == [{"attempt": 1}]


def test_a_long_trail_is_read_to_its_end(audit: AwsAudit) -> None:
    details = {"text": "x" * 300_000}
    for number in range(5):  # more than the 1 MB of one page
        append(audit, "restore-1", NOW + timedelta(seconds=number), "Event", details)
    assert len(audit.trail("restore-1")) == 5


def test_the_events_of_a_day_are_found_across_operations(audit: AwsAudit) -> None:
    append(audit, "restore-2", NOW + timedelta(hours=1), "Later", {})
    append(audit, "restore-1", NOW, "Earlier", {})
    append(audit, "restore-1", NOW + timedelta(days=1), "Tomorrow", {})
    assert [entry["event"] for entry in audit.events_of_day("2026-11-22")] == ["Earlier", "Later"]
