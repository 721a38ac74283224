"""`cancel`: what can still be stopped is stopped and cleaned up; what comes too late touches nothing and says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_fakes import execution, existing, pipeline_with, stopped
from tests.unit.cli.cli_records import (
    NOW,
    begun,
    closed_by_hand,
    copying,
    failed,
    marked_by_hand_and_cleaned_up,
    planned,
    succeeded,
)
from tests.unit.cli.cli_replacement_records import ASIDE, FINAL_SNAPSHOT, TARGET, UNDO_ID

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
    out, err = words(capsys)
    assert f"Cancelling {NAME} in us-west-2." in out
    assert "Stopped. The cleanup begins by itself" in out
    assert "cleanup the cluster aurora-restored-staging-0a1b2c3d-new is `deleting`" in out
    assert "The restore was cancelled after 10 min 2 s." in out
    assert "cleaned up the instance aurora-restored-staging-0a1b2c3d-new-1 was deleted" in out
    assert "kept the snapshot copy aurora-restore-20261122-114200" in out
    assert "the event of this end starts it within seconds" in err


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (begun(), "Nothing has been made yet"),
        (copying(), "An unfinished copy of the snapshot is deleted; a finished one is kept"),
        (replacements.replacing(), f"{TARGET} remains the current cluster."),
        (replacements.replacing(), "What the run has made of the new cluster is removed."),
        (replacements.clearing(), f"it is restored from its final snapshot {FINAL_SNAPSHOT}, which takes"),
    ],
)
def test_before_it_is_stopped_is_said_what_that_means(
    record: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    existing(monkeypatch, pipeline_with(record, replacements.cancelled(), executions=RUNS))
    assert app.run(CANCEL) == 0
    assert said in words(capsys)[0]


def test_cancelling_an_undo_leaves_both_clusters_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = (
        replacements.undoing(),
        replacements.undoing() | {"status": "CANCELLED", "end_time": "2026-11-22T12:00:00Z"},
    )
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions={UNDO_ID: execution()}))
    assert app.run(["cancel", UNDO_ID, "--reason", "not yet"]) == 0
    assert stopped(pipeline) == {UNDO_ID: "not yet"}
    out, _ = words(capsys)
    assert "remains the current cluster; the kept one is kept" in out
    assert "The undo was cancelled" in out


def test_after_the_switch_nothing_is_stopped_and_the_way_back_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(replacements.switched(), executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline) == {}
    out, err = words(capsys)
    assert out == ""
    assert "ALREADY_SWITCHED" in err
    assert f"already succeeded: {TARGET} is the restored cluster since 11:41:20 UTC" in err
    assert (
        "Nothing was stopped, and nothing is undone. The run goes on with what is left (RetireReplaced)"
        in err
    )
    assert f"aurora-restore start --source-snapshot {FINAL_SNAPSHOT} --source-region us-west-2" in err


def test_after_the_switch_a_cluster_that_will_be_kept_can_be_put_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.switched(keep_replaced_hours=24), executions=RUNS))
    assert app.run(CANCEL) == 3
    err = words(capsys)[1]
    assert "will be kept for 24 h" in err
    assert f"aurora-restore undo {NAME} --region us-west-2" in err


def test_of_a_run_that_was_undone_nothing_is_to_be_put_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retirement = {"state": "UNDONE", "undone_by": "undo-20261122-120000"}
    existing(monkeypatch, pipeline_with(replacements.kept() | {"retirement": retirement}, executions=RUNS))
    assert app.run(CANCEL) == 3
    err = words(capsys)[1]
    assert "undo-20261122-120000 has put the old cluster back already" in err
    assert "aurora-restore start" not in err


def test_after_the_switch_without_a_final_snapshot_the_loss_of_the_data_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(replacements.switched(final_snapshot=False), executions=RUNS))
    assert app.run(CANCEL) == 3
    assert "its data cannot be restored" in words(capsys)[1]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (failed(), "has ended already: FAILED (SNAPSHOT_COPY_FAILED) at 11:52:02 UTC."),
        (replacements.cancelled(), "has ended already: CANCELLED at 11:52:02 UTC."),
        (succeeded(), "has ended already: SUCCEEDED at 11:45:05 UTC."),
        (planned(), "has ended already: SUCCEEDED"),
        (replacements.kept(), f"To put it back: aurora-restore undo {NAME} --region us-west-2"),
        (replacements.retired(), f"aurora-restore start --source-snapshot {FINAL_SNAPSHOT}"),
    ],
)
def test_an_operation_that_has_ended_is_not_cancelled_and_how_it_ended_is_said(
    record: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(record, executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline) == {}
    err = words(capsys)[1]
    assert "OPERATION_ENDED" in err
    assert said in err


def test_a_switch_between_the_look_and_the_stop_ends_truthfully(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [replacements.replacing(), replacements.switched(), replacements.cancelled_after_the_switch()]
    pipeline = existing(monkeypatch, pipeline_with(*looks, executions=RUNS))
    assert app.run(CANCEL) == 3
    assert stopped(pipeline)
    out, _ = words(capsys)
    assert "The restore succeeded" in out
    assert f"Warning: the run was stopped after the switch: nothing was undone, and {ASIDE} is kept" in out
    assert f"to go back aurora-restore undo {NAME}" in out
    assert out.endswith("Nothing was undone, and what is shown above is in place.")


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
    assert "does not run any more; following its cleanup" in words(capsys)[0]


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
    out, _ = words(capsys)
    assert f"{TARGET} is the new cluster already and stays it: nothing is undone." in out
    assert "is removed" not in out


def test_an_execution_without_a_record_is_stopped_and_ends_cancelled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(None, executions=RUNS))
    assert app.run(CANCEL) == 0
    assert stopped(pipeline) == {NAME: "the wrong day"}
    out, _ = words(capsys)
    assert "Nothing has been made yet" in out
    assert "was cancelled" in out


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
