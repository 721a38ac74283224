"""What is measured: of operations, and of how things are at a sweep."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import NOW, SETTINGS, snapshot

from aurora_restore.domain.measures import (
    Measured,
    SweepView,
    is_beyond_limit,
    locked_since,
    operation_measures,
    sweep_measures,
)
from aurora_restore.domain.observed import ClusterSnapshot, Quota
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.times import format_time

LOOKS_BACK = timedelta(days=30)


def ago(minutes: float) -> str:
    return format_time(NOW - timedelta(minutes=minutes))


def phase(begun: float, ended: float | None, status: str = "DONE") -> dict[str, Any]:
    """Both in minutes ago."""
    state = {"status": status, "start_time": ago(begun)}
    return state if ended is None else {**state, "end_time": ago(ended)}


def operation(**changes: Any) -> Operation:
    item: dict[str, Any] = {
        "operation_id": "restore-1",
        "status": "SUCCEEDED",
        "step": "Notify",
        "target_cluster_id": "aurora-restored-cluster",
        "start_time": ago(90),
        "end_time": ago(5),
        "parameters": {},
        "proof": {"proved_time": ago(30)},
        "phases": {
            "CopySnapshot": phase(89, 49),
            "ClearTarget": phase(49, 49, "SKIPPED"),
            "RestoreCluster": phase(49, 34.5),
            "RetireReplaced": phase(20, 6, "FAILED"),
            "Notify": phase(6, None, "IN_PROGRESS"),
        },
    }
    return Operation({name: value for name, value in (item | changes).items() if value is not ...})


def running(operation_id: str = "restore-2", **changes: Any) -> Operation:
    open_item: dict[str, Any] = {"status": "RUNNING", "end_time": ..., "operation_id": operation_id}
    return operation(**(open_item | changes))


def copy(status: str, **changes: Any) -> ClusterSnapshot:
    arn = "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:production-2023-06-15-03-10"
    return replace(snapshot(), status=status, source_db_cluster_snapshot_arn=arn, **changes)


def view(**changes: Any) -> SweepView:
    nothing: dict[str, Any] = {"open_operations": (), "ended": (), "snapshots": (), "locks": {}}
    return SweepView(now=NOW, looks_back=LOOKS_BACK, **(nothing | changes))


def swept(**changes: Any) -> Measured:
    return sweep_measures(view(**changes), SETTINGS)


def test_a_restore_is_measured_whole_until_it_could_be_used_and_phase_by_phase() -> None:
    whole, *phases = operation_measures(operation())

    assert whole.values == {"RestoreMinutes": 85, "RtoMinutes": 60}
    assert whole.dimensions == {"Outcome": "SUCCEEDED"}
    assert whole.facts["phase_minutes"] == {"CopySnapshot": 40, "RestoreCluster": 14.5}
    # A phase that was skipped or broken off, or that has no end, says nothing of how long it takes.
    assert [(each.dimensions, each.values) for each in phases] == [
        ({"Phase": "CopySnapshot"}, {"PhaseMinutes": 40}),
        ({"Phase": "RestoreCluster"}, {"PhaseMinutes": 14.5}),
    ]


def test_all_lines_of_an_operation_have_the_time_of_its_end_so_that_a_repeated_one_says_the_same() -> None:
    lines = operation_measures(operation())
    assert {line.time for line in lines} == {NOW - timedelta(minutes=5)}
    assert operation_measures(operation()) == lines


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_restore_that_came_back_has_no_time_to_recovery(status: str) -> None:
    whole, *_ = operation_measures(operation(status=status))
    assert whole.values == {"RestoreMinutes": 85}
    assert whole.dimensions == {"Outcome": status}


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"dry_run": True}},
        {"parameters": {"undo_operation_id": "restore-0"}},
        {"end_time": ...},
        {"start_time": "yesterday"},
    ],
)
def test_what_restored_nothing_or_does_not_say_when_is_not_measured(changes: dict[str, Any]) -> None:
    assert operation_measures(operation(**changes)) == ()


@pytest.mark.parametrize(
    ("verdict", "durations", "values"),
    [
        (
            "PASSED",
            {"rto_seconds": 3600, "rpo_seconds": 9000},
            {"RehearsalsPassed": 1, "RehearsalRtoMinutes": 60, "RehearsalRpoHours": 2.5},
        ),
        (
            "OBJECTIVE_MISSED",
            {"rto_seconds": 7200, "rpo_seconds": 60},
            {"RehearsalsPassed": 0, "RehearsalRtoMinutes": 120, "RehearsalRpoHours": 0.02},
        ),
        ("FAILED", {}, {"RehearsalsPassed": 0}),
    ],
)
def test_a_rehearsal_is_measured_by_its_verdict_and_counts_as_no_restore(
    verdict: str, durations: dict[str, float], values: dict[str, float]
) -> None:
    rehearsed = operation(parameters={"rehearsal": {}}, rehearsal={"verdict": verdict, **durations})
    (line,) = operation_measures(rehearsed)
    assert (line.values, line.dimensions, line.facts["verdict"]) == (values, {}, verdict)
    assert swept(ended=[rehearsed]).values["HoursSinceLastRestore"] == 720


def test_a_rehearsal_that_was_cancelled_before_it_was_measured_has_no_line() -> None:
    verdict = {"verdict": "NOT_MEASURED"}
    assert operation_measures(operation(parameters={"rehearsal": {}}, rehearsal=verdict)) == ()


def test_a_quiet_account_has_zeros_and_no_value_of_what_it_could_not_ask() -> None:
    assert swept().values == {
        "OperationsRunning": 0,
        "OldestOperationMinutes": 0,
        "OperationsBeyondLimit": 0,
        "OldestLockMinutes": 0,
        "CopiesInFlight": 0,
        "HoursSinceLastRestore": 720,
    }


def test_the_oldest_operation_and_the_oldest_lock_are_named() -> None:
    line = swept(
        open_operations=(running("restore-2", start_time=ago(10)), running("restore-3", start_time=ago(200))),
        locks={"staging": NOW - timedelta(minutes=7), "reports": NOW - timedelta(minutes=300)},
    )
    assert (line.values["OperationsRunning"], line.values["OldestOperationMinutes"]) == (2, 200)
    assert line.values["OldestLockMinutes"] == 300
    assert (line.facts["oldest_operation"], line.facts["oldest_lock"]) == ("restore-3", "reports")


def test_copies_in_flight_are_those_that_are_neither_finished_nor_failed_nor_going() -> None:
    snapshots = [copy(status) for status in ("copying", "creating", "available", "failed", "deleting")]
    assert swept(snapshots=[*snapshots, replace(snapshot(), status="creating")]).values["CopiesInFlight"] == 2


def test_the_fullest_quota_counts_and_one_that_no_run_uses_does_not() -> None:
    quotas = {
        name: Quota(name, used, maximum)
        for name, used, maximum in (
            ("ManualClusterSnapshots", 91, 100),
            ("DBClusters", 4, 40),
            ("ReservedDBInstances", 40, 40),
            ("DBInstances", 0, 0),
        )
    }
    line = swept(quotas=quotas)
    assert line.values["QuotaUsedPercent"] == 91
    assert line.facts["fullest_quota"] == "ManualClusterSnapshots"


def test_the_last_restore_is_the_newest_that_succeeded_and_restored_something() -> None:
    ended = (
        operation(end_time=ago(600)),
        operation(end_time=ago(300)),
        operation(end_time=ago(60), status="FAILED"),
        operation(end_time=ago(60), parameters={"dry_run": True}),
        operation(end_time=ago(60), parameters={"undo_operation_id": "restore-0"}),
    )
    assert swept(ended=ended).values["HoursSinceLastRestore"] == 5


@pytest.mark.parametrize(
    ("changes", "is_late"),
    [
        # The limit of SwitchOver is two hours.
        ({"step": "SwitchOver", "phases": {"SwitchOver": phase(119, None, "IN_PROGRESS")}}, False),
        ({"step": "SwitchOver", "phases": {"SwitchOver": phase(121, None, "IN_PROGRESS")}}, True),
        # It has ended: the next one is about to begin.
        ({"step": "SwitchOver", "phases": {"SwitchOver": phase(121, 1)}}, False),
        ({"step": "SwitchOver", "phases": {}}, False),
        ({"step": "of an operator", "phases": {}}, False),
        ({"status": "CLEANING_UP", "cleanup": {"ended_time": ago(47 * 60)}}, False),
        ({"status": "CLEANING_UP", "cleanup": {"ended_time": ago(49 * 60)}}, True),
    ],
)
def test_an_operation_is_beyond_the_limit_of_its_phase_or_of_its_cleanup(
    changes: dict[str, Any], is_late: bool
) -> None:
    late = running(**changes)
    assert is_beyond_limit(late, SETTINGS, NOW) is is_late
    line = swept(open_operations=(late,))
    assert (line.values["OperationsBeyondLimit"], line.facts["beyond_limit"]) == (
        (1, ["restore-2"]) if is_late else (0, [])
    )


@pytest.mark.parametrize(("hours", "is_beyond"), [(15, False), (17, True)])
def test_a_rehearsal_is_held_within_its_limit_for_as_long_as_was_asked(hours: int, is_beyond: bool) -> None:
    held = running(
        step="EndRehearsal",
        parameters={"rehearsal": {"hold_hours": 12}},
        phases={"EndRehearsal": phase(60 * hours, None, "IN_PROGRESS")},
    )
    assert is_beyond_limit(held, SETTINGS, NOW) is is_beyond


def test_a_lock_is_as_old_as_its_operation_or_as_the_retirement_that_took_it_again() -> None:
    assert locked_since(running()) == NOW - timedelta(minutes=90)
    due = {"state": "BEGUN", "keep_until": ago(3)}
    assert locked_since(operation(retirement=due)) == NOW - timedelta(minutes=3)
