"""Alarms as CloudWatch evaluates them, over data points: pure, and held to the tables of its user guide.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
# How many periods more than it evaluates CloudWatch looks back, in case that some are missing: the guide's examples
# show 5 for 3, and it says that the number depends on the period.
LOOKS_BACK = 2

_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}

MetricKey = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name, dimensions in the order of their names."""
Points = Sequence[tuple[float, float]]
"""Values with their epoch seconds."""


@dataclass(frozen=True)
class AlarmRule:
    """What an alarm evaluates. `to_alarm`: how many of its periods have to be over the threshold."""

    name: str
    metric: MetricKey
    statistic: str
    period: int
    periods: int
    to_alarm: int
    threshold: float
    comparison: str
    missing: str

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> AlarmRule:
        """From the properties of an `AWS::CloudWatch::Alarm`."""
        dimensions = sorted((each["Name"], each["Value"]) for each in properties.get("Dimensions", ()))
        periods = int(properties["EvaluationPeriods"])
        return cls(
            properties["AlarmName"],
            (properties["Namespace"], properties["MetricName"], tuple(dimensions)),
            properties["Statistic"],
            int(properties["Period"]),
            periods,
            int(properties.get("DatapointsToAlarm", periods)),
            float(properties["Threshold"]),
            properties["ComparisonOperator"],
            properties.get("TreatMissingData", "missing"),
        )

    def breaches(self, value: float) -> bool:
        return _BREACHES[self.comparison](value, self.threshold)


def state_after(rule: AlarmRule, window: Sequence[float | None], before: str) -> str:
    """The state that follows from the values of the last periods, the newest last; None where there is no value."""
    real = [value for value in window if value is not None]
    lacking = max(0, rule.periods - len(real))
    bad = sum(map(rule.breaches, real[-rule.periods :]))
    if bad >= rule.to_alarm:
        return ALARM
    if not lacking:
        return OK
    if rule.missing in ("breaching", "notBreaching"):
        filled = lacking if rule.missing == "breaching" else 0
        return ALARM if bad + filled >= rule.to_alarm else OK
    if not real:
        return before if rule.missing == "ignore" else UNKNOWN
    if bad < len(real):
        return OK
    # Only values over the threshold: the oldest has to be as old as there have to be such values.
    age = len(window) - next(number for number, value in enumerate(window) if value is not None)
    return ALARM if rule.missing == "missing" and age >= rule.to_alarm else before


def changes(
    rule: AlarmRule, points: Points, begin: float, end: float, before: str = UNKNOWN
) -> list[tuple[float, str]]:
    """The states that an alarm takes at the ends of its periods, from `begin` to `end`, where they change."""
    by_period: dict[int, list[float]] = defaultdict(list)
    for time, value in points:
        by_period[int(time // rule.period)].append(value)
    statistic = _STATISTICS[rule.statistic]
    values = {number: statistic(found) for number, found in by_period.items()}
    seen: list[tuple[float, str]] = []
    state = before
    width = rule.periods + LOOKS_BACK
    for number in range(int(begin // rule.period), int(end // rule.period)):
        window = [values.get(each) for each in range(number - width + 1, number + 1)]
        new = state_after(rule, window, state)
        if new != state:
            state = new
            seen.append(((number + 1) * rule.period, state))
    return seen
