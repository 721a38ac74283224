"""Operations with their audit events, as the pipeline writes both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.unit.domain.builders import NOW, OPERATION_ID

from aurora_restore.domain.audit_chain import audit_item, first_entry, next_entries, noted
from aurora_restore.domain.operation import new_record
from aurora_restore.domain.record import Record

DAYS = 365
RUN: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("SnapshotCheck.started", {}),
    ("plan.made", {"copy": None, "share": 0.5}),
    ("SnapshotCheck.done", {"message": "the plan is complete"}),
    ("operation.succeeded", {}),
)


@dataclass
class Chain:
    """One operation; `write` adds events to both tables, and `note` to the record alone."""

    record: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = NOW

    def write(self, *events: tuple[str, Mapping[str, Any]]) -> None:
        self.note(*events)
        for entry in Record.read(self.record).last_events:
            self.events.append(audit_item(str(self.record["operation_id"]), entry))
        self.record["last_events"] = []

    def note(self, *events: tuple[str, Mapping[str, Any]]) -> None:
        head, entries = next_entries(Record.read(self.record), events, self.now, DAYS)
        self.record |= noted(head, entries)
        self.now += timedelta(seconds=30)

    def close(self, status: str = "SUCCEEDED", **fields: Any) -> None:
        ended = {
            "status": status,
            "end_time": "2026-11-22T13:00:00.000Z",
            "last_updated_time": "2026-11-22T13:00:00.000Z",
        }
        self.record |= {**ended, "settled_time": "2026-11-22T13:00:01.000Z", **fields}


def begun(
    request: Mapping[str, Any] | None = None,
    operation_id: str = OPERATION_ID,
    started: datetime = NOW,
    days: int = DAYS,
) -> Chain:
    """An operation that has just begun, with its first event; `days`: for how long it is kept."""
    expires_at = int((started + timedelta(days=days)).timestamp())
    record = new_record(
        operation_id, "arn:execution", request or {"target_cluster_id": "T"}, started, expires_at
    )
    first = first_entry(Record.read(record))
    assert first is not None
    return Chain(record, [audit_item(operation_id, first)], started)


def ended() -> Chain:
    """One with five events that has ended, and is settled."""
    chain = begun()
    for event in RUN:
        chain.write(event)
    chain.close()
    return chain
