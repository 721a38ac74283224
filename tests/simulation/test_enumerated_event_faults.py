"""Events of an abnormal end that are lost, doubled or late; the sweep finds what they miss."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.enumeration import (
    RecordProperty,
    expect_no_violation,
    expect_no_violation_without_a_fault,
    names,
)
from tests.simulation.scenarios import EVENT_FAULTS
from tests.support.faults import FaultKind

WITH_FAULTS = (
    "stop-swap-RestoreCluster-event-lost",
    "stop-delete-first-RestoreCluster-event-doubled",
    "stop-refused-RecordFailure-event-lost",
)
FAULTS = (FaultKind.UNAVAILABLE, FaultKind.DENIED, FaultKind.DIES_BEFORE, FaultKind.DIES_AFTER)


@pytest.mark.parametrize("name", names(EVENT_FAULTS))
def test_without_a_fault(name: str, record_property: RecordProperty) -> None:
    expect_no_violation_without_a_fault(name, record_property)


@pytest.mark.parametrize("disturbance", FAULTS, ids=str)
@pytest.mark.parametrize("name", WITH_FAULTS)
def test_every_request_of_sweep_and_cleanup_with(
    name: str, disturbance: Disturbance, record_property: RecordProperty
) -> None:
    expect_no_violation(name, disturbance, record_property)
