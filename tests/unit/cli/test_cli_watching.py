"""Following an operation: it ends when the operation has ended, and bears what passes."""

from __future__ import annotations

import io
import json
import shlex
import time as system_time
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from tests.unit.cli.cli_fakes import Time, execution, existing, pipeline_with
from tests.unit.cli.cli_records import (
    NOW,
    begun,
    closed_by_hand,
    copying,
    failed,
    marked_by_hand_and_cleaned_up,
    succeeded,
)
from tests.unit.cli.cli_replacement_records import STAGING, cancelled, cleaning_up, replacing

from aurora_restore.cli.errors import CleanupOverdue, OperationNotFound, TimedOut
from aurora_restore.cli.follow import LEAVING_IS_SAFE, follow, live_picture
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.screen import Screen
from aurora_restore.cli.views.common import Fitted
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


def test_an_operation_that_is_unknown_is_not_found() -> None:
    with pytest.raises(OperationNotFound, match=f"no operation {NAME} in us-west-2"):
        watch(pipeline_with(None))


def test_an_execution_whose_first_step_has_not_written_yet_is_waited_for() -> None:
    seen = watch(pipeline_with(None, None, succeeded(), executions={NAME: execution()}))
    assert [observation.record["status"] for observation in seen] == ["RUNNING", "RUNNING", "SUCCEEDED"]


def test_an_operation_just_started_may_be_invisible_for_a_moment() -> None:
    seen = watch(pipeline_with(None, None, succeeded()), start_grace=5)
    assert seen[-1].record["status"] == "SUCCEEDED"


def test_an_execution_that_ended_before_any_record_shows_its_own_error() -> None:
    ended = execution("FAILED", stop_time=NOW, error="Lambda.AccessDenied", cause="not allowed")
    record = watch(pipeline_with(None, executions={NAME: ended}))[-1].record
    assert record["status"] == "FAILED"
    assert record["error"]["code"] == "Lambda.AccessDenied"
    assert record["error"]["message"] == "not allowed"


STOPPED = execution("ABORTED", stop_time=NOW, error="ManualCancellation", cause="the wrong day")


def test_a_stopped_execution_is_watched_until_its_cleanup_has_closed_the_record() -> None:
    looks = [copying()] * 4 + [cleaning_up(), cancelled()]
    seen = watch(pipeline_with(*looks, executions={NAME: STOPPED}))
    assert [item.record["status"] for item in seen] == ["RUNNING"] * 3 + ["CLEANING_UP", "CANCELLED"]
    assert [item.execution_status for item in seen] == ["ABORTED"] * 3 + ["", ""]


def test_of_a_stopped_execution_is_said_what_its_cleanup_waits_for_and_always_the_same() -> None:
    looks = [copying()] * 9 + [cancelled()]
    seen = watch(pipeline_with(*looks, executions={NAME: STOPPED}))
    notices = {item.notice for item in seen[:-1]}
    assert len(notices) == 1
    notice = notices.pop()
    assert "was stopped at 2026-11-22 11:42:30 UTC (ManualCancellation: the wrong day)" in notice
    assert "the event of this end starts it within seconds" in notice
    assert "the sweep does within 5 minutes" in notice


def test_a_cleanup_that_the_sweep_begins_minutes_later_is_waited_for() -> None:
    looks = [copying()] * 400 + [cleaning_up(), cancelled()]
    assert watch(pipeline_with(*looks, executions={NAME: STOPPED}))[-1].record["status"] == "CANCELLED"


def test_a_cleanup_that_never_begins_is_said_to_be_overdue_and_given_up_with_the_way_out() -> None:
    time = Time()
    watcher = Watcher(
        pipeline_with(copying(), executions={NAME: STOPPED}), time.now, time.sleep, WatchLimits()
    )
    notices: list[str] = []
    with pytest.raises(CleanupOverdue) as overdue:
        notices.extend(item.notice for item in watcher.observations(NAME))
    assert time.now() - NOW == timedelta(seconds=1800)
    arn = copying()["execution_arn"]
    event = json.dumps({"detail": {"name": NAME, "executionArn": arn}})
    assert "aurora-restore-abnormal-end" in overdue.value.message
    command = overdue.value.hint.split("\n")[1]
    assert shlex.split(command) == [
        *("aws", "stepfunctions", "start-execution", "--state-machine-arn"),
        "arn:aws:states:us-west-2:123456789012:stateMachine:aurora-restore-cleanup-state-machine",
        *("--input", event),
    ]


def test_a_record_marked_by_hand_is_not_final_before_its_cleanup() -> None:
    looks = [closed_by_hand(), closed_by_hand(), marked_by_hand_and_cleaned_up()]
    seen = watch(pipeline_with(*looks, executions={NAME: execution()}))
    assert [item.is_final for item in seen] == [False, False, True]
    assert (
        "marked FAILED by hand. The run ends when its phase looks again, or when the sweep finds it"
        in seen[0].notice
    )


def test_a_step_that_waits_long_before_it_sees_the_mark_is_not_overdue() -> None:
    looks = [closed_by_hand()] * 3600 + [marked_by_hand_and_cleaned_up()]
    seen = watch(pipeline_with(*looks, executions={NAME: execution()}))
    assert seen[-1].is_final
    assert not any("overdue" in item.notice for item in seen)


def test_a_cleanup_of_what_was_marked_by_hand_is_followed_without_a_word_of_waiting() -> None:
    begun_cleanup = closed_by_hand() | {"cleanup": {"ending": "CANCELLED"}}
    looks = [closed_by_hand(), *[begun_cleanup] * 3, marked_by_hand_and_cleaned_up()]
    seen = watch(pipeline_with(*looks))
    assert [bool(item.notice) for item in seen[-4:]] == [False] * 4
    assert seen[-1].is_final


def test_a_record_marked_by_hand_whose_execution_is_unknown_is_left_to_the_sweep() -> None:
    seen = watch(pipeline_with(closed_by_hand(), marked_by_hand_and_cleaned_up()))
    assert "The sweep finds it within 10 minutes" in seen[0].notice


def test_an_execution_that_ended_well_with_an_open_record_is_left_to_the_sweep() -> None:
    ended = execution("SUCCEEDED", stop_time=NOW)
    seen = watch(pipeline_with(copying(), copying(), succeeded(), executions={NAME: ended}))
    assert "came to its end at 2026-11-22 11:42:30 UTC. Its record is not closed yet" in seen[0].notice


def test_a_record_that_was_closed_while_the_execution_was_looked_at_is_final_at_once() -> None:
    seen = watch(pipeline_with(copying(), cancelled(), executions={NAME: STOPPED}))
    assert [item.record["status"] for item in seen] == ["CANCELLED"]


def test_a_long_cause_is_shortened() -> None:
    ended = execution("FAILED", stop_time=NOW, error="States.TaskFailed", cause="x" * 5000)
    notice = watch(pipeline_with(copying(), copying(), failed(), executions={NAME: ended}))[0].notice
    assert len(notice) < 700
    assert "failed at" in notice


def test_an_ended_execution_has_time_to_close_its_record() -> None:
    ended = execution("FAILED", stop_time=NOW, error="X", cause="of Step Functions")
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


def test_on_a_short_terminal_the_running_phase_and_what_it_waits_for_stay_in_sight() -> None:
    looks = copying()
    message = "a line of a phase that ended. " * 60
    looks["phases"]["SnapshotCheck"] = looks["phases"]["SnapshotCheck"] | {"message": message}
    console = Console(
        file=io.StringIO(),
        width=80,
        height=24,
        force_terminal=True,
        highlight=False,
        markup=False,
        _environ={},
    )
    picture = live_picture(Observation(looks), NOW, LEAVING_IS_SAFE)
    lines = console.render_lines(picture, console.options)
    shown = "\n".join("".join(segment.text for segment in line) for line in lines)
    assert len(lines) == 24
    for part in (NAME, "CopySnapshot", "45 %", "is creating", LEAVING_IS_SAFE):
        assert part in shown


def test_a_picture_that_fits_is_shown_whole() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, highlight=False, markup=False)
    lines = console.render_lines(Text("\n".join("abc")), console.options)
    assert console.render_lines(Fitted(Text("\n".join("abc"))), console.options) == lines


def test_the_same_notice_is_noted_once() -> None:
    target, _, err = screen()
    looks = [Observation(copying(), "waits", "ABORTED")] * 3
    looks += [Observation(copying(), "overdue", "ABORTED"), Observation(cancelled())]
    follow(target, looks, lambda: NOW)
    assert err.getvalue().splitlines() == ["waits", "overdue"]


def test_a_cancellation_is_reported_line_by_line() -> None:
    target, out, _ = screen()
    looks = [Observation(replacing()), Observation(replacing(), "", "ABORTED")]
    follow(target, [*looks, Observation(cleaning_up()), Observation(cancelled())], lambda: NOW)
    lines = [" ".join(line.split()[2:]) for line in out.getvalue().splitlines()]
    assert lines == [
        f"{NAME} RUNNING",
        "SnapshotCheck done 0.8 s the plan is made",
        "CopySnapshot done 0.8 s the copy aurora-restore-20261122-114200 is available",
        f"RestoreCluster running 20 % the cluster {STAGING} is `creating`",
        f"RestoreCluster stopped 0.8 s the cluster {STAGING} is `creating`",
        f"{NAME} STOPPED, cleanup due",
        f"{NAME} CLEANING_UP",
        f"cleanup done the instance {STAGING}-1 was deleted",
        f"cleanup the cluster {STAGING} is `deleting`",
        f"cleanup done the cluster {STAGING} was deleted",
        "cleanup done the lock was released",
        "cleanup kept the snapshot copy aurora-restore-20261122-114200, for the next restore, until 2026-11-29",
        f"{NAME} CANCELLED",
    ]


def test_with_json_each_change_is_one_document_in_a_line() -> None:
    target, out, err = screen(json_output=True)
    follow(target, [Observation(copying(), "a notice"), Observation(succeeded())], lambda: NOW)
    documents = [json.loads(line) for line in out.getvalue().splitlines()]
    assert documents == [copying(), succeeded()]
    assert err.getvalue() == "a notice\n"


def test_a_command_with_a_time_of_its_own_leaves_the_sleep_of_other_threads_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep = system_time.sleep
    existing(monkeypatch, pipeline_with(None))
    assert system_time.sleep is sleep
