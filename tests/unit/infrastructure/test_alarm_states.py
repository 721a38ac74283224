"""The evaluation of alarms that the tests use, held to the two tables of CloudWatch's user guide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.alarm_states import ALARM, OK, UNKNOWN, AlarmRule, changes, state_after

RULE = AlarmRule(
    "alarm", ("Namespace", "Metric", ()), "Sum", 300, 3, 3, 1, "GreaterThanOrEqualToThreshold", "missing"
)
KEPT = "the state of before"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
# Values of five periods, the newest last: 0 is within the threshold, X beyond it, - missing. Then the states.
THREE_OF_THREE = {
    "0-X-X": (OK, OK, OK, OK),
    "0----": (OK, OK, OK, OK),
    "-----": (UNKNOWN, KEPT, ALARM, OK),
    "0XX-X": (ALARM, ALARM, ALARM, ALARM),
    "--X--": (ALARM, KEPT, ALARM, OK),
}
TWO_OF_THREE = {
    "0-X-X": (ALARM, ALARM, ALARM, ALARM),
    "00X0X": (ALARM, ALARM, ALARM, ALARM),
    "0-X--": (OK, OK, ALARM, OK),
    "----0": (OK, OK, ALARM, OK),
    "---X-": (ALARM, KEPT, ALARM, OK),
}
CASES = [
    (to_alarm, values, treatment, state)
    for to_alarm, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for values, states in table.items()
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


@pytest.mark.parametrize(("to_alarm", "values", "treatment", "state"), CASES)
def test_a_missing_value_is_taken_as_the_guide_says(
    to_alarm: int, values: str, treatment: str, state: str
) -> None:
    rule = replace(RULE, to_alarm=to_alarm, missing=treatment)
    window = [{"0": 0.0, "X": 1.0, "-": None}[each] for each in values]

    assert state_after(rule, window, KEPT) == state


def test_an_alarm_does_not_go_off_on_a_single_new_value_where_three_are_needed() -> None:
    assert state_after(RULE, [None, None, None, None, 1.0], OK) == OK


def test_the_values_of_a_period_are_put_together_before_they_are_compared() -> None:
    rule = replace(RULE, periods=1, to_alarm=1, threshold=3, missing="notBreaching")
    points = [(10.0, 1.0), (20.0, 2.0), (310.0, 2.0), (650.0, 2.0)]

    assert changes(rule, points, 0, 1500) == [(300.0, ALARM), (600.0, OK)]
