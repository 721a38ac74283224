"""Verifying the audit events of an operation: against each other, by the chain, and against the head in its record.

What the record says of the last event vouches for that event, and each event vouches for the one before it. So the
chain is gone through from its end, and what is not vouched for was edited, removed or inserted. An event that the
record still has noted is not missing: the call that wrote it has not appended it yet, or died, and the next call does.

This finds every change by those who can write the audit table alone. Those who can write both tables can forge both:
nothing here is signed. CloudTrail shows who did that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aurora_restore.domain.audit_chain import NO_EVENT_BEFORE, audit_item, first_entry, hash_of
from aurora_restore.domain.record import Record

Event = Mapping[str, Any]


class FindingKind(StrEnum):
    """What is wrong with one event, or with the record that is to vouch for them all."""

    EDITED = "EDITED"
    REMOVED = "REMOVED"
    INSERTED = "INSERTED"
    HEAD_LOST = "HEAD_LOST"
    RECORD_LOST = "RECORD_LOST"


WHAT_TO_DO: Mapping[FindingKind, str] = {
    FindingKind.EDITED: (
        "Restore the audit table to a time before the change, into another table "
        "(aws dynamodb restore-table-to-point-in-time), and compare the event there."
    ),
    FindingKind.REMOVED: (
        "Restore the audit table to a time before the removal, into another table "
        "(aws dynamodb restore-table-to-point-in-time), and read the event there."
    ),
    FindingKind.INSERTED: (
        "The pipeline did not write this event, or a function of an earlier version did while the stack was updated. "
        "Data events of DynamoDB in CloudTrail, where they are logged, say who did."
    ),
    FindingKind.HEAD_LOST: (
        "The events have a chain, and the record does not say where it ends: its field audit_head was removed. "
        "Restore the state table to an earlier time, into another table, and compare the record there."
    ),
    FindingKind.RECORD_LOST: (
        "The record was removed before its time. Restore the state table to an earlier time, into another table, and "
        "read the record there."
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `sequence`: the event's place in the chain; 0 where it is about the record."""

    kind: FindingKind
    sequence: int
    event_id: str
    message: str

    @property
    def hint(self) -> str:
        return WHAT_TO_DO[self.kind]

    def to_item(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "sequence": self.sequence or None,
            "event_id": self.event_id or None,
            "message": self.message,
            "hint": self.hint,
        }


class ChainState(StrEnum):
    """VERIFIED: every event is as it was written, and none is missing. BROKEN: there are findings. UNLINKED: the
    events were written by an earlier version, without a chain. EXPIRED: the time for which the record is kept is over,
    so that DynamoDB removes it and its events one by one; what exists fits together."""

    VERIFIED = "VERIFIED"
    BROKEN = "BROKEN"
    UNLINKED = "UNLINKED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Verification:
    """`count`: of the events in the chain that were found. `notes`: what is worth knowing and is not a finding."""

    state: ChainState
    count: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def to_item(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "events": self.count,
            "findings": [finding.to_item() for finding in self.findings],
            "notes": list(self.notes),
        }


def verify(record_item: Mapping[str, Any] | None, events: Iterable[Event], now: datetime) -> Verification:
    """Verify the events of one operation, as the audit table has them, against its record.

    `record_item`: None where there is no record. It has to be of the moment at which the events were read: a run adds
    to both.
    """
    found = list(events)
    linked = [event for event in found if _sequence(event)]
    unlinked = [event for event in found if not _sequence(event)]
    record = Record.read(record_item)
    head = record.audit_head
    if record_item is None or not head:
        return _without_head(record_item is None, linked, unlinked, now)
    is_expired = _is_over(record.expires_at, now)
    entries = [entry for entry in record.last_events if entry.sequence]
    first = first_entry(record)
    # A run that has just begun, or whose first call died, has its first event in the rest of its record.
    if not record.is_settled and first is not None and first.sequence:
        entries.append(first)
    # What the record has noted may not have been appended yet.
    noted = {entry.sequence: audit_item(record.operation_id, entry) for entry in entries}
    walk = _Walk(linked, noted, head.count, head.hash)
    notes, strange = _unlinked(record, linked, unlinked)
    findings = [*walk.findings, *strange]
    if is_expired:
        # DynamoDB removes them one by one, in no order.
        findings = [finding for finding in findings if finding.kind is not FindingKind.REMOVED]
        notes.append("the time for which the operation is kept is over: events may be gone")
    if walk.noted_only:
        notes.append(
            f"{walk.noted_only} event(s) are noted in the record and not in the audit table yet: the next call of the "
            "operation, or the sweep, appends them"
        )
    state = ChainState.BROKEN if findings else ChainState.EXPIRED if is_expired else ChainState.VERIFIED
    return Verification(state, len(linked), tuple(_in_order(findings)), tuple(notes))


def _without_head(
    is_record_missing: bool, linked: Sequence[Event], unlinked: Sequence[Event], now: datetime
) -> Verification:
    """Without what vouches for the last event, what is missing at the end cannot be seen; the rest can."""
    if not linked:
        note = "the events were written by an earlier version, without a chain"
        return Verification(ChainState.UNLINKED, 0, (), (note,) if unlinked else ())
    last = max(_sequence(event) for event in linked)
    findings = _Walk(linked, {}, last, None).findings
    is_expired = any(_is_over(event.get("expires_at"), now) for event in linked)
    if is_record_missing and is_expired:
        findings = [finding for finding in findings if finding.kind is not FindingKind.REMOVED]
        state = ChainState.BROKEN if findings else ChainState.EXPIRED
        note = "the record has expired: whether the last events are missing cannot be said"
        return Verification(state, len(linked), tuple(_in_order(findings)), (note,))
    kind = FindingKind.RECORD_LOST if is_record_missing else FindingKind.HEAD_LOST
    what = "there is no record" if is_record_missing else "the record does not say where the chain ends"
    lost = Finding(kind, 0, "", f"{what}: whether events after {last} are missing cannot be said")
    return Verification(ChainState.BROKEN, len(linked), (lost, *_in_order(findings)))


def _unlinked(
    record: Record, linked: Sequence[Event], unlinked: Sequence[Event]
) -> tuple[list[str], list[Finding]]:
    """Events without a place: those of an earlier version before a chain that began late; any other was inserted."""
    begun = min((str(event.get("time")) for event in linked), default="")
    earlier = [each for each in unlinked if record.audit_head.is_late and str(each.get("time")) < begun]
    strange = [
        Finding(FindingKind.INSERTED, 0, _id(event), f"the event {_id(event)} has no place in the chain")
        for event in unlinked
        if event not in earlier
    ]
    count = len(earlier)
    notes = [f"{count} event(s) before the chain were written by an earlier version"] if count else []
    return notes, strange


class _Walk:
    """The chain from its end to its beginning. `noted_only`: how many events are in the record alone."""

    def __init__(
        self, events: Sequence[Event], noted: Mapping[int, Event], count: int, last_hash: str | None
    ) -> None:
        self._by_place: dict[int, list[Event]] = {}
        for event in events:
            self._by_place.setdefault(_sequence(event), []).append(event)
        self._count = count
        self.findings: list[Finding] = []
        self.noted_only = 0
        for place in [place for place in self._by_place if place > count]:
            self._inserted(self._by_place[place], f"the chain ends with event {count}")
        # By what is there, and not by counting: a hand may have written any number into the record.
        places = {place for place in (*self._by_place, *noted) if 0 < place <= count}
        wanted, next_place = last_hash, count
        for place in sorted(places, reverse=True):
            if place < next_place:
                self._removed(place + 1, next_place)
                wanted = None
            wanted = self._look(place, wanted, noted.get(place))
            next_place = place - 1
        if next_place:
            self._removed(1, next_place)

    def _look(self, place: int, wanted: str | None, noted: Event | None) -> str | None:
        """Look at one place; returns the hash that the event before it must have, None where nothing vouches for it."""
        here = self._by_place.get(place, [])
        genuine = next((event for event in here if _is_genuine(event, place, wanted)), None)
        if genuine is not None:
            self._inserted(
                [event for event in here if event is not genuine],
                f"event {place} of the chain is another one",
            )
            return str(genuine.get("previous_hash"))
        if here:
            self._edited(here[0], place)
            self._inserted(here[1:], f"event {place} exists already")
            # What it says of the one before it may have been edited as well.
            return None
        self.noted_only += 1
        return str(noted.get("previous_hash")) if noted and _is_genuine(noted, place, wanted) else None

    def _edited(self, event: Event, place: int) -> None:
        if _hash(event) != event.get("hash"):
            why = "its contents are not those of its hash"
        elif place == self._count:
            why = "it is whole, and is not the one whose hash the record has (or the record's audit_head was edited)"
        else:
            why = "it is whole, and is not the one that the event after it was written behind"
        message = f"event {place} ({_id(event)}) was edited: {why}"
        self.findings.append(Finding(FindingKind.EDITED, place, _id(event), message))

    def _removed(self, first: int, last: int) -> None:
        what = f"event {first} was" if first == last else f"events {first} to {last} were"
        # The nearest events that exist show where they were.
        before = max((place for place in self._by_place if place < first), default=0)
        after = min((place for place in self._by_place if place > last), default=0)
        names = [_id(self._by_place[place][0]) if place else "" for place in (before, after)]
        if not before and not after:
            where = "no event of the chain exists any more"
        elif not before:
            where = f"at the beginning, before {names[1]}"
        else:
            where = f"between {names[0]} and {names[1]}" if after else f"at the end, after {names[0]}"
        message = f"{what} removed: {where}"
        self.findings.append(Finding(FindingKind.REMOVED, first, "", message))

    def _inserted(self, events: Iterable[Event], why: str) -> None:
        for event in events:
            message = f"the event {_id(event)} was inserted: {why}"
            self.findings.append(Finding(FindingKind.INSERTED, _sequence(event), _id(event), message))


def _is_genuine(event: Event, place: int, wanted: str | None) -> bool:
    """Whether it is as it was written. `wanted`: the hash that is vouched for; None where nothing vouches for it."""
    computed = _hash(event)
    is_first = event.get("previous_hash") == NO_EVENT_BEFORE
    return computed == event.get("hash") and wanted in (None, computed) and is_first == (place == 1)


def _hash(event: Event) -> str | None:
    try:
        return hash_of(event)
    except TypeError:
        # A hand may have written what JSON does not know, such as a set.
        return None


def _is_over(expires_at: object, now: datetime) -> bool:
    return isinstance(expires_at, int) and expires_at <= now.timestamp()


def _sequence(event: Event) -> int:
    value = event.get("sequence")
    if not isinstance(value, int) or isinstance(value, bool) or "hash" not in event:
        return 0
    return max(value, 0)


def _id(event: Event) -> str:
    return str(event.get("event_id", ""))


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.sequence, finding.event_id))
