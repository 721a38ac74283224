"""`cancel`: what can still be stopped is stopped and cleaned up; what comes too late touches nothing and says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.screen_text import absent
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_fakes import execution, existing, pipeline_with, stopped
from tests.unit.cli.cli_records import (
    NOW,
    closed_by_hand,
    copying,
    failed,
    marked_by_hand_and_cleaned_up,
    planned,
    succeeded,
)
from tests.unit.cli.cli_replacement_records import FINAL_SNAPSHOT, TARGET, UNDO_ID

from aurora_restore.cli import app, running

NAME = "restore-20261122-114200"
CANCEL = ["cancel", NAME, "--reason", "the wrong day"]
RUNS = {NAME: execution()}


def words(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What was printed, with every run of white space as one space."""
    printed = capsys.readouterr()
    return " ".join(printed.out.split()), " ".join(printed.err.split())


def test_a_running_operation_is_stopped_with_the_reason_and_followed_until_the_cleanup_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [replacements.replacing()] * 3 + [replacements.cleaning_up(), replacements.cancelled()]
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run(CANCEL) == 0
    assert stopped(pipeline) == {NAME: "the wrong day"}
    out, _ = words(capsys)
    tidied, cleaning = replacements.TIDIED, replacements.cleaning_up()["cleanup"]
    assert absent(out, NAME, "us-west-2", cleaning["message"], *tidied["done"], *tidied["kept"]) == []


def test_an_undo_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = replacements.undoing() | {"status": "CANCELLED", "end_time": "2026-11-22T12:00:00Z"}
    executions = {UNDO_ID: execution()}
    pipeline = existing(monkeypatch, pipeline_with(replacements.undoing(), ended, executions=executions))
    assert app.run(["cancel", UNDO_ID, "--reason", "not yet"]) == 0
    assert stopped(pipeline) == {UNDO_ID: "not yet"}


def test_after_the_switch_nothing_is_stopped_and_the_way_back_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.switched(), executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline) == {}
    out, err = words(capsys)
    assert out == ""
    command = f"aurora-restore start --source-snapshot {FINAL_SNAPSHOT} --source-region us-west-2"
    assert absent(err, "ALREADY_SWITCHED", TARGET, "11:41:20 UTC", "RetireReplaced", command) == []


def test_after_the_switch_a_cluster_that_will_be_kept_can_be_put_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.switched(keep_replaced_hours=24), executions=RUNS))
    assert app.run(CANCEL) == 3
    assert absent(words(capsys)[1], "24 h", f"aurora-restore undo {NAME} --region us-west-2") == []


def test_of_a_run_that_was_undone_nothing_is_to_be_put_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retirement = {"state": "UNDONE", "undone_by": "undo-20261122-120000"}
    existing(monkeypatch, pipeline_with(replacements.kept() | {"retirement": retirement}, executions=RUNS))
    assert app.run(CANCEL) == 3
    err = words(capsys)[1]
    assert "undo-20261122-120000" in err
    assert "aurora-restore start" not in err


def test_after_the_switch_without_a_final_snapshot_there_is_no_way_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.switched(final_snapshot=False), executions=RUNS))
    assert app.run(CANCEL) == 3
    err = words(capsys)[1]
    assert "ALREADY_SWITCHED" in err
    assert "aurora-restore start" not in err


@pytest.mark.parametrize(
    ("record", "facts"),
    [
        (failed(), ("FAILED", "SNAPSHOT_COPY_FAILED", "11:52:02 UTC")),
        (replacements.cancelled(), ("CANCELLED", "11:52:02 UTC")),
        (succeeded(), ("SUCCEEDED", "11:45:05 UTC")),
        (planned(), ("SUCCEEDED", "11:42:02 UTC")),
        (replacements.kept(), ("SUCCEEDED", f"aurora-restore undo {NAME} --region us-west-2")),
        (replacements.retired(), ("SUCCEEDED", f"aurora-restore start --source-snapshot {FINAL_SNAPSHOT}")),
    ],
)
def test_an_operation_that_has_ended_is_not_cancelled_and_how_it_ended_is_said(
    record: dict[str, Any],
    facts: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(record, executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline) == {}
    assert absent(words(capsys)[1], "OPERATION_ENDED", *facts) == []


def test_a_switch_between_the_look_and_the_stop_ends_truthfully(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = replacements.cancelled_after_the_switch()
    looks = [replacements.replacing(), replacements.switched(), ended]
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline)
    assert absent(words(capsys)[0], "succeeded", *ended["warnings"], f"aurora-restore undo {NAME}") == []


def test_a_failure_that_was_faster_than_the_cancel_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), failed(), executions=RUNS))
    assert app.run(CANCEL) == 1
    assert "SNAPSHOT_COPY_FAILED" in words(capsys)[0]


def test_what_is_being_cleaned_up_is_followed_and_not_stopped_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [replacements.cleaning_up(), replacements.cleaning_up(), replacements.cancelled()]
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run(CANCEL) == 0
    assert stopped(pipeline) == {}
    assert absent(words(capsys)[0], *replacements.TIDIED["done"]) == []


def test_an_execution_that_was_stopped_by_others_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {NAME: execution("ABORTED", stop_time=NOW)}
    looks = [replacements.replacing(), replacements.replacing(), replacements.cancelled()]
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=ended))
    assert app.run(CANCEL) == 0
    assert stopped(pipeline) == {}


def test_a_record_marked_by_hand_is_not_waited_for_where_its_execution_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = closed_by_hand(), closed_by_hand(), marked_by_hand_and_cleaned_up()
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run(CANCEL) == 1
    assert stopped(pipeline) == {NAME: "the wrong day"}


def test_a_record_marked_by_hand_after_the_switch_undoes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = replacements.switched() | {"status": "FAILED"}
    existing(monkeypatch, pipeline_with(marked, replacements.cancelled_after_the_switch(), executions=RUNS))
    assert app.run(CANCEL) == 3
    assert absent(words(capsys)[0], TARGET, "succeeded", f"aurora-restore undo {NAME}") == []


def test_an_execution_without_a_record_is_stopped_and_ends_cancelled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(None, executions=RUNS))
    assert app.run(CANCEL) == 0
    assert stopped(pipeline) == {NAME: "the wrong day"}
    assert "was cancelled" in words(capsys)[0]


def test_an_operation_that_is_unknown_is_not_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(None))
    assert app.run(CANCEL) == 4
    assert "OPERATION_NOT_FOUND" in words(capsys)[1]


def test_without_watching_it_returns_as_soon_as_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(copying(), executions=RUNS))
    assert app.run([*CANCEL, "--no-watch"]) == 0
    assert stopped(pipeline) == {NAME: "the wrong day"}
    assert f"aurora-restore watch {NAME} --region us-west-2" in words(capsys)[0]


def test_without_watching_programs_get_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(copying(), executions=RUNS))
    assert app.run([*CANCEL, "--no-watch", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"operation_id": NAME, "region": "us-west-2", "stopped": True}


def test_with_json_each_change_is_a_line_and_the_last_one_is_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [copying(), copying(), copying(), replacements.cleaning_up(), replacements.cancelled()]
    existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run([*CANCEL, "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert documents[-1] == json.loads(json.dumps(replacements.cancelled()))
    assert [item["status"] for item in documents] == ["RUNNING", "CLEANING_UP", "CANCELLED"]


def test_a_refusal_with_json_is_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.switched(), executions=RUNS))
    assert app.run([*CANCEL, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "ALREADY_SWITCHED"


@pytest.mark.parametrize("reason", [[], ["--reason", "  "], ["--reason", "x" * 1001]])
def test_a_reason_is_required_and_a_short_one(
    reason: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(copying(), executions=RUNS))
    assert app.run(["cancel", NAME, *reason]) == 2
    assert stopped(pipeline) == {}
    assert "--reason" in words(capsys)[1]


def test_leaving_says_that_the_cleanup_goes_on_and_how_to_follow_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    existing(monkeypatch, pipeline_with(copying(), executions=RUNS))
    monkeypatch.setattr(running, "follow", leave)
    assert app.run(CANCEL) == 130
    assert f"aurora-restore watch {NAME} --region us-west-2" in words(capsys)[1]


def test_commands_in_what_to_do_can_be_copied_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    existing(monkeypatch, pipeline_with(replacements.switched(), executions=RUNS))
    assert app.run(CANCEL) == 3
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert (
        f"aurora-restore start --source-snapshot {FINAL_SNAPSHOT} --source-region us-west-2 "
        f"--target-cluster {TARGET} --replace --region us-west-2"
    ) in lines
