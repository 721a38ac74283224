"""A cluster replaced by swap: every request with every fault, and an interruption at each."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Trouble
from tests.simulation.enumeration import (
    FAULTS,
    INTRUSIONS,
    Record,
    expect_no_violation,
    expect_no_violation_of_objects,
    expect_no_violation_without_a_fault,
)

KIND = "swap"


def test_without_a_fault(record_property: Record) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("trouble", [*FAULTS, *INTRUSIONS], ids=str)
def test_every_request_with(trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(KIND, trouble, record_property)


def test_objects_that_end_badly(record_property: Record) -> None:
    expect_no_violation_of_objects(KIND, record_property)
