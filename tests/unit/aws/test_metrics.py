"""Metrics as lines of a log, in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from aurora_restore.aws.metrics import LogMetrics, embedded
from aurora_restore.domain.measures import Measured
from local_stack.embedded_metrics import metrics_in

TIME = datetime(2026, 11, 27, 3, 0, 0, 250_000, tzinfo=UTC)
MEASURED = Measured(
    TIME,
    "it was measured",
    {"RestoreMinutes": 12.5, "OperationsRunning": 2, "QuotaUsedPercent": 91.0, "HoursSinceLastRestore": 3},
    {"Outcome": "SUCCEEDED"},
    {"target_cluster_id": "staging"},
)


class Lines:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Mapping[str, object]]] = []

    def info(self, message: str, *, fields: Mapping[str, object]) -> None:
        self.lines.append((message, fields))


def test_a_measure_is_one_line_whose_metrics_lie_beside_their_description() -> None:
    log = Lines()
    LogMetrics(log).put(MEASURED)

    ((message, line),) = log.lines
    assert message == "it was measured"
    assert line == {
        "_aws": {
            "Timestamp": 1795748400250,
            "CloudWatchMetrics": [
                {
                    "Namespace": "AuroraRestore",
                    "Dimensions": [["Outcome"]],
                    "Metrics": [
                        {"Name": "RestoreMinutes", "Unit": "None"},
                        {"Name": "OperationsRunning", "Unit": "Count"},
                        {"Name": "QuotaUsedPercent", "Unit": "Percent"},
                        {"Name": "HoursSinceLastRestore", "Unit": "None"},
                    ],
                }
            ],
        },
        "Outcome": "SUCCEEDED",
        "RestoreMinutes": 12.5,
        "OperationsRunning": 2,
        "QuotaUsedPercent": 91.0,
        "HoursSinceLastRestore": 3,
        "target_cluster_id": "staging",
    }


def test_cloudwatch_finds_each_value_with_its_dimensions_and_its_time() -> None:
    found = metrics_in(json.dumps({"level": "INFO", **embedded(MEASURED)}))

    assert {value.name: value.value for value in found} == dict(MEASURED.values)
    assert {value.dimensions for value in found} == {(("Outcome", "SUCCEEDED"),)}
    assert {value.time for value in found} == {1795748400250}


def test_without_dimensions_there_is_one_empty_set_of_them() -> None:
    (value,) = metrics_in(json.dumps(embedded(Measured(TIME, "", {"CopiesInFlight": 5}))))
    assert (value.dimensions, value.value) == ((), 5)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"_aws": {"Timestamp": "now", "CloudWatchMetrics": []}},
        {"_aws": 1},
        {
            "RestoreMinutes": "12",
            "OperationsRunning": True,
            "QuotaUsedPercent": None,
            "HoursSinceLastRestore": {},
        },
        {"Outcome": 7},
        {"Outcome": ""},
    ],
)
def test_a_line_that_is_not_in_order_makes_no_metric(spoiled: dict[str, object]) -> None:
    assert metrics_in(json.dumps({**embedded(MEASURED), **spoiled})) == ()


def test_text_that_is_no_json_makes_no_metric() -> None:
    assert metrics_in('START "_aws"') == ()
    assert metrics_in("{}") == ()
