"""The audit events, written behind the record: the record says first what a call did, and then the audit table.

So a function that was overtaken by the end of its operation adds nothing any more; where one died between the two,
the next call writes the same entries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from aurora_restore.domain.operation import Operation
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.ports import Ports

LAST_EVENTS = "last_events"


def to_audit_entries(ports: Ports, events: Iterable[Event]) -> list[dict[str, Any]]:
    """The events of a call in the record's form, each with a time of its own, so that their order is kept."""
    now = ports.clock.now()
    return [
        {
            "time": format_time(now + timedelta(milliseconds=number)),
            "event": event.name,
            "details": dict(event.details),
        }
        for number, event in enumerate(events)
    ]


def append_audit(ports: Ports, operation_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Append the entries; one that exists stays one entry."""
    for entry in entries:
        ports.audit.append(operation_id, parse_time(entry["time"]), entry["event"], entry["details"])


def flush_pending_audit(ports: Ports, operation: Operation) -> None:
    """Append what the call before has noted in the record, for it may have died before it could append."""
    append_audit(ports, operation.operation_id, operation.item.get(LAST_EVENTS) or ())


def append_first_event(ports: Ports, operation: Operation) -> None:
    """The first entry, with the record's own time: written again after a crash, it is the same entry."""
    details = {"parameters": operation.item.get("parameters")}
    started = parse_time(operation.item["start_time"])
    ports.audit.append(operation.operation_id, started, "operation.started", details)
