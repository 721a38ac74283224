"""Aurora MySQL, where the code goes by the engine: a first start, what of the copy acts, the group at the end.

All else is the same code for every engine, and is tried with Aurora PostgreSQL.
"""

from __future__ import annotations

import pytest
from tests.simulation.enumeration import (
    FAULTS,
    RecordProperty,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import ON_MYSQL
from tests.support.faults import FaultKind


@pytest.mark.parametrize("name", names(ON_MYSQL))
def test_without_a_fault(name: str, record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.one_day_in(3)
@pytest.mark.parametrize("name", names(ON_MYSQL))
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_every_request_with(fault: FaultKind, name: str, record_property: RecordProperty) -> None:
    expect_no_violation(name, fault, record_property)
