"""The audit events, written behind the record: the record says first what a call did, and then the audit table.

So a function that was overtaken by the end of its operation adds nothing any more; where one died between the two, the
next call appends the same entries again, from the record.

The record says as well where the chain of the events ends. Two calls may be at work on one operation, such as two
cleanups, or a phase and the sweep: each changes the record only where the chain ends as it knows it, and else looks
again. Before the entries of another call give way to its own, it appends them itself, for that call may have died: all
events but those that are noted in the record are in the audit table, at every moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.audit_chain import (
    audit_item,
    first_entry,
    next_entries,
    noted,
)
from aurora_restore.domain.errors import RecordContended
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import AuditEntry, AuditHead, Record, changed
from aurora_restore.domain.times import SECONDS_A_DAY, whole_milliseconds
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.ports import Ports

# Few calls are ever at work on one operation, and each writes at most a few times.
WRITES_AT_MOST = 10


@dataclass
class AuditTrail:
    """The audit events of one operation as one call writes them. `operation`: as the call knows it.

    `_appended`: the hash of the last entry of the record that is known to be in the audit table.
    """

    ports: Ports
    operation: Operation
    _appended: str | None = None

    @property
    def head(self) -> AuditHead:
        return self.operation.record.audit_head

    def flush(self) -> None:
        """Append what the record has noted: the call that noted it may have died before it could append."""
        if self._appended is None or self._appended != self.head.hash:
            append_audit(self.ports, self.operation.operation_id, self.operation.record.last_events)
            self._appended = self.head.hash

    def write(
        self,
        changes: Mapping[str, Any],
        events: Sequence[Event],
        only_if_status: str | None = None,
        *,
        looks_again: bool = True,
    ) -> bool:
        """Change the record, with the events as the next ones of its chain, and then append them.

        False where the record does not exist, or its status is another one; then nothing was written. Where another
        call has added an event meanwhile, the record is looked at again, or the answer is False (`looks_again`).

        Raises:
            RecordContended: others changed the record again and again.
        """
        for _ in range(WRITES_AT_MOST):
            # Before they give way to others: no call appends what is not noted any more.
            self.flush()
            if self._update(changes, events, only_if_status):
                self.flush()
                record = self.operation.record
                # No further call is to be expected that appends what this one has noted. So what such a record still
                # has noted was not appended, and the sweep does that.
                if record.is_settled and record.last_events:
                    self.write({}, ())
                return True
            item = self.ports.records.load(self.operation.operation_id) if looks_again else None
            found = Operation(item or {})
            if item is None or (only_if_status is not None and found.status != only_if_status):
                return False
            self.operation = found
        raise RecordContended(f"The record of {self.operation.operation_id} was changed by others meanwhile.")

    def _update(
        self, changes: Mapping[str, Any], events: Sequence[Event], only_if_status: str | None
    ) -> bool:
        record, name = self.operation.record, self.operation.operation_id
        # A call that does nothing but wait leaves the trail alone, and is in no other's way.
        if not events and not record.last_events:
            return self.ports.records.update(name, changes, only_if_status)
        head, entries = next_entries(
            record,
            [(event.name, event.details) for event in events],
            self.ports.clock.now(),
            self.ports.settings.record_retention_days,
        )
        of_trail = noted(head, entries) if events else changed(Record, last_events=())
        if not self.ports.records.update(
            name, {**changes, **of_trail}, only_if_status, only_if=record.audit_head.ends_here()
        ):
            return False
        # The rest of the operation is left as this call has seen it.
        self.operation = Operation({**self.operation.item, **of_trail})
        if not events:
            self._appended = self.head.hash
        return True


def append_audit(ports: Ports, operation_id: str, entries: Iterable[AuditEntry]) -> None:
    """Append the entries; one that exists stays as it is."""
    for entry in entries:
        if entry.time is not None:
            item = audit_item(operation_id, entry)
            # Entries of earlier versions do not say how long they are kept.
            days = ports.settings.record_retention_days
            item.setdefault("expires_at", int(entry.time.timestamp()) + days * SECONDS_A_DAY)
            ports.audit.append(item)


def append_first_event(operation: Operation, ports: Ports) -> None:
    """The first entry, made of the record: written again after a crash, it is the same entry."""
    if (entry := first_entry(operation.record)) is not None:
        append_audit(ports, operation.operation_id, [entry])


def append_without_record(ports: Ports, operation_id: str, event: Event) -> None:
    """An event of an operation whose record has expired: it has no chain any more."""
    entry = AuditEntry(time=whole_milliseconds(ports.clock.now()), event=event.name, details=event.details)
    append_audit(ports, operation_id, [entry])
