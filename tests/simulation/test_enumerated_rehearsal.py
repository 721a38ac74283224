"""A rehearsal: every request with every fault from its proof on, and interruptions on the way there."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.enumeration import (
    FAULTS,
    INTERRUPTIONS,
    RecordProperty,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import REHEARSAL_INTERRUPTED
from tests.support.faults import FaultKind

KIND = "rehearsal"
AFTER_AN_INTERRUPTION = (FaultKind.UNAVAILABLE, FaultKind.DIES_BEFORE, FaultKind.REPLY_LOST)


def test_without_a_fault(record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("disturbance", [*FAULTS, *INTERRUPTIONS], ids=str)
def test_every_request_with(disturbance: Disturbance, record_property: RecordProperty) -> None:
    expect_no_violation(KIND, disturbance, record_property)


@pytest.mark.parametrize("name", names(REHEARSAL_INTERRUPTED))
def test_interrupted_without_a_fault(name: str, record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("name", names(REHEARSAL_INTERRUPTED))
@pytest.mark.parametrize("disturbance", AFTER_AN_INTERRUPTION, ids=str)
def test_interrupted_with(name: str, disturbance: Disturbance, record_property: RecordProperty) -> None:
    expect_no_violation(name, disturbance, record_property)
