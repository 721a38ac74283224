"""The readers of a replaced cluster are scaled: however a run ends, they are scaled afterwards as they were before."""

from __future__ import annotations

import pytest
from tests.simulation.cases import Disturbance
from tests.simulation.checkers import check
from tests.simulation.enumeration import RecordProperty, expect_no_violation, names
from tests.simulation.scenarios import BY_NAME, OPERATION, SCALED, SCALED_INTERRUPTED, begin
from tests.support.faults import FaultKind, RequestInterruption

pytestmark = pytest.mark.file_one_day_in(7, 4)


@pytest.mark.parametrize("name", names(SCALED))
def test_without_a_fault_each_kind_of_run_succeeds_and_says_what_was_lost(name: str) -> None:
    play = begin(BY_NAME[name])
    play.go_on()
    record = play.sim.records.items[OPERATION]
    records = play.sim.records.items.values()
    reported = [words for each in records for words in each.get("warnings") or () if "by-load" in words]
    assert check(play.sim) == []
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert record["scaling"]["state"] == "resumed"
    assert len(reported) == name.endswith("-lost")


@pytest.mark.parametrize("name", names(SCALED_INTERRUPTED))
def test_wherever_it_is_stopped_or_times_out(name: str) -> None:
    play = begin(BY_NAME[name])
    play.go_on()
    assert check(play.sim) == []


# The other disturbances meet the same paths without scaling.
DISTURBANCES = (
    FaultKind.DENIED, FaultKind.UNAVAILABLE, FaultKind.REPLY_LOST, FaultKind.DIES_AFTER,
    RequestInterruption.STOP_MEANWHILE, RequestInterruption.TIME_OUT_BEFORE,
)  # fmt: skip


@pytest.mark.parametrize("name", names(SCALED))
@pytest.mark.parametrize("disturbance", DISTURBANCES, ids=str)
def test_every_request_with(name: str, disturbance: Disturbance, record_property: RecordProperty) -> None:
    expect_no_violation(name, disturbance, record_property)
