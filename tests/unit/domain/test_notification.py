"""The message at the end of a run, as a person reads it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aurora_restore.domain.notification import failure_message, success_message
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import ErrorState

RECORDS = Path(__file__).parents[2] / "data" / "records" / "2026-11-27"
RECORD = RECORDS / "running-ArchiveSnapshot.json"
KEPT = RECORDS / "kept.json"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def test_the_values_of_a_replacement_are_aligned() -> None:
    (item,) = json.loads(RECORD.read_text())["records"]
    message = success_message(Operation(item), NOW)

    facts = [
        found for line in message.text.splitlines() if (found := re.match(r"([A-Z][a-z ]+): {2,}", line))
    ]
    assert {"No name", "Clients", "Replaced"} <= {found[1] for found in facts}
    assert {found.end() for found in facts} == {12}


def changed_record(path: Path, **restore_details: Any) -> Operation:
    (item,) = json.loads(path.read_text())["records"]
    return Operation(item | {"restore_details": item["restore_details"] | restore_details})


@pytest.mark.parametrize(
    ("logins", "words"),
    [
        (
            ["shop_app"],
            "Note: 1 other login came along with the snapshot and keeps its production password: shop_app. A restore "
            "with `lock_other_logins: true` disables it.",
        ),
        (
            ["shop_app", "report"],
            "Note: 2 other logins came along with the snapshot and keep their production passwords: shop_app, report. "
            "A restore with `lock_other_logins: true` disables them.",
        ),
    ],
)
def test_logins_are_counted_in_the_singular_and_in_the_plural(logins: list[str], words: str) -> None:
    operation = changed_record(RECORD, other_logins=logins, locked_logins=[])
    assert words in success_message(operation, NOW).text.splitlines()
    locked = changed_record(RECORD, other_logins=logins, locked_logins=logins)
    verb = "was" if len(logins) == 1 else "were"
    assert (
        f"came along with the snapshot {verb} disabled: {', '.join(logins)}."
        in success_message(locked, NOW).text
    )


def test_times_in_sentences_are_whole_minutes_of_a_named_time_zone() -> None:
    text = success_message(changed_record(KEPT), NOW).text
    assert "restored from production as it was on 2023-06-15 03:10 UTC." in text
    assert re.search(r"the old cluster is kept as \S+ until 2026-11-2\d \d\d:\d\d UTC; to go back: ", text)
    assert not re.search(r"\d\d\.\d\d\dZ", text)


def test_a_time_that_was_edited_is_sent_as_the_record_has_it() -> None:
    (item,) = json.loads(RECORD.read_text())["records"]
    source = item["plan"]["source"] | {"snapshot_create_time": "in the night"}
    edited = Operation(item | {"plan": item["plan"] | {"source": source}})
    assert "restored from production as it was on in the night." in success_message(edited, NOW).text


def test_each_of_several_problems_is_named_once() -> None:
    first = {"code": "INVALID_DATE", "message": "The day is not a day.", "hint": "Write YYYY-MM-DD."}
    second = {"code": "INVALID_REQUEST", "message": "The count is not a number.", "hint": "Write a number."}
    whole = "2 problems: INVALID_DATE: The day is not a day.; INVALID_REQUEST: The count is not a number."
    error = {"code": "PREFLIGHT_FAILED", "message": whole, "hint": "Correct it.", "step": "SnapshotCheck"}
    message = failure_message(
        Operation({"operation_id": "restore-x"}), ErrorState.read(error | {"problems": [first, second]}), NOW
    )
    lines = message.text.splitlines()
    assert "Error:      PREFLIGHT_FAILED: 2 problems" in lines
    assert (
        message.text.count("The day is not a day.") == message.text.count("The count is not a number.") == 1
    )
    assert any(line.startswith("What to do next: follow the hints, ") for line in lines)
    assert message.facts["error"]["message"] == whole
