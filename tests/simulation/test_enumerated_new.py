"""A restore under a new name: every request with every fault, and an interruption at each."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.enumeration import (
    FAULTS,
    INTERRUPTIONS,
    RecordProperty,
    expect_no_violation,
    expect_no_violation_of_objects,
    expect_no_violation_without_a_fault,
)

KIND = "new"


def test_without_a_fault(record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("disturbance", [*FAULTS, *INTERRUPTIONS], ids=str)
def test_every_request_with(disturbance: Disturbance, record_property: RecordProperty) -> None:
    expect_no_violation(KIND, disturbance, record_property)


def test_objects_that_end_badly(record_property: RecordProperty) -> None:
    expect_no_violation_of_objects(KIND, record_property)
