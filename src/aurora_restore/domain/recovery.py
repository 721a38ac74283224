"""Loading operations of a backup into tables: what may be written, and what becomes of one that was not at its end.

A backup is older than the loss. What ran in it may have ended since, and its cluster may serve; what was kept may be
back in its place. So a record that was not at its end is never loaded as it is: the sweep would take it for one that
does not go on, and a cleanup would delete what is needed, or look for it in the wrong Region. It is loaded closed and
marked as left behind, and nothing acts on it by itself (`Operation.is_out_of_reach`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aurora_restore.domain.audit_chain import audit_item, next_entries, noted
from aurora_restore.domain.error_kinds import StepFailed
from aurora_restore.domain.kept_operations import HOLDS_A_CLUSTER, KeptOperation
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.record import Changes, ErrorState, Record, changed, with_new_warnings
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.sweeping import ENDED_BADLY
from aurora_restore.domain.times import format_time

LEFT_BEHIND_EVENT = "operation.left_behind"
# Where the record does not say for how long it is kept; records of the pipeline always do.
RETENTION_DAYS = 365


class LeftBehind(StepFailed):
    """Never raised: the error in the record of an operation that ran when a backup was made."""

    code = "LEFT_BEHIND"
    default_hint = (
        "Look for its clusters in the Region where it ran, by the tag aurora-restore:operation-id, and delete or keep "
        "them by hand; nothing touches them by itself."
    )


class Loading(StrEnum):
    """WRITE: it is not there, or not whole. SAME: it is there as it was kept. NEWER: it is there and has gone on since.
    OTHER: another operation has its id, or it was changed."""

    WRITE = "WRITE"
    SAME = "SAME"
    NEWER = "NEWER"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Origin:
    """Of which moment a backup is, and of which Region."""

    region: str
    moment: datetime


def is_at_rest(record: Record) -> bool:
    """Whether nothing was to come for an operation, and it kept no cluster; or it was left behind before."""
    holds_a_cluster = record.retirement.state in HOLDS_A_CLUSTER and not record.is_left_behind
    return record.is_settled and not holds_a_cluster


def as_loaded(operation: KeptOperation, origin: Origin) -> KeptOperation:
    """An operation as it is written into tables that lack it; the same in every repetition."""
    record = Record.read(operation.record)
    if operation.record is None or is_at_rest(record):
        return operation
    details = {
        "region": origin.region,
        "status": record.status,
        "step": record.step,
        "retirement": record.retirement.state,
    }
    head, entries = next_entries(record, [(LEFT_BEHIND_EVENT, details)], origin.moment, RETENTION_DAYS)
    # What its last call noted may not have been appended; no call of it comes any more.
    written = [audit_item(operation.operation_id, entry) for entry in (*record.last_events, *entries)]
    events = {str(event["event_id"]): event for event in (*written, *operation.events)}
    changes = {
        **(_kept_on(record, origin) if record.is_closed else _closed(record, origin)),
        **noted(head, ()),
        **changed(
            Record,
            left_behind_time=origin.moment,
            settled_time=origin.moment,
            last_updated_time=origin.moment,
        ),
    }
    return KeptOperation.of(operation.operation_id, {**operation.record, **changes}, events.values())


def _closed(record: Record, origin: Origin) -> Changes:
    """The end of an operation that ran: how it ended is not known."""
    message = (
        f"It ran in {origin.region} when the backup of {format_time(origin.moment)} was made, out of which this "
        "record came. How it ended is not known here. What it made may exist there, with the tag "
        f"{OPERATION_TAG}={record.operation_id}."
    )
    error = ErrorState.of(LeftBehind(message))
    return {
        # The operator's own word stays, where there is one.
        **({} if record.has_error else changed(Record, error=error)),
        **changed(
            Record,
            status=record.status if record.status in ENDED_BADLY else OperationStatus.FAILED,
            end_time=origin.moment,
        ),
    }


def _kept_on(record: Record, origin: Origin) -> Changes:
    """What an operator is to know of one that had ended, where something of it was still to be done."""
    if record.retirement.state not in HOLDS_A_CLUSTER:
        return {}
    return with_new_warnings(
        record,
        f"The record came out of the backup of {format_time(origin.moment)}: the replaced cluster "
        f"{record.retirement.db_cluster_identifier or ''} in {origin.region} is not deleted by itself any more.",
    )


def decide(operation: KeptOperation, found: KeptOperation | None, origin: Origin) -> Loading:
    """What to do about one operation. `found`: as the tables have it, None where they have nothing of it.

    Tables that outlived the stack have it as it was, or as it went on: there it is left to the pipeline as it is.
    """
    if found is None:
        return Loading.WRITE
    decisions = [_compared(each, found) for each in (as_loaded(operation, origin), operation)]
    order = (Loading.SAME, Loading.NEWER, Loading.WRITE)
    return next((each for each in order if each in decisions), Loading.OTHER)


def _compared(wanted: KeptOperation, found: KeptOperation) -> Loading:
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
    # The later state of the other is a record of the same execution, with a chain that is no shorter.
    before, after = Record.read(wanted.record), Record.read(found.record)
    goes_on = (
        before.execution_arn == after.execution_arn and before.audit_head.count <= after.audit_head.count
    )
    return Loading.NEWER if all(are_there) and goes_on else Loading.OTHER


def by_decision(decisions: Mapping[str, Loading]) -> dict[Loading, int]:
    return {kind: sum(each is kind for each in decisions.values()) for kind in Loading}
