"""A cluster that keeps the group of its first start: every request with every fault from that phase on."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.enumeration import (
    FAULTS,
    INTERRUPTIONS,
    RecordProperty,
    expect_no_violation,
    expect_no_violation_without_a_fault,
)

KIND = "kept_group"


def test_without_a_fault(record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("disturbance", [*FAULTS, *INTERRUPTIONS], ids=str)
def test_every_request_with(disturbance: Disturbance, record_property: RecordProperty) -> None:
    expect_no_violation(KIND, disturbance, record_property)
