"""`watch`, `status` and `list` as a user calls them: what they say, to which stream, with which exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cli.cli_fakes import execution, existing, pipeline_with
from tests.unit.cli.cli_records import (
    NOW,
    closed_by_hand,
    copying,
    failed,
    marked_by_hand_and_cleaned_up,
    refused_by_aws_in_mid_run,
    succeeded,
)
from tests.unit.cli.cli_replacement_records import cancelled, cleaning_up

from aurora_restore.cli import app, running
from aurora_restore.domain.errors import AwsUnavailable

NAME = "restore-20261122-114200"


@pytest.mark.parametrize("record", [refused_by_aws_in_mid_run(), marked_by_hand_and_cleaned_up()])
def test_what_ended_after_the_plan_was_made_has_failed_and_was_not_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], record: dict[str, Any]
) -> None:
    existing(monkeypatch, pipeline_with(record))
    for command in ("watch", "status"):
        assert app.run([command, NAME]) == 1
        out = capsys.readouterr().out
        assert "The restore failed" in out
        assert "was refused" not in out


def test_watch_follows_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), succeeded()))
    assert app.run(["watch", NAME, "--interval", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "CopySnapshot  running  45 %" in out
    assert "The restore succeeded" in out


def test_leaving_a_watch_says_how_to_take_it_up_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    existing(monkeypatch, pipeline_with(copying()))
    monkeypatch.setattr(running, "follow", leave)
    assert app.run(["watch", NAME]) == 130
    assert f"aurora-restore watch {NAME} --region us-west-2" in capsys.readouterr().err


def test_watch_out_of_time_ends_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying()))
    assert app.run(["watch", NAME, "--timeout-minutes", "0"]) == 6
    assert "It goes on." in capsys.readouterr().err


def test_status_of_a_running_operation_is_not_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying()))
    assert app.run(["status", NAME]) == 0
    assert "Plan" in capsys.readouterr().out


def test_what_was_cancelled_has_an_exit_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, pipeline_with(cancelled()))
    for command in ("watch", "status"):
        assert app.run([command, NAME]) == 7


@pytest.mark.parametrize("record", [cleaning_up(), closed_by_hand()])
def test_what_is_not_cleaned_up_has_not_ended(
    monkeypatch: pytest.MonkeyPatch, record: dict[str, Any]
) -> None:
    existing(monkeypatch, pipeline_with(record))
    assert app.run(["status", NAME]) == 0


def test_status_says_what_the_cleanup_of_a_stopped_execution_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = {NAME: execution("ABORTED", stop_time=NOW, error="ManualCancellation", cause="the wrong day")}
    existing(monkeypatch, pipeline_with(copying(), executions=ended))
    assert app.run(["status", NAME]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "STOPPED, cleanup due" in out
    assert "(ManualCancellation: the wrong day). Its cleanup has not begun yet" in out
    assert app.run(["status", NAME, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == copying()
    assert "Its cleanup has not begun yet" in printed.err


def test_watch_follows_a_cleanup_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), cleaning_up(), cancelled()))
    assert app.run(["watch", NAME]) == 7
    assert "The restore was cancelled" in capsys.readouterr().out


def test_list_knows_what_is_being_cleaned_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(cleaning_up(), failed()))
    assert app.run(["list", "--status", "cleaning_up", "--json"]) == 0
    assert [item["status"] for item in json.loads(capsys.readouterr().out)] == ["CLEANING_UP"]


def test_status_with_json_is_the_record_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(failed()))
    assert app.run(["status", NAME, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == failed()


def test_an_operation_that_is_not_there_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(None))
    assert app.run(["status", NAME]) == 4
    assert "OPERATION_NOT_FOUND" in capsys.readouterr().err


def test_list_shows_the_newest_first_and_only_the_status_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = failed() | {"operation_id": "restore-older", "start_time": "2026-11-22T09:00:00.000Z"}
    existing(monkeypatch, pipeline_with(copying(), older))
    assert app.run(["list", "--json"]) == 0
    assert [item["operation_id"] for item in json.loads(capsys.readouterr().out)] == [NAME, "restore-older"]
    assert app.run(["list", "--status", "failed"]) == 0
    out = capsys.readouterr().out
    assert "restore-older" in out
    assert NAME not in out


def test_list_leaves_out_what_began_before_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = failed() | {"operation_id": "restore-older", "start_time": "2026-11-20T09:00:00.000Z"}
    existing(monkeypatch, pipeline_with(older))
    assert app.run(["list", "--since", "36h"]) == 0
    assert "No operations." in capsys.readouterr().out
    assert app.run(["list", "--since", "2026-11-20"]) == 0
    assert "restore-older" in capsys.readouterr().out
    assert app.run(["list", "--since", "yesterday"]) == 2


def test_aws_out_of_reach_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(AwsUnavailable("dynamodb gave no usable answer")))
    assert app.run(["status", NAME]) == 5
    assert "AWS_UNAVAILABLE" in capsys.readouterr().err


def test_a_list_that_stops_at_its_limit_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), failed() | {"operation_id": "restore-older"}))
    assert app.run(["list", "--limit", "1"]) == 0
    assert "The first 1; --limit shows more." in capsys.readouterr().out
    assert app.run(["list", "--limit", "3"]) == 0
    assert "--limit" not in capsys.readouterr().out


def test_list_shows_first_what_is_under_way_however_old_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = copying() | {"operation_id": "restore-old", "start_time": "2026-11-01T09:00:00.000Z"}
    by_hand = closed_by_hand() | {"operation_id": "restore-by-hand", "start_time": "2026-11-21T09:00:00.000Z"}
    existing(monkeypatch, pipeline_with(failed(), old, by_hand))
    assert app.run(["list", "--json"]) == 0
    found = [item["operation_id"] for item in json.loads(capsys.readouterr().out)]
    assert found == ["restore-by-hand", "restore-old", NAME]
    assert app.run(["list", "--since", "7d", "--json"]) == 0
    assert "restore-old" not in capsys.readouterr().out


def test_list_knows_days_and_targets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day_before = failed() | {
        "operation_id": "restore-before",
        "start_time": "2026-11-21T23:59:59.999Z",
        "target_cluster_id": "staging",
    }
    existing(monkeypatch, pipeline_with(failed(), day_before))
    for arguments in (["--day", "2026-11-21"], ["--day", "yesterday"], ["--target", "STAGING"]):
        assert app.run(["list", *arguments, "--json"]) == 0
        found = [item["operation_id"] for item in json.loads(capsys.readouterr().out)]
        assert found == ["restore-before"], arguments
    assert app.run(["list", "--day", "today", "--json"]) == 0
    assert [item["operation_id"] for item in json.loads(capsys.readouterr().out)] == [NAME]


@pytest.mark.parametrize("arguments", [["--day", "2026-13-01"], ["--day", "today", "--since", "7d"]])
def test_a_day_that_list_cannot_read_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    existing(monkeypatch, pipeline_with(failed()))
    assert app.run(["list", *arguments]) == 2
