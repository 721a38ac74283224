"""Operations that do not come to their end, and locks that are left: found once a sweep has had its turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aurora_restore.domain.checks.finding import Health
from aurora_restore.domain.checks.stuck import Underway, check_locks, check_operations, why_stuck
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import Phase
from aurora_restore.domain.times import format_time

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
REGION = "us-west-2"


def ago(**length: float) -> str:
    return format_time(NOW - timedelta(**length))


def operation(**fields: Any) -> Operation:
    return Operation({"operation_id": "restore-1", "status": "RUNNING", "start_time": ago(hours=2), **fields})


def execution(status: str, ended: timedelta | None = None) -> ExecutionState:
    return ExecutionState(
        "arn", "restore-1", status, NOW - timedelta(hours=2), NOW - ended if ended else None
    )


def in_phase(phase: str, **since: float) -> Operation:
    return operation(step=phase, phases={phase: {"status": "IN_PROGRESS", "start_time": ago(**since)}})


@pytest.mark.parametrize(
    ("seen", "is_stuck"),
    [
        (Underway(operation(), execution("RUNNING")), False),
        # Its event, and else the sweep, begins the cleanup.
        (Underway(operation(), execution("FAILED", timedelta(minutes=3))), False),
        (Underway(operation(), execution("FAILED", timedelta(minutes=30))), True),
        (Underway(operation(), None), True),
        (Underway(operation(start_time=ago(minutes=1)), None), False),
        (Underway(in_phase("RestoreCluster", hours=23), execution("RUNNING")), False),
        (Underway(in_phase("RestoreCluster", hours=25), execution("RUNNING")), True),
        (Underway(in_phase("OfANewerRelease", hours=25), execution("RUNNING")), False),
        (Underway(operation(status="CLEANING_UP", last_updated_time=ago(minutes=5)), None), False),
        (Underway(operation(status="CLEANING_UP", last_updated_time=ago(minutes=30)), None), True),
    ],
)
def test_an_operation_is_stuck_where_neither_an_event_nor_the_sweep_has_seen_to_it(
    seen: Underway, is_stuck: bool
) -> None:
    assert bool(why_stuck(seen, {}, NOW)) is is_stuck


@pytest.mark.parametrize(("hours", "is_stuck"), [(15, False), (17, True)])
def test_a_rehearsal_that_is_held_is_not_stuck(hours: int, is_stuck: bool) -> None:
    phases = {"EndRehearsal": {"status": "IN_PROGRESS", "start_time": ago(hours=hours)}}
    held = operation(step="EndRehearsal", parameters={"rehearsal": {"hold_hours": 12}}, phases=phases)
    assert bool(why_stuck(Underway(held, execution("RUNNING")), {}, NOW)) is is_stuck


def test_the_limit_of_a_phase_is_the_one_that_the_stack_sets() -> None:
    seen = Underway(in_phase("RestoreCluster", hours=25), execution("RUNNING"))
    assert why_stuck(seen, {Phase.RESTORE_CLUSTER: 48}, NOW) is None
    assert why_stuck(seen, {Phase.RESTORE_CLUSTER: 12}, NOW)


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({"status": "SUCCEEDED", "end_time": ago(hours=1), "settled_time": ago(hours=1)}, Health.GREEN),
        ({"status": "SUCCEEDED", "end_time": ago(hours=1), "settled_time": None}, Health.RED),
        ({"status": "SUCCEEDED", "end_time": ago(minutes=5), "settled_time": None}, Health.GREEN),
        # Records of earlier versions do not say whether they are settled.
        ({"status": "SUCCEEDED", "end_time": ago(hours=1)}, Health.GREEN),
        ({"status": "FAILED", "error": "Manually marked as failed"}, Health.RED),
    ],
)
def test_what_follows_from_an_end_has_to_be_done(fields: Mapping[str, Any], health: Health) -> None:
    last = fields.get("end_time", ago(hours=1))
    found = check_operations([], [operation(**{"last_updated_time": last, **fields})], {}, NOW, REGION)
    assert found.health is health


@pytest.mark.parametrize(
    ("code", "since", "health"),
    [
        ("ACCESS_DENIED", ago(minutes=1), Health.RED),
        ("ACCESS_DENIED", ago(hours=5), Health.RED),
        # It may be over with the next repetition.
        ("AWS_UNAVAILABLE", ago(minutes=5), Health.GREEN),
        ("AWS_UNAVAILABLE", ago(minutes=30), Health.RED),
    ],
)
@pytest.mark.parametrize("status", ["CLEANING_UP", "SUCCEEDED"])
def test_a_cleanup_that_fails_is_named_with_its_reason(
    status: str, code: str, since: str, health: Health
) -> None:
    error = {"code": code, "message": "It was refused.", "hint": "Look for the policy."}
    cleanup = {"error": error, "failed_time": ago(minutes=1), "failing_since": since}
    failing = operation(
        status=status, cleanup=cleanup, last_updated_time=ago(minutes=1), end_time=ago(hours=6)
    )
    is_open = status == "CLEANING_UP"
    underway, ended = [Underway(failing, None)] if is_open else [], [] if is_open else [failing]
    found = check_operations(underway, ended, {}, NOW, REGION)
    assert found.health is health
    if health is Health.RED:
        assert code in found.seen
        assert ("Look for the policy." in found.means) is (code == "ACCESS_DENIED")
        assert found.repairs == ("aurora-restore status restore-1 --region us-west-2",)


def test_a_stuck_operation_is_named_with_what_to_look_at() -> None:
    found = check_operations([Underway(operation(), None)], [], {}, NOW, REGION)
    assert found.health is Health.RED
    assert "restore-1" in found.seen
    assert found.repairs[0] == "aurora-restore diagnose restore-1 --region us-west-2"


@pytest.mark.parametrize(
    ("owner", "health"),
    [
        (operation(), Health.GREEN),
        (operation(status="FAILED", end_time=ago(minutes=1)), Health.GREEN),
        (operation(status="FAILED", end_time=ago(hours=1)), Health.RED),
        (operation(status="SUCCEEDED", end_time=ago(hours=1), retirement={"state": "BEGUN"}), Health.GREEN),
        (None, Health.RED),
    ],
)
def test_a_lock_whose_owner_is_closed_is_left(owner: Operation | None, health: Health) -> None:
    found = check_locks({"staging": "restore-1"}, {"restore-1": owner}, NOW, REGION)
    assert found.health is health


def test_no_locks_is_green() -> None:
    assert check_locks({}, {}, NOW, REGION).health is Health.GREEN
