"""Metrics that lie in log events, of which ministack's CloudWatch Logs makes none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from local_stack.embedded_metrics import metrics_in
from local_stack.ministack_hooks import Replacements

_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's CloudWatch Logs. Once a process."""
    _replacements.apply()


@_replacements.of(cloudwatch_logs, "_append_log_events")
def _append_and_measure(append: Callable[..., Any], stream: Any, events: list[Mapping[str, Any]]) -> Any:
    """Of Lambda, which writes those of a function, and of every client."""
    appended = append(stream, events)
    for event in events:
        for value in metrics_in(str(event.get("message", ""))):
            cloudwatch._store_datum(
                value.namespace,
                value.name,
                dict(value.dimensions),
                value.time / 1000,
                value.unit,
                value.value,
                None,
                None,
                None,
            )
    return appended
