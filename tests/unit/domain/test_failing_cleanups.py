"""When a record says that its cleanup fails, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aurora_restore.domain.cleaning import failure_noted, present_failure
from aurora_restore.domain.errors import ERRORS_BY_NAME, AccessDenied, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record
from aurora_restore.domain.times import format_time

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
REGION = "us-west-2"
ARN = f"arn:aws:states:{REGION}:123456789012:execution:aurora-restore-state-machine:restore-1"
ERROR = {"code": "ACCESS_DENIED", "message": "It was refused.", "hint": "Look for the policy."}


def ago(**length: float) -> str:
    return format_time(NOW - timedelta(**length))


def being_cleaned_up(**fields: Any) -> dict[str, Any]:
    cleanup = {"ending": "FAILED", "last_updated_time": ago(minutes=10)}
    return {
        "operation_id": "restore-1",
        "execution_arn": ARN,
        "status": "CLEANING_UP",
        "cleanup": cleanup,
        **fields,
    }


def closed(**fields: Any) -> dict[str, Any]:
    return being_cleaned_up(status="FAILED", end_time=ago(hours=5), settled_time=ago(hours=5), **fields)


def noted(item: dict[str, Any], *, region: str = REGION) -> dict[str, Any]:
    started = NOW - timedelta(seconds=30)
    return dict(failure_noted(Operation(item), AccessDenied("It was refused."), started, NOW, region))


def test_a_failure_is_noted_with_its_times() -> None:
    assert noted(being_cleaned_up())["cleanup.failing_since"] == format_time(NOW)
    before = {"error": ERROR, "failing_since": ago(hours=2), "failed_time": ago(minutes=5)}
    again = noted(being_cleaned_up(cleanup=before))
    assert (again["cleanup.failing_since"], again["cleanup.failed_time"]) == (ago(hours=2), format_time(NOW))


@pytest.mark.parametrize(
    "item",
    [
        # Another call has succeeded since this one began, or closed the record.
        being_cleaned_up(cleanup={"ending": "FAILED", "last_updated_time": ago(seconds=10)}),
        being_cleaned_up(
            status="FAILED", end_time=ago(seconds=20), cleanup={"last_updated_time": ago(seconds=40)}
        ),
        being_cleaned_up(left_behind_time=ago(hours=1)),
    ],
)
def test_a_failure_that_is_not_the_last_word_is_not_noted(item: dict[str, Any]) -> None:
    assert noted(item) == {}


def test_a_failure_is_not_noted_in_the_record_of_another_region() -> None:
    assert noted(being_cleaned_up(), region="eu-central-1") == {}


@pytest.mark.parametrize(
    ("item", "is_present"),
    [
        # An open record keeps it, even where no sweep tries again.
        (being_cleaned_up(cleanup={"error": ERROR, "failed_time": ago(hours=9)}), True),
        # A closed one gets no further call once nothing is due.
        (closed(cleanup={"error": ERROR, "failed_time": ago(minutes=5)}), True),
        (closed(cleanup={"error": ERROR, "failed_time": ago(hours=2)}), False),
        (
            closed(cleanup={"error": ERROR, "failed_time": ago(minutes=5)}, left_behind_time=ago(hours=1)),
            False,
        ),
        (being_cleaned_up(), False),
    ],
)
def test_what_a_record_says_of_its_cleanup_ends(item: dict[str, Any], is_present: bool) -> None:
    assert (present_failure(Record.read(item), NOW) is not None) is is_present


@pytest.mark.parametrize("error", ERRORS_BY_NAME.values())
def test_what_to_do_about_a_cleanup_is_never_to_choose_or_to_start_something(
    error: type[RestoreError],
) -> None:
    words = error.default_cleanup_hint
    assert words
    assert not [
        each
        for each in ("start again", "start it again", "new name", "choose", "is removed")
        if each in words
    ]
