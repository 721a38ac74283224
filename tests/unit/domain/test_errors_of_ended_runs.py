"""What the record is to say of an operation that ended abnormally: what is in it, or what Step Functions knows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aurora_restore.domain.cleaning import error_of, error_of_failure
from aurora_restore.domain.errors import Cancelled, ManualIntervention, PreflightFailed, RestoreError
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import plain

BEGUN = datetime(2026, 11, 22, 12, tzinfo=UTC)
ABORTED = ExecutionState("arn:execution", "restore-1", "ABORTED", BEGUN)


def error_from(item: dict[str, Any], execution: ExecutionState | None = ABORTED) -> dict[str, Any]:
    found: dict[str, Any] = plain(error_of(Operation(item), execution))
    return found


def test_a_text_that_was_written_by_hand_is_an_intervention() -> None:
    error = error_from({"status": "FAILED", "error": "given up", "step": "Defuse"})
    of_hand = {
        "code": ManualIntervention.code,
        "message": "given up",
        "hint": ManualIntervention.default_hint,
    }
    assert error == {**of_hand, "step": "Defuse", "problems": [of_hand]}


def test_a_status_that_was_written_by_hand_is_an_intervention() -> None:
    error = error_from({"status": "FAILED"})
    assert (error["code"], error["hint"]) == (ManualIntervention.code, Cancelled.default_hint)


def test_an_error_without_a_hint_gets_one() -> None:
    error = error_from({"status": "FAILED", "error": {"message": "given up"}, "step": "Defuse"})
    assert error == {"message": "given up", "step": "Defuse", "hint": ManualIntervention.default_hint}


def test_a_run_that_was_stopped_is_cancelled() -> None:
    error = error_from({"status": "RUNNING", "step": "Defuse"})
    assert (error["code"], error["message"]) == (Cancelled.code, "An operator stopped the execution.")


@pytest.mark.parametrize(
    ("error_name", "code"), [("TargetExists", "TARGET_EXISTS"), ("PreflightFailed", "INTERNAL_ERROR")]
)
def test_the_error_of_an_execution_is_made_again_where_its_message_is_all_of_it(
    error_name: str, code: str
) -> None:
    error = error_from(
        {"status": "RUNNING"}, replace(ABORTED, status="FAILED", error=error_name, cause="It exists.")
    )
    assert (error["code"], error["message"], error["step"]) == (code, "It exists.", "SnapshotCheck")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (json.dumps({"errorMessage": "Both."}), "Both."),
        ("Both.", "Both."),
        ("", "The phase ended with PreflightFailed."),
    ],
)
def test_a_failure_that_no_step_wrote_down_has_the_code_of_its_error(cause: str, message: str) -> None:
    error = error_of_failure(Operation({"status": "RUNNING"}), "PreflightFailed", cause)
    problem = {"code": PreflightFailed.code, "message": message, "hint": PreflightFailed.default_hint}
    assert plain(error) == {**problem, "step": "SnapshotCheck", "problems": [problem]}


def test_a_failure_of_an_unknown_name_is_an_internal_error() -> None:
    assert error_of_failure(Operation({"status": "RUNNING"}), "Lambda.Unknown", "?").code == RestoreError.code


def test_an_error_that_the_run_has_overcome_is_not_that_of_its_failure() -> None:
    item = {"status": "RUNNING", "error": {"code": "TARGET_EXISTS", "message": "before"}}
    assert error_of_failure(Operation(item), "TargetExists", "?").message == "before"
    assert error_of_failure(Operation(item), "QuotaExceeded", "now").message == "now"


def test_a_failure_after_a_text_that_was_written_by_hand_keeps_the_text() -> None:
    error = error_of_failure(Operation({"status": "FAILED", "error": "given up"}), "OperationNotRunning", "?")
    assert plain(error) == {
        "step": None,
        "code": ManualIntervention.code,
        "message": "given up",
        "hint": RestoreError.default_hint,
    }
