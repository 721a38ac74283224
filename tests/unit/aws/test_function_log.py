"""What a deployed function writes into its log: lines of JSON with the fields that operators search by."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aurora_restore.aws.function_log import FunctionLog, trace_id_of
from aurora_restore.aws.metrics import embedded
from aurora_restore.domain.measures import Measured
from aurora_restore.domain.observed import Credentials
from local_stack.embedded_metrics import metrics_in

FIELDS = {"function_name": "notify", "operation_id": "restore-1", "function_request_id": "request-1"}


class Written:
    """A function's log, and what it wrote."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.log = FunctionLog()
        self.log.handler.setStream(self._text)

    @property
    def lines(self) -> list[str]:
        return self._text.getvalue().splitlines()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def written() -> Iterator[Written]:
    loggers = [logging.getLogger(), logging.getLogger("aurora-restore")]
    before = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield Written()
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_line_is_one_json_object_with_the_fields_of_its_invocation(written: Written) -> None:
    written.log.begin_invocation(FIELDS)
    written.log.info("the cluster is available\nand serves", fields={"status": "done"})

    (entry,) = written.entries
    time = datetime.fromisoformat(entry.pop("timestamp"))
    assert timedelta(0) <= datetime.now(UTC) - time < timedelta(minutes=1)
    assert entry == {
        "level": "INFO",
        "message": "the cluster is available\nand serves",
        "service": "aurora-restore",
        "status": "done",
        **FIELDS,
    }


def test_the_next_invocation_has_no_field_of_the_one_before(written: Written) -> None:
    written.log.begin_invocation({**FIELDS, "phase": "SnapshotCheck"})
    written.log.begin_invocation({**FIELDS, "operation_id": "restore-2"})
    written.log.info("recorded")

    (entry,) = written.entries
    assert entry["operation_id"] == "restore-2"
    assert "phase" not in entry


@pytest.mark.parametrize("level", ["warning", "error"])
def test_the_level_by_which_operators_search_is_that_of_the_line(written: Written, level: str) -> None:
    getattr(written.log, level)("the key is not accessible", fields={"error_code": "KMS_KEY_NOT_ACCESSIBLE"})

    (entry,) = written.entries
    assert (entry["level"], entry["error_code"]) == (level.upper(), "KMS_KEY_NOT_ACCESSIBLE")


def test_an_unexpected_error_comes_with_its_stack_trace(written: Written) -> None:
    try:
        json.loads("no JSON")
    except ValueError as error:
        written.log.unexpected("The function ended with an unexpected error.", error)

    (entry,) = written.entries
    assert (entry["level"], entry["exception_name"]) == ("ERROR", "JSONDecodeError")
    assert "JSONDecodeError: Expecting value" in entry["exception"]
    assert __file__ in entry["exception"]


def test_cloudwatch_finds_the_metrics_of_a_line(written: Written) -> None:
    time = datetime(2026, 11, 28, 3, tzinfo=UTC)
    written.log.info("measured", fields=embedded(Measured(time, "measured", {"RestoreMinutes": 12.5})))

    (line,) = written.lines
    assert [(value.name, value.value) for value in metrics_in(line)] == [("RestoreMinutes", 12.5)]


def test_text_beyond_ascii_stays_readable_and_what_json_does_not_know_is_text(written: Written) -> None:
    written.log.info("Übergabe", fields={"deleted": ("größte",), "at": datetime(2026, 11, 28, tzinfo=UTC)})

    (line,) = written.lines
    assert "Übergabe" in line
    assert "größte" in line
    assert written.entries[0]["at"] == "2026-11-28 00:00:00+00:00"


def test_what_a_dataclass_marks_as_not_to_be_shown_is_not_written(written: Written) -> None:
    written.log.info("logged in", fields={"user": Credentials("ann", "a-secret-password")})

    (line,) = written.lines
    assert "ann" in line
    assert "a-secret-password" not in line


def test_a_field_without_a_value_is_left_out_and_none_takes_the_place_of_the_message(
    written: Written,
) -> None:
    written.log.begin_invocation({"xray_trace_id": None})
    written.log.info("measured", fields={"oldest_lock": None, "OperationsRunning": 0, "message": "another"})

    (entry,) = written.entries
    assert (entry["message"], entry["OperationsRunning"]) == ("measured", 0)
    assert not {"oldest_lock", "xray_trace_id"} & entry.keys()


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        ("Root=1-620ca1d6-0a1b2c3d4e5f;Parent=53995c3f42cd8ad8;Sampled=1", "1-620ca1d6-0a1b2c3d4e5f"),
        ("Self=1-1;Root=1-620ca1d6-0a1b2c3d4e5f", "1-620ca1d6-0a1b2c3d4e5f"),
        ("Sampled=0", None),
        ("", None),
    ],
)
def test_the_trace_id_is_that_of_the_root(header: str, trace_id: str | None) -> None:
    assert trace_id_of(header) == trace_id


def test_warnings_of_libraries_have_the_same_fields_and_lower_levels_are_not_written(
    written: Written,
) -> None:
    written.log.take_over_libraries()
    written.log.begin_invocation(FIELDS)
    logging.getLogger("botocore.retries").warning("attempt %d failed", 3)
    logging.getLogger("botocore.retries").info("attempt %d", 1)

    (entry,) = written.entries
    assert (entry["level"], entry["message"]) == ("WARNING", "attempt 3 failed")
    assert entry.items() >= FIELDS.items()


def test_times_of_lines_are_of_one_length_so_that_they_sort_as_text(written: Written) -> None:
    record = logging.makeLogRecord({"msg": "at a whole second", "created": 1_795_748_400.0})
    written.log.handler.handle(record)

    assert written.entries[0]["timestamp"] == "2026-11-27T03:00:00.000+00:00"
