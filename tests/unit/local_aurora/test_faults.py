"""Faults on demand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ReadTimeoutError

from local_aurora.faults import Effect, FaultRule

from .conftest import DURATIONS, Place

Refused = Callable[..., str]


def test_the_nth_matching_call_is_refused_and_changes_nothing(place: Place, refused: Refused) -> None:
    rule = FaultRule(
        "second", Effect.ERROR, action="CopyDBClusterSnapshot", nth=2, code="InternalFailure", message="x"
    )
    place.aurora.faults.add(rule)
    place.copy("copy-1")
    assert refused(place.copy, name="copy-2") == "InternalFailure: x"
    assert refused(place.snapshot_status, name="copy-2").startswith("DBClusterSnapshotNotFoundFault")
    place.copy("copy-2")


def test_throttling_lasts_as_often_as_it_is_reported(place: Place, refused: Refused) -> None:
    place.aurora.faults.add(
        FaultRule("busy", Effect.THROTTLE, action="Describe*", region="us-west-2", times=2)
    )
    for _ in range(2):
        assert refused(place.here.describe_db_clusters) == "Throttling: Rate exceeded"
    place.here.describe_db_clusters()
    place.there.describe_db_clusters()


def test_a_call_whose_reply_is_lost_has_acted(place: Place) -> None:
    place.aurora.faults.add(FaultRule("lost", Effect.REPLY_LOST, identifier="copy-1"))
    with pytest.raises(ReadTimeoutError):
        place.copy("copy-1")
    assert place.snapshot_status("copy-1") == "copying"


def test_a_call_can_act_and_still_answer_with_an_error(place: Place, refused: Refused) -> None:
    place.aurora.faults.add(FaultRule("late", Effect.ERROR_AFTER, action="Copy*", code="ServiceUnavailable"))
    assert refused(place.copy, name="copy-1").startswith("ServiceUnavailable")
    assert place.snapshot_status("copy-1") == "copying"


def test_what_is_held_goes_on_until_it_is_released(place: Place) -> None:
    place.aurora.faults.add(FaultRule("slow", Effect.HOLD, action="CopyDBClusterSnapshot"))
    place.copy("copy-1")
    place.clock.advance(10 * DURATIONS.copy)
    assert place.snapshot_status("copy-1") == "copying"
    assert place.aurora.release("slow") == 1
    assert place.snapshot_status("copy-1") == "available"


def test_every_call_is_held_until_the_release_and_none_after_it(place: Place) -> None:
    place.aurora.faults.add(FaultRule("slow", Effect.HOLD, action="CopyDBClusterSnapshot", times=0))
    place.copy("copy-1")
    place.copy("copy-2")
    place.clock.advance(10 * DURATIONS.copy)
    assert [place.snapshot_status(name) for name in ("copy-1", "copy-2")] == ["copying", "copying"]
    assert place.aurora.release("slow") == 2
    place.copy("copy-3")
    place.clock.advance(10 * DURATIONS.copy)
    assert place.snapshot_status("copy-3") == "available"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("CopyDBClusterSnapshot", "failed"),
        ("RestoreDBClusterFromSnapshot", "migration-failed"),
        ("CreateDBInstance", "incompatible-network"),
    ],
)
def test_an_object_can_be_made_to_end_badly_and_says_so_in_an_event(
    place: Place, action: str, status: str
) -> None:
    place.aurora.faults.add(FaultRule("doomed", Effect.END_AS, action=action, status=status))
    if action == "CopyDBClusterSnapshot":
        place.copy("copy-1")
        place.clock.advance(DURATIONS.copy)
        assert place.snapshot_status("copy-1") == status
    else:
        place.restored("staging")
        ended = place.cluster_status("staging"), place.instance_status("staging-1")
        expected = (status, "incompatible-restore") if action.startswith("Restore") else ("available", status)
        assert ended == expected
    failures = place.here.describe_events(EventCategories=["failure"])["Events"]
    assert status in failures[0]["Message"]


def test_a_rule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a status"):
        FaultRule("x", Effect.END_AS)
    with pytest.raises(ValueError, match="unknown fields: colour"):
        FaultRule.from_json({"name": "x", "effect": "error", "colour": "red"})
    with pytest.raises(ValueError, match="explode"):
        FaultRule.from_json({"name": "x", "effect": "explode"})
