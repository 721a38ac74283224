"""`undo`: it says what it puts back and what it removes, and starts only where something is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_fakes import execution, existing, pipeline_with, started
from tests.unit.cli.cli_records import copying, failed, succeeded
from tests.unit.cli.cli_replacement_records import ASIDE, FINAL_SNAPSHOT, TARGET

from aurora_restore.cli import app

NAME = "restore-20261122-114200"
UNDO_NAME = "undo-20261122-114230"


def words(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    printed = capsys.readouterr()
    return " ".join(printed.out.split()), " ".join(printed.err.split())


def test_an_undo_is_an_execution_of_its_own_with_the_operation_as_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.kept()))
    assert app.run(["undo", NAME]) == 0
    assert started(pipeline) == {UNDO_NAME: {"undo_operation_id": NAME}}
    out, _ = words(capsys)
    assert f"Started {UNDO_NAME} in us-west-2." in out
    assert f"aurora-restore watch {UNDO_NAME} --region us-west-2" in out


def test_what_an_undo_does_to_which_cluster_is_said_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.kept()))
    assert app.run(["undo", NAME]) == 0
    out, _ = words(capsys)
    assert f"puts back {ASIDE}, which is started and becomes {TARGET} again" in out
    assert f"removes the cluster that has the name {TARGET} now" in out
    assert (
        "deleted after a final snapshot: what was written to it since 11:41 UTC is in that snapshot only"
        in out
    )
    assert "kept until 2026-11-23 11:42 UTC" in out


def test_without_a_final_snapshot_is_said_what_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.kept()))
    assert app.run(["undo", NAME, "--no-final-snapshot"]) == 0
    assert started(pipeline)[UNDO_NAME] == {"undo_operation_id": NAME, "final_snapshot": False}
    assert (
        "deleted WITHOUT a final snapshot: what was written to it since 11:41 UTC is lost" in words(capsys)[0]
    )


def test_a_dry_run_of_an_undo_shows_its_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.kept(), replacements.planned_undo()))
    assert app.run(["undo", NAME, "--dry-run"]) == 0
    assert started(pipeline)[UNDO_NAME] == {"undo_operation_id": NAME, "dry_run": True}
    out, _ = words(capsys)
    assert f"undoes {NAME} puts back {ASIDE}, which becomes {TARGET} again" in out
    assert f"Start it with the same options: aurora-restore undo {NAME}" in out


def test_an_undo_can_be_watched_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = replacements.kept(), replacements.undoing(), replacements.undone()
    existing(monkeypatch, pipeline_with(*looks))
    assert app.run(["undo", NAME, "--watch"]) == 0
    out, _ = words(capsys)
    assert f"RestoreCluster running 20 % the cluster {ASIDE} is `starting`" in out
    assert f"The undo succeeded in 8 min: {TARGET} is the cluster again that it was before {NAME}." in out
    assert "CopySnapshot" not in out


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (succeeded(), "replaced no cluster: there is nothing to put back"),
        (replacements.retired(), f"was removed. Its final snapshot is {FINAL_SNAPSHOT}."),
        (replacements.kept() | {"retirement": {"state": "BEGUN"}}, "is being removed just now."),
        (replacements.kept() | {"retirement": {"state": "UNDONE"}}, f"is already {TARGET} again"),
        (replacements.cancelled(), "ended CANCELLED: the old cluster has its name"),
        (replacements.replacing(), "Before the switch, `aurora-restore cancel` leaves everything as it was"),
        (copying(), "replaced no cluster"),
        (replacements.kept() | {"status": "RUNNING", "end_time": None}, "it can be undone after that"),
        (failed(), "replaced no cluster"),
    ],
)
def test_where_nothing_is_kept_nothing_is_started_and_why_is_said(
    record: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(record))
    assert app.run(["undo", NAME]) == 3
    assert started(pipeline) == {}
    err = words(capsys)[1]
    assert "NOTHING_KEPT" in err
    assert said in err


def test_an_operation_that_is_unknown_cannot_be_undone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(None))
    assert app.run(["undo", NAME]) == 4
    assert started(pipeline) == {}
    assert "OPERATION_NOT_FOUND" in words(capsys)[1]


def test_with_json_an_undo_is_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.kept()))
    assert app.run(["undo", NAME, "--name", "undo-now", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["operation_id"] == "undo-now"
    assert document["undo_operation_id"] == NAME


def test_a_name_of_this_second_that_is_taken_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {UNDO_NAME: execution()}
    pipeline = existing(monkeypatch, pipeline_with(replacements.kept(), executions=taken))
    assert app.run(["undo", NAME]) == 0
    assert list(started(pipeline)) == ["undo-20261122-114231"]


def test_a_name_that_step_functions_refuses_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.kept()))
    assert app.run(["undo", NAME, "--name", "a/b"]) == 2
    assert started(pipeline) == {}
