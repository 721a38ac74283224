"""Archiving operations: which ones may leave the tables, and what has to be true before one is removed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.kept_operations import HOLDS_A_CLUSTER, Item, KeptOperation
from aurora_restore.domain.record import Record

OBJECTS = "operations"
SEALS = "manifests"


@dataclass(frozen=True)
class Candidate:
    """An operation that ended before the day. `why_not`: what keeps it in the tables; None where nothing does."""

    operation_id: str
    ended: datetime
    why_not: str | None


def candidates(records: Sequence[Item], before: datetime, now: datetime) -> list[Candidate]:
    """The operations that ended before a time, oldest first. What has not ended is none of them."""
    found = []
    for item in records:
        record = Record.read(item)
        if record.end_time is not None and record.end_time < before:
            found.append(Candidate(record.operation_id, record.end_time, why_not(record, now)))
    return sorted(found, key=lambda each: (each.ended, each.operation_id))


def why_not(record: Record, now: datetime) -> str | None:
    """What keeps an operation in the tables; None where nothing does."""
    retirement, snapshot = record.retirement, record.snapshot_details
    if not record.is_settled:
        return "it is not at its end"
    if retirement.state in HOLDS_A_CLUSTER:
        return "the cluster that it replaced exists still"
    if _lasts(retirement.final_snapshot_retain_until, retirement.final_snapshot_removed_time, now):
        return "its final snapshot is kept still"
    if _lasts(snapshot.retain_until, snapshot.copy_removed_time, now):
        return "its copy of the snapshot is kept still"
    return None


def _lasts(until: datetime | None, removed: datetime | None, now: datetime) -> bool:
    return until is not None and removed is None and until > now


def object_name(operation_id: str) -> str:
    """The name of the object that an archive keeps an operation in. Ids have letters, digits, `-` and `_` alone."""
    return f"{OBJECTS}/{operation_id}.json"


def is_whole(operation: KeptOperation) -> bool:
    """Whether an operation may be archived by what its events say: none is missing, and none was changed."""
    return operation.record is not None and operation.verification().state in (
        ChainState.VERIFIED,
        ChainState.UNLINKED,
    )


def is_kept_by(archived: KeptOperation, found: KeptOperation) -> bool:
    """Whether an archive has all that the tables have of an operation, as they have it.

    The tables may have fewer events: an earlier removal died in its middle.
    """
    kept: dict[Any, Item] = {event["event_id"]: event for event in archived.events}
    events_are_kept = all(kept.get(event["event_id"]) == event for event in found.events)
    return archived.record == found.record and events_are_kept
