"""All that people read about an operation, at 80 columns, against the texts in tests/data/views."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.kept_views import REWRITE, VIEWS, assert_as_kept
from tests.support.screen_text import text_of
from tests.unit.cli import cli_records as records
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_fakes import execution, existing, pipeline_with
from tests.unit.cli.cli_records import NOW
from tests.unit.cli.cli_replacement_records import ASIDE, UNDO_ID, waiting

from aurora_restore.cli import app
from aurora_restore.cli.views.due import due_words, overdue_words
from aurora_restore.cli.views.errors import error_item, render_error
from aurora_restore.cli.views.log import change_lines
from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.errors import InvalidRequest, PreflightFailed, SnapshotAmbiguous, TargetExists
from aurora_restore.domain.record import Record

NAME = "restore-20261122-114200"
OLD_RUN = "it took 38 min in restore-20261121-030000"
FAILED = {"status": "FAILED", "end_time": "2026-11-22T12:00:00.000Z", "error": {"code": "X"}}
CLEANING = {"status": "CLEANING_UP", "cleanup": {"ending": "FAILED"}}
CLUSTER_FAILED = {"code": "CLUSTER_FAILED", "message": "It is `migration-failed`.", "hint": "Delete it."}
PROTECTED = {"code": "DELETION_PROTECTED", "message": f"{ASIDE} is protected.", "hint": "Take that off."}

# The name of each file in tests/data/views/status, and the record that is shown.
STATUS: dict[str, dict[str, Any]] = {
    "begun": records.begun(),
    "begun_without_a_phase": records.begun() | {"step": ""},
    "copying": records.copying(),
    "succeeded": records.succeeded(),
    "succeeded_with_warnings": records.succeeded() | {"warnings": ["the copy could not be tagged"]},
    "succeeded_with_locked_logins": records.succeeded()
    | {
        "restore_details": records.succeeded()["restore_details"]
        | {"other_logins": ["app_user", "report"], "locked_logins": ["app_user", "report"]}
    },
    "succeeded_with_an_open_login": records.succeeded()
    | {
        "restore_details": records.succeeded()["restore_details"]
        | {"other_logins": ["app_user", "report"], "locked_logins": ["app_user"]}
    },
    "planned": records.planned(),
    "planned_without_a_copy": records.planned()
    | {"plan": records.PLAN | {"copy": None, "copy_reason": "the snapshot is in us-west-2 already"}},
    "refused": records.refused(),
    "refused_without_a_request": records.refused() | {"parameters": "(not kept)", "target_cluster_id": None},
    "refused_by_aws_in_mid_run": records.refused_by_aws_in_mid_run(),
    "failed": records.failed(),
    "failed_and_cleaned_up": records.failed()
    | {"cleanup": {"ending": "FAILED", "done": ["the lock was released"]}},
    "closed_by_hand": records.closed_by_hand(),
    "closed_by_hand_with_words": records.closed_by_hand_with_words(),
    "closed_by_hand_and_being_cleaned_up": records.closed_by_hand()
    | {"cleanup": {"ending": "CANCELLED", "message": "the unfinished copy is `deleting`"}},
    "marked_by_hand_and_cleaned_up": records.marked_by_hand_and_cleaned_up(),
    "waiting_with_an_estimate": waiting(expected_end="2026-11-22T14:32:00.000Z", why="RDS reports 43 %"),
    "waiting_without_an_estimate": waiting(),
    "waiting_longer_than_estimated": waiting(expected_end="2026-11-22T11:30:00.000Z", why=OLD_RUN),
    "waiting_longer_than_last_time": waiting(why=f"longer than last time: {OLD_RUN}"),
    "replacing": replacements.replacing(),
    "replacing_between_the_renames": replacements.replacing()
    | {"switch_over": {"retired_identifier": ASIDE, "name_gone_time": "2026-11-22T11:42:20.000Z"}},
    "deleting_first": replacements.clearing(),
    "deleting_first_failed": replacements.clearing() | FAILED,
    "deleting_first_being_undone": replacements.clearing() | CLEANING,
    "switched": replacements.switched(),
    "switched_and_failed": replacements.switched() | FAILED,
    "switched_being_undone": replacements.switched() | CLEANING,
    "switched_and_stopped": replacements.switched()
    | {"status": "CLEANING_UP", "cleanup": {"ending": "SUCCEEDED", "message": f"{ASIDE} is `stopping`"}},
    "kept": replacements.kept(),
    "kept_too_long": replacements.kept()
    | {"retirement": {"state": "KEPT", "keep_until": "2026-11-22T11:00:00.000Z"}},
    "kept_since_its_deletion_is_refused": replacements.kept()
    | {
        "cleanup": {"error": PROTECTED, "failed_time": "2026-11-22T11:39:20.000Z"},
        "retirement": replacements.kept()["retirement"]
        | {"state": "BEGUN", "begun_time": "2026-11-22T11:30:00.000Z"},
    },
    "retired": replacements.retired(),
    "retired_without_a_final_snapshot": replacements.retired() | {"retirement": {"state": "RETIRED"}},
    "undone_by_another": replacements.kept()
    | {"retirement": {"state": "UNDONE", "undone_by": "undo-20261122-120000"}},
    "undone_by_an_unknown": replacements.kept() | {"retirement": {"state": "UNDONE"}},
    "differing": replacements.differing(),
    "cleaning_up": replacements.cleaning_up(),
    "cleaning_up_after_a_failure": replacements.cleaning_up()
    | {
        "error": {
            "code": "INSTANCE_FAILED",
            "message": "It is `incompatible-network`.",
            "step": "RestoreCluster",
        },
        "cleanup": {"ending": "FAILED"},
    },
    "cleaning_up_in_vain": replacements.cleaning_up()
    | {
        "cleanup": replacements.cleaning_up()["cleanup"]
        | {
            "error": CLUSTER_FAILED,
            "failing_since": "2026-11-22T09:42:00.000Z",
            "failed_time": "2026-11-22T11:39:20.000Z",
        }
    },
    "cancelled": replacements.cancelled(),
    "cancelled_after_the_switch": replacements.cancelled_after_the_switch(),
    "undoing": replacements.undoing(),
    "undone": replacements.undone(),
    "planned_replacement": replacements.planned_replacement(),
    "planned_replacement_that_keeps": replacements.planned_replacement(keep_replaced_hours=24),
    "planned_replacement_that_deletes_first": replacements.planned_replacement(
        replace_strategy="delete_first"
    ),
    "planned_replacement_without_a_final_snapshot": replacements.planned_replacement(final_snapshot=False),
    "planned_undo": replacements.planned_undo(),
}
# The name of each file in tests/data/views/cancel, and what the looks at the record see.
CANCEL: dict[str, tuple[dict[str, Any] | None, ...]] = {
    "without_a_record": (None,),
    "begun": (records.begun(), replacements.cancelled()),
    "copying": (records.copying(), replacements.cancelled()),
    "replacing": (
        *[replacements.replacing()] * 3,
        replacements.cleaning_up(),
        replacements.cancelled(),
    ),
    "deleting_first": (replacements.clearing(), replacements.cancelled()),
    "cleaning_up": (*[replacements.cleaning_up()] * 2, replacements.cancelled()),
    "switched": (replacements.switched(),),
    "switched_and_to_be_kept": (replacements.switched(keep_replaced_hours=24),),
    "switched_without_a_final_snapshot": (replacements.switched(final_snapshot=False),),
    "switched_meanwhile": (
        replacements.replacing(),
        replacements.switched(),
        replacements.cancelled_after_the_switch(),
    ),
    "switched_and_marked_by_hand": (
        replacements.switched() | {"status": "FAILED"},
        replacements.cancelled_after_the_switch(),
    ),
    "undone_by_another": (
        replacements.kept() | {"retirement": {"state": "UNDONE", "undone_by": "undo-20261122-120000"}},
    ),
    "failed": (records.failed(),),
    "failed_meanwhile": (records.copying(), records.failed()),
    "succeeded": (records.succeeded(),),
    "kept": (replacements.kept(),),
    "retired": (replacements.retired(),),
    "cancelled": (replacements.cancelled(),),
}
# The last two are of test_cli_views.
OTHERS = {
    "cancel/undoing",
    "cancel/unwatched",
    "list",
    "empty_list",
    "log",
    "due",
    "errors",
    "verification",
    "differences",
}


@pytest.mark.parametrize("name", STATUS)
def test_status_reads_as_kept(name: str) -> None:
    assert_as_kept(f"status/{name}", text_of(render_status(view_operation(STATUS[name]), NOW), 80))


@pytest.mark.parametrize("name", CANCEL)
def test_cancel_reads_as_kept(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(*CANCEL[name], executions={NAME: execution()}))
    arguments = ["cancel", NAME, "--reason", "the wrong day"]
    assert_as_kept(f"cancel/{name}", printed(arguments, monkeypatch, capsys))


def test_cancel_of_an_undo_reads_as_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = replacements.undoing() | {"status": "CANCELLED", "end_time": "2026-11-22T12:00:00Z"}
    executions = {UNDO_ID: execution()}
    existing(monkeypatch, pipeline_with(replacements.undoing(), ended, executions=executions))
    arguments = ["cancel", UNDO_ID, "--reason", "not yet"]
    assert_as_kept("cancel/undoing", printed(arguments, monkeypatch, capsys))


def test_cancel_alone_reads_as_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(records.copying(), executions={NAME: execution()}))
    arguments = ["cancel", NAME, "--reason", "the wrong day", "--no-watch"]
    assert_as_kept("cancel/unwatched", printed(arguments, monkeypatch, capsys))


def printed(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    exit_status = app.run(arguments)
    seen = capsys.readouterr()
    return f"exit status {exit_status}\n\nstandard output:\n{seen.out}\nstandard error:\n{seen.err}"


def test_a_list_reads_as_kept() -> None:
    states = [
        records.copying(),
        records.failed(),
        records.planned(),
        records.closed_by_hand(),
        records.failed() | {"status": "CLEANING_UP", "end_time": None},
        replacements.cleaning_up(),
        replacements.cancelled(),
        replacements.undone(),
    ]
    assert_as_kept("list", text_of(render_operations([view_operation(each) for each in states], NOW, 80), 80))
    assert_as_kept("empty_list", text_of(render_operations([], NOW, 80), 80))


def test_a_log_reads_as_kept() -> None:
    """What a run that is cancelled writes line by line."""
    states: list[Mapping[str, Any]] = [
        records.begun(),
        records.copying(30),
        waiting(expected_end="2026-11-22T14:32:00.000Z", why="RDS reports 43 %"),
        replacements.replacing(),
        replacements.cleaning_up(),
        STATUS["cleaning_up_in_vain"],
        replacements.cancelled(),
    ]
    views = [None, *map(view_operation, states)]
    lines = [line for before, after in pairwise(views) if after for line in change_lines(before, after, NOW)]
    assert_as_kept("log", "\n".join(lines))


def test_what_is_due_reads_as_kept() -> None:
    """What begins the cleanup of a run that has ended, by how its execution ended."""
    executions = [
        None,
        execution(),
        *(execution(status, stop_time=NOW) for status in ("ABORTED", "TIMED_OUT", "SUCCEEDED")),
        execution("FAILED", stop_time=NOW, error="States.Runtime", cause="no such path"),
    ]
    record = Record.read(records.closed_by_hand())
    assert_as_kept("due", "\n".join([*(due_words(record, each) for each in executions), overdue_words()]))


def test_errors_read_as_kept() -> None:
    problems = [
        *InvalidRequest("instance_count: must be a number.").problems,
        *SnapshotAmbiguous("2 clusters.").problems,
    ]
    shown = (
        error_item(TargetExists("target_cluster_id aurora-restored-staging exists already.")),
        error_item(PreflightFailed(problems)),
        {"code": "X"},
    )
    assert_as_kept("errors", "\n".join(text_of(render_error(each), 80) for each in shown))


def test_no_text_is_kept_of_what_is_not_shown_any_more() -> None:
    shown = {
        *(f"status/{name}" for name in STATUS),
        *(f"cancel/{name}" for name in (*CANCEL, "undoing", "unwatched")),
        *OTHERS,
    }
    assert {str(path.relative_to(VIEWS).with_suffix("")) for path in VIEWS.rglob("*.txt")} == shown


def test_another_text_than_the_kept_one_fails_with_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REWRITE, "1")
    assert_as_kept("a/view", "one  \ntwo", tmp_path)
    monkeypatch.delenv(REWRITE)
    assert_as_kept("a/view", "one\ntwo\n", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)a/view.*-two\n\+three"):
        assert_as_kept("a/view", "one\nthree", tmp_path)
