"""What belongs to one operation, and what of it may leave the account: the decisions of `diagnose`.

Nothing is taken from where a secret can be. Secrets Manager is not asked. Of the executions, the inputs stay behind:
an operator may have written a password into a field that the request does not have, and the record keeps no such value.
Of a payload only the fields are kept that every step answers with. Of RDS's objects, what it shows in the place of a
password is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.naming import OPERATION_TAG, REPLACED_BY_TAG
from aurora_restore.domain.record import Record

# "Events are kept for 14 days" (Amazon RDS API Reference, DescribeEvents: "for the past 14 days").
EVENTS_KEPT = timedelta(days=14)
BEFORE, AFTER = timedelta(hours=1), timedelta(days=8)
# What a step answers; see `StepResult`.
PAYLOAD_FIELDS = ("status", "wait_seconds", "progress_percent", "message")
DETAIL_FIELDS = ("name", "error", "cause", "resource", "resourceType")
PASSWORDS = frozenset({"MasterUserPassword", "TdeCredentialPassword"})


@dataclass(frozen=True)
class Window:
    """From when until when something is asked for."""

    begin: datetime
    end: datetime


def window_of(record: Record, now: datetime) -> Window:
    """From just before an operation until what it left is gone: a replaced cluster is kept for seven days at most."""
    begin = (record.start_time or now - AFTER) - BEFORE
    return Window(begin, min(now, record.end_time + AFTER) if record.end_time else now)


def events_window(window: Window, now: datetime) -> Window | None:
    """The part of it of which RDS still has events; None where it has none any more."""
    begin = max(window.begin, now - EVENTS_KEPT + BEFORE)
    return Window(begin, window.end) if begin < window.end else None


def cluster_names(record: Record) -> tuple[str, ...]:
    """The names that clusters of the operation have, or have had, in the target Region."""
    plan = record.plan
    names = (
        record.target_cluster_id,
        plan.target_cluster_id,
        plan.cluster.db_cluster_identifier,
        plan.replacement.retired_identifier,
        record.retirement.db_cluster_identifier,
        record.replaced.db_cluster_identifier,
    )
    return tuple(dict.fromkeys(name for name in names if name))


def instance_names(record: Record) -> tuple[str, ...]:
    """The names of the planned instances, and of those of the replaced cluster."""
    names = (
        *(each.db_instance_identifier for each in record.plan.instances),
        *(each.db_instance_identifier for each in record.replaced.members),
    )
    return tuple(dict.fromkeys(name for name in names if name))


def snapshot_names(record: Record) -> tuple[str, ...]:
    """The names of the copy and of the final snapshot, in the target Region."""
    names = (
        record.plan.copy.cluster_snapshot_identifier,
        record.snapshot_details.restored_from,
        record.plan.replacement.final_snapshot_identifier,
        record.retirement.final_snapshot_identifier,
    )
    return tuple(dict.fromkeys(name for name in names if name))


def is_of_operation(
    item: Mapping[str, Any], identifier: str, names: Iterable[str], operation_id: str
) -> bool:
    """Whether an object of RDS, as RDS describes it, has to do with an operation: by its name or by a tag of ours."""
    tags = {tag.get("Key"): tag.get("Value") for tag in item.get("TagList", ())}
    return item.get(identifier) in set(names) or operation_id in (
        tags.get(OPERATION_TAG),
        tags.get(REPLACED_BY_TAG),
    )


def without_passwords(value: Any) -> Any:
    """An object of RDS without what it shows in the place of a password."""
    if isinstance(value, Mapping):
        return {name: without_passwords(item) for name, item in value.items() if name not in PASSWORDS}
    if isinstance(value, list | tuple):
        return [without_passwords(item) for item in value]
    return value


def history_entry(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of an execution's history without its inputs: time, kind, state, error, and what the step answered."""
    entry: dict[str, Any] = {
        name: event[name] for name in ("id", "previousEventId", "timestamp", "type") if name in event
    }
    for details in event.values():
        if isinstance(details, Mapping):
            entry |= {name: details[name] for name in DETAIL_FIELDS if name in details}
            entry |= _answer(details.get("output"))
    return entry


def _answer(output: object) -> dict[str, Any]:
    try:
        value = json.loads(output) if isinstance(output, str) else None
    except ValueError:
        return {}
    # What Lambda answers has the function's own answer inside.
    payload = value.get("Payload", value) if isinstance(value, Mapping) else None
    if not isinstance(payload, Mapping):
        return {}
    kept = {name: payload[name] for name in PAYLOAD_FIELDS if name in payload}
    return {"answer": kept} if kept else {}


def cleans_up(execution_input: str | None, operation_id: str) -> bool:
    """Whether an execution of the cleanup machine is that of an operation: the event in its input names it."""
    try:
        event = json.loads(execution_input or "null")
    except ValueError:
        return False
    detail = event.get("detail") if isinstance(event, Mapping) else None
    return isinstance(detail, Mapping) and detail.get("name") == operation_id
