"""Reading operations for the audit: each with its record, its audit events, what verifies, and what is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.audit_anomalies import Anomaly, AnomalyKind, anomalies, asked_by
from aurora_restore.domain.audit_verification import ChainState, Verification, verify
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import OperationStatus

OPERATIONS_MOST = 1000
# A run adds to its record and its events while both are read.
READS_AT_MOST = 5


@dataclass(frozen=True)
class AuditedOperation:
    """`record`: None where it has expired, or was removed."""

    operation_id: str
    record: Mapping[str, Any] | None
    events: Sequence[Mapping[str, Any]]
    verification: Verification
    anomalies: tuple[Anomaly, ...]
    requested_by: str | None

    @property
    def status(self) -> str:
        return Record.read(self.record).status or "NO RECORD"

    @property
    def weight(self) -> int:
        """Of its weightiest anomaly: the lower, the more there is to look at. Without one it comes after all others."""
        return self.anomalies[0].weight if self.anomalies else len(AnomalyKind)

    @property
    def is_broken(self) -> bool:
        return self.verification.state is ChainState.BROKEN

    def to_item(self) -> dict[str, Any]:
        return {
            "operation_id": self.operation_id,
            **Record.read(self.record).outline,
            "requested_by": self.requested_by,
            "anomalies": [anomaly.to_item() for anomaly in self.anomalies],
            "verification": self.verification.to_item(),
        }


def read_audited(pipeline: Pipeline, operation_id: str, now: datetime) -> AuditedOperation | None:
    """An operation with all of its events; None where there is neither a record nor an event of it."""
    record, events = read_at_once(pipeline, operation_id)
    if record is None and not events:
        return None
    verification = verify(record, events, now)
    found = anomalies(record, events, verification, now)
    return AuditedOperation(operation_id, record, events, verification, found, asked_by(record, events))


def read_at_once(
    pipeline: Pipeline, operation_id: str
) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """The record and the events of one moment: the chain ended at the same place before they were read and after."""
    record = pipeline.records.load(operation_id)
    events: Sequence[Mapping[str, Any]] = ()
    for _ in range(READS_AT_MOST):
        before, events = record, pipeline.audit.trail(operation_id)
        record = pipeline.records.load(operation_id)
        if Record.read(before).audit_head == Record.read(record).audit_head:
            # What the record had noted before may have been appended since, and not the other way round.
            return before, events
    return record, events


def operations_between(pipeline: Pipeline, first_day: date, last_day: date) -> tuple[list[str], bool]:
    """The operations that began or had an event on these UTC days, newest first, and whether there are more than these.

    By the events, since an operation may have been begun before and ended on these days; and by the records, since the
    events of one may all have been removed.
    """
    begin = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    end = begin + (last_day - first_day) + timedelta(days=1)
    newest: dict[str, str] = {}
    for number in range((last_day - first_day).days + 1):
        for event in pipeline.audit.events_of_day((first_day + timedelta(days=number)).isoformat()):
            name = str(event.get("operation_id"))
            newest[name] = max(newest.get(name, ""), str(event.get("time", "")))
    records = pipeline.records.find(tuple(OperationStatus), begin, end, None, OPERATIONS_MOST)
    for record in map(Record.read, records.items):
        newest.setdefault(record.operation_id, record.start_text)
    found = sorted(newest, key=lambda name: newest[name], reverse=True)
    return found[:OPERATIONS_MOST], len(found) > OPERATIONS_MOST or not records.is_complete
