"""A rehearsal: every request with every fault from its proof on, and interruptions on the way there."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Trouble
from tests.simulation.enumeration import (
    FAULTS,
    INTRUSIONS,
    Record,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import REHEARSAL_STEPPED_IN
from tests.support.faults import FaultKind

KIND = "rehearsal"
AFTER_AN_INTERRUPTION = (FaultKind.UNAVAILABLE, FaultKind.DIES_BEFORE, FaultKind.REPLY_LOST)


def test_without_a_fault(record_property: Record) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("trouble", [*FAULTS, *INTRUSIONS], ids=str)
def test_every_request_with(trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(KIND, trouble, record_property)


@pytest.mark.parametrize("name", names(REHEARSAL_STEPPED_IN))
def test_interrupted_without_a_fault(name: str, record_property: Record) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("name", names(REHEARSAL_STEPPED_IN))
@pytest.mark.parametrize("trouble", AFTER_AN_INTERRUPTION, ids=str)
def test_interrupted_with(name: str, trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(name, trouble, record_property)
