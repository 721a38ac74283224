"""Metrics in lines of a log, in the embedded metric format, as CloudWatch Logs finds them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_METRICS = 100
MAX_VALUES = 100
MAX_DIMENSIONS = 30
MAX_DIMENSION_CHARACTERS = 1024


@dataclass(frozen=True)
class MetricValue:
    """One value of a metric. `dimensions` in the order of their names; `time` in epoch milliseconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    time: int
    value: float
    unit: str


def metrics_in(line: str) -> tuple[MetricValue, ...]:
    """The values in a line; none where it is not in the format, or where a member that is named is not as it must be.

    AWS says nothing to the writer of a line that is not in order: it makes no metric of it.
    """
    if '"_aws"' not in line:
        return ()
    try:
        root = json.loads(line)
    except ValueError:
        return ()
    metadata = root.get("_aws") if isinstance(root, Mapping) else None
    if not isinstance(metadata, Mapping) or type(metadata.get("Timestamp")) is not int:
        return ()
    directives = metadata.get("CloudWatchMetrics")
    if not isinstance(directives, list) or not all(isinstance(each, Mapping) for each in directives):
        return ()
    return tuple(value for each in directives for value in _of_directive(root, each, metadata["Timestamp"]))


def _of_directive(root: Mapping[str, Any], directive: Mapping[str, Any], time: int) -> Iterator[MetricValue]:
    namespace, sets, metrics = (directive.get(name) for name in ("Namespace", "Dimensions", "Metrics"))
    if not (namespace and isinstance(sets, list) and isinstance(metrics, list)) or len(metrics) > MAX_METRICS:
        return
    for names in sets:
        dimensions = _dimensions(root, names)
        if dimensions is None:
            continue
        for metric in metrics:
            name = metric.get("Name", "")
            for value in _values(root.get(name)):
                unit = str(metric.get("Unit", "None"))
                yield MetricValue(str(namespace), name, dimensions, time, float(value), unit)


def _dimensions(root: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[str, str], ...] | None:
    """None where one is missing, or is not a text."""
    found = {name: root.get(name) for name in names}
    is_valid = len(found) <= MAX_DIMENSIONS and all(
        isinstance(value, str) and 0 < len(value) <= MAX_DIMENSION_CHARACTERS for value in found.values()
    )
    return tuple(sorted((name, str(value)) for name, value in found.items())) if is_valid else None


def _values(target: object) -> Sequence[float]:
    values: list[Any] = target if isinstance(target, list) else [target]
    is_valid = len(values) <= MAX_VALUES and all(type(each) in (int, float) for each in values)
    return values if is_valid else ()
