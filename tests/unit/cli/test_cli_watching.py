"""Following an operation: it ends when the operation has ended, and bears what passes."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from tests.unit.cli.cli_fakes import FakeExecution, Time, pipeline_with
from tests.unit.cli.cli_records import NOW, begun, copying, failed, succeeded

from aurora_restore.cli.errors import OperationNotFound, TimedOut
from aurora_restore.cli.follow import follow
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.screen import Screen
from aurora_restore.cli.watching import Observation, Watcher, WatchLimits
from aurora_restore.domain.errors import AwsThrottled, AwsUnavailable

NAME = "restore-20261122-114200"


def watch(pipeline: Pipeline, time: Time | None = None, **limits: Any) -> list[Observation]:
    time = time or Time()
    return list(Watcher(pipeline, time.now, time.sleep, WatchLimits(**limits)).observations(NAME))


def screen(json_output: bool = False) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    consoles = [Console(file=stream, width=100, highlight=False, markup=False) for stream in (out, err)]
    return Screen(consoles[0], consoles[1], json_output), out, err


def test_a_watch_ends_when_the_record_says_that_the_operation_has_ended() -> None:
    seen = watch(pipeline_with(begun(), copying(), succeeded()))
    assert [observation.record["status"] for observation in seen] == ["RUNNING", "RUNNING", "SUCCEEDED"]
    assert seen[-1].is_final


def test_an_operation_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(OperationNotFound, match=f"no operation {NAME} in us-west-2"):
        watch(pipeline_with(None))


def test_an_execution_whose_first_step_has_not_written_yet_is_waited_for() -> None:
    seen = watch(pipeline_with(None, None, succeeded(), executions={NAME: FakeExecution()}))
    assert [observation.record["status"] for observation in seen] == ["RUNNING", "RUNNING", "SUCCEEDED"]


def test_an_operation_just_started_may_be_invisible_for_a_moment() -> None:
    seen = watch(pipeline_with(None, None, succeeded()), start_grace=5)
    assert seen[-1].record["status"] == "SUCCEEDED"


def test_an_execution_that_ended_before_any_record_shows_its_own_error() -> None:
    ended = FakeExecution("FAILED", stop_date=NOW, error="Lambda.AccessDenied", cause="not allowed")
    record = watch(pipeline_with(None, executions={NAME: ended}))[-1].record
    assert record["status"] == "FAILED"
    assert record["error"]["code"] == "Lambda.AccessDenied"
    assert record["error"]["message"] == "not allowed"


def test_a_stopped_execution_whose_record_stays_open_ends_the_watch_as_cancelled() -> None:
    stopped = FakeExecution("ABORTED", stop_date=NOW, error="ManualCancellation", cause="by operator")
    seen = watch(pipeline_with(copying(), executions={NAME: stopped}), close_grace=20)
    assert seen[-1].record["status"] == "CANCELLED"
    assert seen[-1].record["phases"] == copying()["phases"]
    hint = seen[-1].record["error"]["hint"]
    assert "still says RUNNING and holds the lock of aurora-restored-staging" in hint
    assert "mark it FAILED" in hint
    assert "a new name" in hint


def test_an_ended_execution_has_time_to_close_its_record() -> None:
    ended = FakeExecution("FAILED", stop_date=NOW, error="X", cause="of Step Functions")
    seen = watch(pipeline_with(copying(), copying(), copying(), failed(), executions={NAME: ended}))
    assert seen[-1].record["error"]["code"] == "SNAPSHOT_COPY_FAILED"


def test_an_outage_is_borne_and_said() -> None:
    seen = watch(pipeline_with(copying(), AwsThrottled("slow down"), AwsUnavailable("gone"), succeeded()))
    assert [bool(observation.notice) for observation in seen] == [False, True, True, False]
    assert seen[1].record == seen[0].record
    assert "trying again. slow down" in seen[1].notice


def test_an_outage_that_does_not_end_is_given_up() -> None:
    with pytest.raises(AwsUnavailable):
        watch(pipeline_with(copying(), AwsUnavailable("gone")), outage=60)


def test_an_error_that_will_not_pass_ends_the_watch_at_once() -> None:
    with pytest.raises(KeyError):
        watch(pipeline_with(KeyError("a defect")))


def test_a_watch_ends_when_its_time_is_over_and_says_how_to_go_on() -> None:
    time = Time()
    with pytest.raises(TimedOut) as over:
        watch(pipeline_with(copying()), time, timeout=60)
    assert time.now() - NOW == timedelta(seconds=60)
    assert f"aurora-restore watch {NAME}" in over.value.hint


def test_elsewhere_than_on_a_terminal_each_change_is_one_line() -> None:
    target, out, _ = screen()
    looks = [begun(), copying(10), copying(10), copying(50), failed()]
    record = follow(target, [Observation(look) for look in looks], lambda: NOW)
    assert record["status"] == "FAILED"
    assert [line.split("  ")[1:3] for line in out.getvalue().splitlines()] == [
        [NAME, "RUNNING"],
        ["SnapshotCheck", "running"],
        ["SnapshotCheck", "done"],
        ["CopySnapshot", "running"],
        ["CopySnapshot", "running"],
        ["CopySnapshot", "failed"],
        [NAME, "FAILED"],
    ]


def test_with_json_each_change_is_one_document_in_a_line() -> None:
    target, out, err = screen(json_output=True)
    follow(target, [Observation(copying(), "a notice"), Observation(succeeded())], lambda: NOW)
    documents = [json.loads(line) for line in out.getvalue().splitlines()]
    assert documents == [copying(), succeeded()]
    assert err.getvalue() == "a notice\n"
