"""A dry run, which only plans: every request with every fault, and an interruption at each."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Trouble
from tests.simulation.enumeration import (
    FAULTS,
    INTRUSIONS,
    Record,
    expect_no_violation,
    expect_no_violation_without_a_fault,
)

KIND = "dry-run"


def test_without_a_fault(record_property: Record) -> None:
    expect_no_violation_without_a_fault(KIND, record_property)


@pytest.mark.parametrize("trouble", [*FAULTS, *INTRUSIONS], ids=str)
def test_every_request_with(trouble: Trouble, record_property: Record) -> None:
    expect_no_violation(KIND, trouble, record_property)
