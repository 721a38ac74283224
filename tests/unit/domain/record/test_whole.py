"""What is asked of a record as a whole, which may be edited by hand or of an earlier version."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_restore.domain.record import AuditHead, Record, RehearsalState
from aurora_restore.domain.states import RehearsalVerdict

TIME = "2026-11-22T12:00:00.000Z"


def test_records_are_sorted_by_their_start_as_it_is_written() -> None:
    assert Record.read({"start_time": TIME}).start_text == TIME
    assert Record.read({"start_time": "about noon"}).start_text == "about noon"
    assert Record.read({}).start_text == ""


def test_an_outline_shows_what_is_written_also_where_it_cannot_be_read() -> None:
    record = Record.read({"status": "FAILED", "start_time": "about noon", "step": "Notify"})
    assert record.outline == {"status": "FAILED", "start_time": "about noon", "end_time": None}


@pytest.mark.parametrize("time", [TIME, "about noon"])
def test_a_record_is_left_behind_although_the_time_cannot_be_read(time: str) -> None:
    assert Record.read({"left_behind_time": time}).is_left_behind
    assert not Record.read({"left_behind_time": None}).is_left_behind


@pytest.mark.parametrize(
    ("error", "is_there"),
    [({"code": "FAILED"}, True), ("given up", True), ({}, False), ("", False), (None, False)],
)
def test_a_record_has_an_error_also_where_it_is_a_plain_text(error: Any, is_there: bool) -> None:
    assert Record.read({"error": error}).has_error is is_there


def test_a_record_is_unchanged_where_its_last_change_and_the_end_of_its_chain_are_the_same() -> None:
    head = {"count": 2, "hash": "abc", "unknown": 1}
    item = {"status": "FAILED", "last_updated_time": TIME, "audit_head": head, "step": "Notify"}
    assert Record.read(item).unchanged() == {
        "status": "FAILED",
        "last_updated_time": TIME,
        "audit_head": head,
    }


def test_the_chain_of_a_record_of_an_earlier_version_is_not_asked_for() -> None:
    assert Record.read({"status": "FAILED"}).unchanged() == {"status": "FAILED", "last_updated_time": None}


def test_a_chain_ends_at_the_hash_as_it_is_written() -> None:
    assert AuditHead.read({"hash": "abc"}).ends_here() == {"audit_head.hash": "abc"}
    assert AuditHead.read({"hash": ["edited"]}).ends_here() == {"audit_head.hash": ["edited"]}
    assert AuditHead.read({}).ends_here() == {"audit_head.hash": None}


def test_the_outcome_of_a_rehearsal_leaves_out_its_objectives() -> None:
    state = RehearsalState(verdict=RehearsalVerdict.PASSED, rto_minutes=30, rto_seconds=12.5)
    assert state.outcome == {"verdict": "PASSED", "missed": [], "rto_seconds": 12.5}
