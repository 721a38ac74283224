"""Runs cancelled at each phase, and every fault, or a hand on the record, at each request from then on."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Trouble
from tests.simulation.enumeration import (
    Record,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import CANCELLED
from tests.support.faults import FaultKind, Intrusion

FAULTS = (
    FaultKind.UNAVAILABLE,
    FaultKind.DENIED,
    FaultKind.DIES_BEFORE,
    FaultKind.REPLY_LOST,
    FaultKind.DIES_AFTER,
    Intrusion.MARK_BEFORE,
)


@pytest.mark.parametrize("name", names(CANCELLED))
def test_without_a_fault(name: str, record_property: Record) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("trouble", FAULTS, ids=str)
@pytest.mark.parametrize("name", names(CANCELLED))
def test_every_request_of_the_cleanup_with(name: str, trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(name, trouble, record_property)
