"""The checker of the states: it sees a change that the tables do not allow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.records import Move
from tests.simulation.checkers import check
from tests.simulation.scenarios import BY_NAME, OPERATION, begin

STATUS = ("status",)
STATE = ("retirement", "state")


@pytest.mark.parametrize(
    "move",
    [
        Move(OPERATION, STATUS, "SUCCEEDED", "RUNNING", is_from_hand=False),
        Move(OPERATION, STATUS, "RUNNING", "CANCELLED", is_from_hand=False),
        Move(OPERATION, STATUS, "FAILED", "SUCCEEDED", is_from_hand=False),
        Move(OPERATION, STATE, "RETIRED", "KEPT", is_from_hand=False),
    ],
)
def test_a_change_that_the_tables_do_not_allow_is_seen(move: Move) -> None:
    play = begin(BY_NAME["dry-run"])
    play.go_on()
    assert check(play.sim) == []
    play.sim.records.moves.append(move)
    (violation,) = check(play.sim)
    assert f"{move.before} and became {move.after}" in violation.what


def test_what_an_operator_wrote_may_be_followed_by_any_ending() -> None:
    play = begin(BY_NAME["dry-run"])
    play.go_on()
    by_hand = Move(OPERATION, STATUS, "FAILED", "SUCCEEDED", is_from_hand=True)
    play.sim.records.moves += [by_hand, replace(by_hand, after="CANCELLED")]
    assert check(play.sim) == []
