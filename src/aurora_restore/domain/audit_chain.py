"""The chain of an operation's audit events: each event carries the hash of the one before it, and its own.

The record says how many events there are and what the hash of the last one is (`AuditHead`), and is written first. So
an event that was edited, removed or inserted in the audit table does not fit the others, or what the record says.

The hash is SHA-256 over the canonical form of the whole item but for the hash itself: everything that the audit table
has of an event, the previous hash and the time at which DynamoDB may remove it among it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora_restore.domain.record import AuditEntry, AuditHead, Changes, Record, changed, plain, written
from aurora_restore.domain.times import SECONDS_A_DAY, whole_milliseconds

FIRST_EVENT = "operation.started"
# What the first event has in the place of the hash of an event before it.
NO_EVENT_BEFORE = "0" * 64
LATER = timedelta(milliseconds=1)


def canonical(value: object) -> bytes:
    """A JSON-like value as bytes, the same before it is written to DynamoDB and after it was read back.

    DynamoDB keeps numbers as decimals and drops trailing zeros (`HowItWorks.NamingRulesDataTypes` of its developer
    guide), so that 1.0 comes back as 1. Raises TypeError for what JSON does not know.
    """
    return json.dumps(_as_read_back(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _as_read_back(value: object) -> object:
    if isinstance(value, float):
        # By its shortest text, which is what is sent: 1e22 is ten to the power of 22 there, to the last digit.
        decimal = Decimal(repr(value))
        return int(decimal) if decimal.is_finite() and decimal == decimal.to_integral_value() else value
    if isinstance(value, Mapping):
        return {str(name): _as_read_back(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_read_back(inner) for inner in value]
    return value


def hash_of(event: Mapping[str, Any]) -> str:
    """The hash of an event as the audit table has it, computed anew. Raises TypeError for what JSON does not know."""
    return hashlib.sha256(
        canonical({name: value for name, value in event.items() if name != "hash"})
    ).hexdigest()


def audit_item(operation_id: str, entry: AuditEntry) -> dict[str, Any]:
    """An entry of the record as an item of the audit table. One of an earlier version has no place in a chain."""
    # As the record has it, and not as it is read: a reading leaves out what is empty.
    item = dict(entry.item)
    time = str(item.get("time"))
    key = {"event_id": f"{time}#{item.get('event')}", "event_date": time[:10]}
    return {"operation_id": operation_id, **item, **key}


def first_entry(record: Record) -> AuditEntry | None:
    """The first event, made of the record alone: a call that writes it again writes the same.

    None where the record does not say when the operation started. Where the operation was begun by an earlier version,
    the event has no place in the chain.
    """
    started = record.start_time
    if started is None:
        return None
    details: dict[str, Any] = {"parameters": record.request}
    if record.requested_by:
        details["requested_by"] = record.requested_by
    unlinked = AuditEntry(time=started, event=FIRST_EVENT, details=details, expires_at=record.expires_at)
    head = record.audit_head
    if head.is_late or not head:
        return unlinked
    return _linked(record.operation_id, unlinked, 1, NO_EVENT_BEFORE)


def begun_chain(item: Mapping[str, Any]) -> Changes:
    """What a new record says of its chain, which has one event: the first."""
    record = Record.read(item)
    unlinked = first_entry(record)
    if unlinked is None:
        raise AssertionError("a new record says when the operation started")
    first = _linked(record.operation_id, unlinked, 1, NO_EVENT_BEFORE)
    return written(AuditHead(count=1, hash=first.hash, time=first.time))


def next_entries(
    record: Record, events: Iterable[tuple[str, Mapping[str, Any]]], now: datetime, retention_days: int
) -> tuple[AuditHead, tuple[AuditEntry, ...]]:
    """Events as the next ones of the chain, and its head after them. `events`: the name and the details of each.

    Each has a time of its own, later than that of the one before it, whatever the clocks of two functions say: the
    order of the times, by which the audit table sorts, is the order of the chain.
    """
    head = record.audit_head
    if not head:
        # An earlier version has begun the operation: its events come before the chain.
        last = max((entry.time for entry in record.last_events if entry.time), default=record.start_time)
        head = AuditHead(hash=NO_EVENT_BEFORE, time=last, is_late=True)
    entries = []
    for name, details in events:
        time = whole_milliseconds(now)
        if head.time is not None and head.time >= time:
            time = head.time + LATER
        unlinked = AuditEntry(
            time=time,
            event=name,
            details=plain(details),
            # All events of an operation expire with its record: some of them alone look like a chain with gaps.
            expires_at=record.expires_at or int(time.timestamp()) + retention_days * SECONDS_A_DAY,
        )
        entry = _linked(record.operation_id, unlinked, head.count + 1, head.hash)
        head = head.having(count=head.count + 1, hash=entry.hash, time=time)
        entries.append(entry)
    return head, tuple(entries)


def noted(head: AuditHead, entries: tuple[AuditEntry, ...]) -> Changes:
    """The change that puts entries into the record, before they are appended to the audit table."""
    return {**written(head), **changed(Record, last_events=entries)}


def _linked(operation_id: str, entry: AuditEntry, sequence: int, previous_hash: str) -> AuditEntry:
    linked = entry.having(sequence=sequence, previous_hash=previous_hash)
    return linked.having(hash=hash_of(audit_item(operation_id, linked)))
