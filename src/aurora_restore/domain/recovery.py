"""Loading operations of a backup into tables: what may be written, and what becomes of an operation that ran.

A record that says RUNNING is never loaded as it is into another Region. The sweep there would take it for one that
stands still, and a cleanup would look for its clusters in the wrong Region and report what is not true. Such an
operation is closed: it was left behind, and how it ended is not known. In the Region where it ran, the sweep is right:
there its record is loaded as it is, and the cleanup finds what it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aurora_restore.domain.audit_chain import audit_item, next_entries, noted
from aurora_restore.domain.error_kinds import StepFailed
from aurora_restore.domain.kept_operations import Item, KeptOperation
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import ErrorState, Record, changed
from aurora_restore.domain.states import OperationStatus

LEFT_BEHIND_EVENT = "operation.left_behind"
# Where the record does not say for how long it is kept; records of the pipeline always do.
RETENTION_DAYS = 365
_ENDED_BADLY = (OperationStatus.FAILED, OperationStatus.CANCELLED)


class LeftBehind(StepFailed):
    """Never raised: the error in the record of an operation that ran when its Region was left."""

    code = "LEFT_BEHIND"
    default_hint = (
        "Look for its clusters in the Region where it ran, by the tag aurora-restore:operation-id, once that Region "
        "answers; nothing here touches them."
    )


class Loading(StrEnum):
    """WRITE: it is not there, or not whole. SAME: it is there as it was kept. NEWER: it is there and has gone on since.
    OTHER: another operation has its id, or it was changed."""

    WRITE = "WRITE"
    SAME = "SAME"
    NEWER = "NEWER"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Target:
    """Where a backup is loaded into, and of which moment it is. `home_region`: where it was made."""

    region: str
    home_region: str
    moment: datetime


def as_loaded(operation: KeptOperation, target: Target) -> KeptOperation:
    """An operation as it is written into the tables of a Region; the same in every repetition."""
    read = Operation(operation.record or {})
    ran_elsewhere = target.region != target.home_region or read.is_of_another_region(target.region)
    if operation.record is None or read.is_closed or not ran_elsewhere:
        return operation
    return _left_behind(operation, read.record, target)


def _left_behind(operation: KeptOperation, record: Record, target: Target) -> KeptOperation:
    message = (
        f"It ran in {target.home_region} when the backup was made, and the pipeline has left that Region. How it "
        f"ended is not known here; what it made may exist there, with the tag {OPERATION_TAG}={operation.operation_id}."
    )
    error = ErrorState(code=LeftBehind.code, message=message, hint=LeftBehind.default_hint)
    details = {"region": target.home_region, "status": record.status, "step": record.step}
    head, entries = next_entries(record, [(LEFT_BEHIND_EVENT, details)], target.moment, RETENTION_DAYS)
    # What its last call noted may not have been appended; no call of it comes any more.
    written = [audit_item(operation.operation_id, entry) for entry in (*record.last_events, *entries)]
    events = {str(event["event_id"]): event for event in (*written, *operation.events)}
    changes = {
        # The operator's own word stays, where there is one.
        **({} if record.item.get("error") else changed(Record, error=error)),
        **noted(head, ()),
        **changed(
            Record,
            status=record.status if record.status in _ENDED_BADLY else OperationStatus.FAILED,
            end_time=target.moment,
            settled_time=target.moment,
            last_updated_time=target.moment,
        ),
    }
    return KeptOperation.of(operation.operation_id, {**(operation.record or {}), **changes}, events.values())


def decide(wanted: KeptOperation, found: KeptOperation | None) -> Loading:
    """What to do about one operation. `found`: as the tables have it, None where they have nothing of it."""
    if found is None:
        return Loading.WRITE
    by_id = {event["event_id"]: event for event in found.events}
    are_there = [event["event_id"] in by_id for event in wanted.events]
    is_unchanged = all(by_id.get(event["event_id"], event) == event for event in wanted.events)
    if not is_unchanged:
        return Loading.OTHER
    if found.record == wanted.record and len(found.events) <= len(wanted.events):
        return Loading.SAME if all(are_there) else Loading.WRITE
    # Events come first, so that a record that is missing is still to be written.
    if found.record is None:
        return Loading.WRITE if len(by_id) == sum(are_there) else Loading.OTHER
    return Loading.NEWER if all(are_there) and _goes_on(wanted.record, found.record) else Loading.OTHER


def _goes_on(wanted: Item | None, found: Item) -> bool:
    """Whether a record is the later state of the other: of the same execution, with a chain that is no shorter."""
    before, after = Record.read(wanted), Record.read(found)
    return before.execution_arn == after.execution_arn and before.audit_head.count <= after.audit_head.count


def by_decision(decisions: Mapping[str, Loading]) -> dict[Loading, int]:
    return {kind: sum(each is kind for each in decisions.values()) for kind in Loading}


def lock_of(operation: KeptOperation) -> tuple[str, str] | None:
    """Target and owner of the lock that an operation needs which is not at its end; None where it needs none."""
    record: Any = Record.read(operation.record)
    if operation.record is None or record.is_closed or not record.target_cluster_id:
        return None
    return record.target_cluster_id, operation.operation_id
