"""What functions log, and what Lambda reports of them, read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from aurora_restore.domain.log_entries import LogEntry, entries_of_operation, read_log_entry

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def own(operation_id: str, seconds: float = 0, request_id: str = "r-1", level: str = "WARNING") -> LogEntry:
    line = {
        "level": level,
        "message": "RDS throttles",
        "operation_id": operation_id,
        "function_request_id": request_id,
        "error_code": "AWS_THROTTLED",
    }
    return read_log_entry(NOW + timedelta(seconds=seconds), "copy-snapshot", json.dumps(line))


def report(status: str, seconds: float = 0, request_id: str = "r-1") -> LogEntry:
    line = {
        "type": "platform.report",
        "record": {"requestId": request_id, "status": status, "metrics": {"a": 1}},
    }
    return read_log_entry(NOW + timedelta(seconds=seconds), "copy-snapshot", json.dumps(line))


def test_an_entry_of_ours_has_its_level_its_operation_and_what_else_was_logged() -> None:
    entry = own("restore-1")
    assert (entry.level, entry.message, entry.operation_id) == ("WARNING", "RDS throttles", "restore-1")
    assert entry.is_problem
    assert entry.to_item()["error_code"] == "AWS_THROTTLED"


def test_what_says_that_a_line_has_metrics_is_not_shown_and_the_values_are() -> None:
    line = {"level": "INFO", "message": "measured", "_aws": {"Timestamp": 1}, "RtoMinutes": 12.5}
    entry = read_log_entry(NOW, "notify", json.dumps(line))
    assert entry.fields == {"RtoMinutes": 12.5}


def test_a_line_that_is_not_json_is_kept_whole() -> None:
    entry = read_log_entry(NOW, "f", "2026 r-1 Task timed out after 150.00 seconds\n")
    assert entry.message == "2026 r-1 Task timed out after 150.00 seconds"
    assert read_log_entry(NOW, "f", "[1]").message == "[1]"


def test_entries_of_another_operation_are_left_out_although_its_id_begins_alike() -> None:
    found = entries_of_operation([own("restore-10"), own("restore-1")], [], "restore-1")
    assert [entry.operation_id for entry in found] == ["restore-1"]


def test_a_report_of_lambda_is_shown_where_it_tells_of_a_problem_of_the_same_invocation() -> None:
    entries = [own("restore-1", 2), own("restore-1", 1)]
    reports = [report("timeout", 3), report("success", 4), report("error", 5, request_id="r-other")]
    found = entries_of_operation(entries, reports, "restore-1")
    assert [(entry.time - NOW).total_seconds() for entry in found] == [1, 2, 3]
    assert found[-1].level == "ERROR"
    assert "timeout" in found[-1].message


def test_a_report_is_left_out_where_the_function_has_logged_the_problem_itself() -> None:
    logged = entries_of_operation([own("restore-1")], [report("error", 1)], "restore-1")
    assert [entry.message for entry in logged] == ["RDS throttles"]


def test_a_report_of_a_function_that_could_log_nothing_of_its_end_is_shown() -> None:
    found = entries_of_operation([own("restore-1", level="INFO")], [report("error", 1)], "restore-1")
    assert [entry.level for entry in found] == ["INFO", "ERROR"]


def test_a_report_without_its_record_is_not_a_problem_of_ours() -> None:
    entry = read_log_entry(NOW, "f", '{"type": "platform.report", "record": null}')
    assert not entry.is_problem
