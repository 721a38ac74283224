"""The states of a record: which may follow which, and what is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_restore.domain.record import Record
from aurora_restore.domain.states import (
    MAY_BECOME,
    OPEN,
    RETIREMENT_MAY_BECOME,
    OperationStatus,
    RetirementState,
    diagram,
)

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
TIME = "2026-11-22T11:00:00.000Z"


def test_every_state_has_its_row_in_the_tables() -> None:
    assert set(MAY_BECOME) == set(OperationStatus)
    assert set(RETIREMENT_MAY_BECOME) == {None, *RetirementState}


def test_a_status_that_is_not_open_is_final() -> None:
    assert {status for status, after in MAY_BECOME.items() if after} == OPEN


def test_every_status_can_be_reached_from_running() -> None:
    reached, new = set(), {OperationStatus.RUNNING}
    while new:
        reached |= new
        new = {after for status in new for after in MAY_BECOME[status]} - reached
    assert reached == set(OperationStatus)


@pytest.mark.parametrize(
    ("table", "begins"), [(MAY_BECOME, OperationStatus.RUNNING), (RETIREMENT_MAY_BECOME, None)]
)
def test_the_diagrams_of_the_documents_are_made_from_the_tables(table: object, begins: object) -> None:
    assert f"```mermaid\n{diagram(table, begins)}\n```" in ARCHITECTURE.read_text()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "closed", "by_hand"),
    [
        ({"status": "RUNNING"}, False, False),
        ({"status": "CLEANING_UP"}, False, False),
        ({"status": "FAILED"}, False, True),
        ({"status": "FAILED", "end_time": TIME}, True, False),
        ({"status": "whatever an operator wrote"}, False, True),
        ({"status": "RUNNING", "end_time": TIME}, True, False),
    ],
)
def test_a_record_is_closed_by_its_end_time_and_marked_by_hand_without_one(
    record: dict[str, str], closed: bool, by_hand: bool
) -> None:
    assert Record.read(record).is_closed is closed
    assert Record.read(record).is_marked_by_hand is by_hand
