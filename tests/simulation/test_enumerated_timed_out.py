"""Runs whose time is over in each phase, and faults at each request from then on."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Trouble
from tests.simulation.enumeration import (
    Record,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import TIMED_OUT
from tests.support.faults import FaultKind

FAULTS = (FaultKind.DIES_BEFORE, FaultKind.REPLY_LOST)


@pytest.mark.parametrize("name", names(TIMED_OUT))
def test_without_a_fault(name: str, record_property: Record) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("trouble", FAULTS, ids=str)
@pytest.mark.parametrize("name", names(TIMED_OUT))
def test_every_request_of_the_cleanup_with(name: str, trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(name, trouble, record_property)
