"""Auto scaling of readers: what makes it as it was before, and what people read about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aurora_restore.domain.acts import RegisterScaling, SuspendScaling
from aurora_restore.domain.record import ScalingOfRun, changed
from aurora_restore.domain.scaling import (
    EVERYTHING,
    ScalableTarget,
    ScalingBefore,
    Suspension,
    decide_resumption,
    left_warning,
    lost_warning,
    scaling_note,
)

TARGET = ScalableTarget("restored", 1, 5)
SCHEDULE_RESTS = Suspension(scheduled=True)
BEFORE = ScalingBefore(TARGET, ("by-load", "by-connections"))


@pytest.mark.parametrize("was", [Suspension(), SCHEDULE_RESTS, EVERYTHING])
def test_what_was_suspended_before_is_suspended_afterwards_and_nothing_else(was: Suspension) -> None:
    before = ScalingBefore(replace(TARGET, suspension=was))
    as_it_was = replace(TARGET, suspension=was)
    assert decide_resumption(before, as_it_was, ScalingOfRun) is None
    for other in {Suspension(), SCHEDULE_RESTS, EVERYTHING} - {was}:
        act = decide_resumption(before, replace(TARGET, suspension=other), ScalingOfRun)
        assert isinstance(act, SuspendScaling)
        assert act.suspension == was


def test_a_target_that_is_gone_is_registered_again() -> None:
    act = decide_resumption(BEFORE, None, ScalingOfRun)
    assert isinstance(act, RegisterScaling)
    assert act.target == TARGET
    assert act.also == changed(ScalingOfRun, registered_again=True)


def test_capacities_that_a_person_changed_meanwhile_are_left() -> None:
    other = replace(TARGET, min_capacity=2, max_capacity=9)
    assert decide_resumption(BEFORE, other, ScalingOfRun) is None


def test_the_record_keeps_all_of_it() -> None:
    before = ScalingBefore(replace(TARGET, suspension=SCHEDULE_RESTS), ("by-load",))
    assert ScalingBefore.from_item(before.to_item()) == before


def test_only_a_target_of_which_all_rests_is_suspended_completely() -> None:
    assert EVERYTHING.is_complete
    for part in ("scale_in", "scale_out", "scheduled"):
        assert not replace(EVERYTHING, **{part: False}).is_complete


def test_the_plan_names_range_and_policies_and_what_stays_suspended() -> None:
    assert "1 to 5 readers, by by-load, by-connections" in scaling_note(BEFORE)
    suspended = ScalingBefore(replace(TARGET, suspension=EVERYTHING))
    assert "stays suspended" in scaling_note(suspended)
    assert "stays suspended" not in scaling_note(BEFORE)


def test_warnings_name_what_a_person_has_to_make_up_for() -> None:
    assert {"by-load", "by-connections"} <= set(
        lost_warning(BEFORE).replace("(", " ").replace(")", " ").replace(",", " ").split()
    )
    words = left_warning(ScalingBefore(replace(TARGET, suspension=SCHEDULE_RESTS)), "AWS said no")
    assert "--resource-id cluster:restored --min-capacity 1 --max-capacity 5" in words
    assert "ScheduledScalingSuspended=true" in words
    assert "DynamicScalingOutSuspended=false" in words
