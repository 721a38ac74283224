"""What belongs to an operation, and what of it may leave the account."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.cli.cli_replacement_records import cancelled

from aurora_restore.domain.diagnosing import (
    Window,
    cleans_up,
    cluster_names,
    events_window,
    history_entry,
    instance_names,
    is_of_operation,
    snapshot_names,
    window_of,
    without_passwords,
)
from aurora_restore.domain.record import Record

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "event",
    [
        {
            "type": "ExecutionStarted",
            "executionStartedEventDetails": {"input": json.dumps({"password": PASSWORD})},
        },
        {"type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": json.dumps({"p": PASSWORD})}},
        {
            "type": "TaskStateEntered",
            "stateEnteredEventDetails": {"name": "X", "input": f'{{"p": "{PASSWORD}"}}'},
        },
        {
            "type": "TaskSucceeded",
            "taskSucceededEventDetails": {"output": json.dumps({"Payload": {"p": PASSWORD}})},
        },
        {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": f'"{PASSWORD}"'}},
        {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": f"{PASSWORD} is not JSON"}},
    ],
)
def test_of_a_history_no_input_and_no_field_of_another_s_is_kept(event: dict[str, Any]) -> None:
    entry = history_entry({"id": 1, "timestamp": NOW, **event})
    assert PASSWORD not in json.dumps(entry, default=str)
    assert entry["type"] == event["type"]


def test_of_a_history_the_states_the_answers_and_the_errors_are_kept() -> None:
    answered = {"Payload": {"status": "IN_PROGRESS", "wait_seconds": 30, "message": "the copy is `copying`"}}
    entry = history_entry(
        {"id": 7, "type": "TaskSucceeded", "taskSucceededEventDetails": {"output": json.dumps(answered)}}
    )
    assert entry["answer"] == answered["Payload"]
    failed = {
        "type": "TaskFailed",
        "taskFailedEventDetails": {"error": "SnapshotNotFound", "cause": "there is none"},
    }
    entry = history_entry({"id": 8, **failed})
    assert (entry["error"], entry["cause"]) == ("SnapshotNotFound", "there is none")


def test_what_rds_shows_in_the_place_of_a_password_is_left_out_wherever_it_is() -> None:
    cluster = {
        "DBClusterIdentifier": "staging",
        "PendingModifiedValues": {"MasterUserPassword": "****", "EngineVersion": "15.5"},
        "Members": [{"MasterUserPassword": "****"}],
    }
    assert without_passwords(cluster) == {
        "DBClusterIdentifier": "staging",
        "PendingModifiedValues": {"EngineVersion": "15.5"},
        "Members": [{}],
    }


def test_names_are_those_of_the_plan_and_of_what_was_replaced() -> None:
    record = Record.read(cancelled())
    clusters = cluster_names(record)
    assert record.target_cluster_id in clusters
    assert len(set(clusters)) == len(clusters)
    assert all((*clusters, *instance_names(record), *snapshot_names(record)))
    empty = Record.read({})
    assert (cluster_names(empty), instance_names(empty), snapshot_names(empty)) == ((), (), ())


@pytest.mark.parametrize(
    ("item", "is_wanted"),
    [
        ({"DBClusterIdentifier": "staging"}, True),
        (
            {"DBClusterIdentifier": "x", "TagList": [{"Key": "aurora-restore:operation-id", "Value": "op"}]},
            True,
        ),
        (
            {"DBClusterIdentifier": "x", "TagList": [{"Key": "aurora-restore:replaced-by", "Value": "op"}]},
            True,
        ),
        (
            {"DBClusterIdentifier": "x", "TagList": [{"Key": "aurora-restore:operation-id", "Value": "o"}]},
            False,
        ),
        ({"DBClusterIdentifier": "x"}, False),
    ],
)
def test_an_object_is_of_an_operation_by_its_name_or_by_a_tag_of_ours(
    item: dict[str, Any], is_wanted: bool
) -> None:
    assert is_of_operation(item, "DBClusterIdentifier", ["staging"], "op") is is_wanted


@pytest.mark.parametrize(
    ("given", "is_its_own"),
    [
        (json.dumps({"detail": {"name": "op"}}), True),
        (json.dumps({"detail": {"name": "another"}}), False),
        (json.dumps({"detail": "op"}), False),
        (json.dumps(["op"]), False),
        ("op", False),
        (None, False),
    ],
)
def test_a_cleanup_is_that_of_an_operation_by_the_event_in_its_input(
    given: str | None, is_its_own: bool
) -> None:
    assert cleans_up(given, "op") is is_its_own


def test_what_is_asked_for_is_the_time_of_the_operation() -> None:
    start, end = "2026-11-20T00:00:00.000Z", "2026-11-20T02:00:00.000Z"
    window = window_of(Record.read({"start_time": start, "end_time": end}), NOW)
    assert window.begin < datetime(2026, 11, 20, tzinfo=UTC)
    # What removes a cluster that was kept logs under the same id.
    assert window.end == NOW
    assert window_of(Record.read({}), NOW).end == NOW


def test_rds_is_not_asked_for_events_that_it_does_not_have_any_more() -> None:
    recent = events_window(Window(NOW - timedelta(days=20), NOW), NOW)
    assert recent is not None
    assert NOW - recent.begin < timedelta(days=14)
    assert events_window(Window(NOW - timedelta(days=30), NOW - timedelta(days=20)), NOW) is None
