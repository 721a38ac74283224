"""What people read about a rehearsal, and the exit status that a program gets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.screen_text import text_of, words_of
from tests.unit.cli import cli_records as records
from tests.unit.cli.cli_fakes import existing, pipeline_with, started
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli import app
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_record
from aurora_restore.cli.views.cancelling import what_it_means
from aurora_restore.cli.views.operation import render_outcome, render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation

MISSED = {"verdict": "OBJECTIVE_MISSED", "missed": ["rto"], "rto_seconds": 18_120.0}


def outcome(record: dict[str, Any]) -> str:
    return words_of(render_outcome(view_operation(record), NOW), 80)


def listed(record: dict[str, Any]) -> str:
    return words_of(render_operations([view_operation(record)], NOW, 140), 140)


def test_one_that_passed_shows_its_figures_and_that_its_cluster_is_gone() -> None:
    text = outcome(records.rehearsed())
    for words in ("passed", "1 h 23 min", "6 h 30 min", "within the objective", "deleted"):
        assert words in text
    assert "is available" not in text
    assert exit_code_of_record(records.rehearsed()) == ExitCode.OK


def test_a_missed_objective_is_told_and_is_an_exit_status_of_its_own_kind() -> None:
    record = records.rehearsed(**MISSED)
    assert "missed its objective (RTO)" in outcome(record)
    assert "5 h 2 min, MISSED: the objective is 4 h" in outcome(record)
    assert exit_code_of_record(record) == ExitCode.OPERATION_FAILED


@pytest.mark.parametrize(("changes", "mark"), [({}, "rehearsal passed"), (MISSED, "rehearsal missed RTO")])
def test_the_list_marks_it(changes: dict[str, Any], mark: str) -> None:
    assert mark in listed(records.rehearsed(**changes))
    assert "rehearsal" not in listed(records.succeeded())


def test_a_cluster_that_was_left_is_named_with_the_reason() -> None:
    text = outcome(records.rehearsed(left="x has deletion protection", removed_time=None))
    assert "x has deletion protection" in text
    assert ", deleted" not in text


def test_its_status_fits_a_narrow_terminal() -> None:
    text = text_of(render_status(view_operation(records.rehearsed(**MISSED)), NOW), 80)
    assert all(len(line) <= 80 for line in text.splitlines() if "arn:" not in line)


def test_a_cancel_while_it_is_held_says_that_the_verdict_stays() -> None:
    (line,) = what_it_means(view_operation({**records.rehearsed(), "status": "RUNNING", "end_time": None}))
    assert "verdict" in line


def test_it_is_started_under_a_name_of_its_own_kind_and_is_watched_to_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(records.rehearsed(**MISSED)))
    status = app.run(["rehearse", "--source-cluster", "production", "--rto-minutes", "240", "--watch"])
    assert status == ExitCode.OPERATION_FAILED
    ((name, request),) = started(pipeline).items()
    assert name.startswith("rehearsal-")
    assert request["rehearsal"] == {"rto_minutes": 240}
    assert "missed its objective" in capsys.readouterr().out


def test_a_dry_run_shows_the_plan_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = records.planned()
    record = {**record, "parameters": {**record["parameters"], "rehearsal": {}}}
    pipeline = existing(monkeypatch, pipeline_with(record))
    assert app.run(["rehearse", "--dry-run"]) == ExitCode.OK
    ((_, request),) = started(pipeline).items()
    assert request["dry_run"] is True
    printed = capsys.readouterr().out
    assert "aurora-restore rehearse …" in printed
    assert "Connect" not in printed
