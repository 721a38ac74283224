"""Runs cancelled at each phase, and every fault, or a hand on the record, at each request from then on."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.enumeration import (
    RecordProperty,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import CANCELLED
from tests.support.faults import FaultKind, RequestInterruption

FAULTS = (
    FaultKind.UNAVAILABLE,
    FaultKind.DENIED,
    FaultKind.DIES_BEFORE,
    FaultKind.REPLY_LOST,
    FaultKind.DIES_AFTER,
    RequestInterruption.MARK_BEFORE,
)


@pytest.mark.parametrize("name", names(CANCELLED))
def test_without_a_fault(name: str, record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("disturbance", FAULTS, ids=str)
@pytest.mark.parametrize("name", names(CANCELLED))
def test_every_request_of_the_cleanup_with(
    name: str, disturbance: Disturbance, record_property: RecordProperty
) -> None:
    expect_no_violation(name, disturbance, record_property)
