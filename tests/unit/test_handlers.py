"""The entry points of the functions: what they log about a call, whatever becomes of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aurora_restore import handlers
from aurora_restore.domain.errors import RestoreError, SnapshotNotFound, TransientError

CONTEXT: Any = SimpleNamespace(function_name="aurora-restore-notify", aws_request_id="request-1")
EVENT = {"operation_id": "restore-1"}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    text = io.StringIO()
    before = handlers.log.handler.setStream(text)
    yield text
    handlers.log.handler.setStream(cast("Any", before))
    handlers.log.begin_invocation({})


def call(outcome: Any, event: dict[str, Any]) -> Any:
    """Call a function whose work returns this, or raises it."""

    def work(*_: object) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return handlers.entry_point(work, lambda: cast("Any", None), lambda: 0.0)(event, CONTEXT)


def entries(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_every_line_names_function_operation_request_and_trace(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-620ca1d6-0a1b;Parent=5399;Sampled=1")
    assert call({"message": "it is sent", "status": "DONE"}, EVENT)["status"] == "DONE"

    first, last = entries(written)
    for entry in (first, last):
        assert entry["function_name"] == "aurora-restore-notify"
        assert entry["operation_id"] == "restore-1"
        assert entry["function_request_id"] == "request-1"
        assert entry["xray_trace_id"] == "1-620ca1d6-0a1b"
    assert (first["message"], first["status"]) == ("it is sent", "DONE")
    assert last["message"] == "Operation completed in 0.000 seconds"


def test_a_call_that_is_about_no_single_operation_has_the_field_all_the_same(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    call({"started": []}, {})

    assert [entry["operation_id"] for entry in entries(written)] == ["none", "none"]
    assert all("xray_trace_id" not in entry for entry in entries(written))


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (TransientError("RDS did not answer"), "WARNING"),
        (SnapshotNotFound("there is no snapshot of the day"), "ERROR"),
    ],
)
def test_an_error_of_ours_is_logged_with_its_code_and_hint_and_reaches_step_functions(
    written: io.StringIO, error: RestoreError, level: str
) -> None:
    with pytest.raises(type(error)):
        call(error, EVENT)

    first, last = entries(written)
    assert (first["level"], first["error_code"], first["hint"]) == (level, error.code, error.hint)
    assert "exception" not in first
    assert last["message"].startswith("Operation completed")


def test_an_unexpected_error_is_logged_with_its_stack_trace_and_reaches_step_functions(
    written: io.StringIO,
) -> None:
    with pytest.raises(ZeroDivisionError):
        call(ZeroDivisionError("a fault of ours"), EVENT)

    first, _ = entries(written)
    assert (first["level"], first["exception_name"]) == ("ERROR", "ZeroDivisionError")
    assert "a fault of ours" in first["exception"]
