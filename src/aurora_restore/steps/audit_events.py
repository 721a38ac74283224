"""The audit events, written behind the record: the record says first what a call did, and then the audit table.

So a function that was overtaken by the end of its operation adds nothing any more; where one died between the two,
the next call writes the same entries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import AuditEntry
from aurora_restore.domain.times import whole_milliseconds
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.ports import Ports


def to_audit_entries(ports: Ports, events: Iterable[Event]) -> tuple[AuditEntry, ...]:
    """The events of a call as the record has them, each with a time of its own, so that their order is kept."""
    now = whole_milliseconds(ports.clock.now())
    return tuple(
        AuditEntry(time=now + timedelta(milliseconds=number), event=event.name, details=event.details)
        for number, event in enumerate(events)
    )


def append_audit(ports: Ports, operation_id: str, entries: Sequence[AuditEntry]) -> None:
    """Append the entries; one that exists stays one entry."""
    for entry in entries:
        if entry.time is not None:
            ports.audit.append(operation_id, entry.time, entry.event, entry.details)


def flush_pending_audit(ports: Ports, operation: Operation) -> None:
    """Append what the call before has noted in the record, for it may have died before it could append."""
    append_audit(ports, operation.operation_id, operation.record.last_events)


def append_first_event(ports: Ports, operation: Operation) -> None:
    """The first entry, with the record's own time: written again after a crash, it is the same entry."""
    details = {"parameters": operation.record.request}
    if (started := operation.record.start_time) is not None:
        ports.audit.append(operation.operation_id, started, "operation.started", details)
