"""Metrics by the embedded metric format: CloudWatch makes them of lines in a log.

A function needs no permission for it beyond that to write its log, and no request is made.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from aurora_restore.domain.naming import METRIC_NAMESPACE

if TYPE_CHECKING:
    from aurora_restore.domain.measures import Measured

# CloudWatch has no unit for minutes and hours: "None" is its word for a number without one (MetricDatum).
_UNITS = {"Minutes": "None", "Hours": "None", "Percent": "Percent"}


class Log(Protocol):
    """The log of a function, as far as it is used."""

    def info(self, message: str, *, fields: Mapping[str, object]) -> None: ...


class LogMetrics:
    """Implements the port `Metrics`: each is a line like all others, with the fields that its function adds."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def put(self, measured: Measured) -> None:
        self._log.info(measured.message, fields=embedded(measured))


def embedded(measured: Measured) -> dict[str, Any]:
    """The members of a line which make metrics of it: what is named in `_aws` lies beside it, not nested."""
    # `HoursSinceLastRestore` begins with its unit, as the sentence does.
    units = {
        name: next(
            (unit for word, unit in _UNITS.items() if name.endswith(word) or name.startswith(word)), "Count"
        )
        for name in measured.values
    }
    directive = {
        "Namespace": METRIC_NAMESPACE,
        # One set of dimensions: another set would be another metric of each value.
        "Dimensions": [list(measured.dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    milliseconds = int(measured.time.timestamp() * 1000)
    return {
        "_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]},
        **measured.dimensions,
        **measured.values,
        **measured.facts,
    }
