"""`events` and `logs`: what was done in an operation, and what its functions said meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.fakes.logs import FakeLogs
from tests.unit.cli.cli_fakes import audit_with, existing, pipeline_with
from tests.unit.cli.cli_records import NOW, copying, failed

from aurora_restore.cli import app
from aurora_restore.domain.log_entries import LogEntry

NAME = "restore-20261122-114200"
EVENTS = [
    {
        "operation_id": NAME,
        "event_id": "2026-11-22T11:42:03.000Z#CopyStarted",
        "time": "2026-11-22T11:42:03.000Z",
        "event": "CopyStarted",
        "details": {"snapshot": "rds:production\x1b[31m", "percent": 0, "nothing": None},
    },
    {
        "operation_id": NAME,
        "event_id": "2026-11-22T11:50:00.000Z#RestoreFailed",
        "time": "2026-11-22T11:50:00.000Z",
        "event": "RestoreFailed",
        "details": {},
    },
]


def entry(seconds: float, function: str, level: str, message: str) -> LogEntry:
    return LogEntry(
        NOW + timedelta(seconds=seconds),
        f"aurora-restore-{function}",
        level,
        message,
        operation_id=NAME,
        fields={"error_code": "AWS_THROTTLED", "hint": "Wait."}
        if level != "INFO"
        else {"progress_percent": 3},
    )


LOGGED = [
    entry(0.25, "snapshot-check", "INFO", "the plan is made"),
    entry(3, "copy-snapshot", "WARNING", "RDS throttles\x07"),
]


def test_events_are_shown_in_their_order_with_what_they_are_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(audit=audit_with(*EVENTS)))
    assert app.run(["events", NAME]) == 0
    out = capsys.readouterr().out
    assert out.index("CopyStarted") < out.index("RestoreFailed")
    assert "2026-11-22T11:42:03.000Z" in out
    assert "\x1b" not in out
    assert "nothing" not in out


def test_events_are_json_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(audit=audit_with(*EVENTS)))
    assert app.run(["events", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == EVENTS


@pytest.mark.parametrize("command", ["events", "logs"])
def test_an_operation_that_is_not_known_is_not_found(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(None))
    assert app.run([command, NAME]) == 4
    assert "OPERATION_NOT_FOUND" in capsys.readouterr().err


def test_logs_of_all_functions_are_one_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), logs=FakeLogs(LOGGED)))
    assert app.run(["logs", NAME]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "snapshot-check" in first
    assert ".250 UTC" in first
    assert "copy-snapshot" in second
    assert "error_code=AWS_THROTTLED" in second
    assert "\x07" not in second


def test_only_problems_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), logs=FakeLogs(LOGGED)))
    assert app.run(["logs", NAME, "--errors", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["function"] == "aurora-restore-copy-snapshot"
    assert json.loads(line)["error_code"] == "AWS_THROTTLED"


def test_no_log_entries_is_said_and_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying()))
    assert app.run(["logs", NAME]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "LogRetentionDays" in printed.err


@pytest.mark.parametrize("has_ended", [False, True])
def test_logs_are_searched_from_before_the_operation_to_after_its_end(
    has_ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = failed() if has_ended else copying()
    logs = FakeLogs()
    existing(monkeypatch, pipeline_with(record, logs=logs))
    assert app.run(["logs", NAME]) == 0
    assert logs.searched is not None
    begin, end = logs.searched
    assert begin < NOW < end
