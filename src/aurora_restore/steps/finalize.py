"""The end of every run, good or bad: tell people, close the record, complete the trail, give the lock back.

Each part can be done again after a crash and leaves then what one time leaves; only a message may go out twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aurora_restore.domain.cleaning import Ending
from aurora_restore.domain.errors import NotificationFailed, RestoreError, TransientFault
from aurora_restore.domain.notification import Message, ended_message
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.steps.audit_events import append_first_event, flush_pending_audit
from aurora_restore.steps.ports import Ports

# A restore that stands does not wait longer than this for SNS to say so.
SNS_WAIT_LIMIT = timedelta(minutes=15)
STORE_TRIES = 3


def notify(ports: Ports, operation: Operation, message: Message) -> dict[str, Any]:
    """Publish, unless it was done before. What cannot be sent keeps no run from its end: it stands in the record."""
    if notification := operation.section("notification"):
        return notification
    time = format_time(ports.clock.now())
    try:
        message_id = ports.notifications.publish(
            message.subject, message.text, message.facts, message.attributes
        )
    except NotificationFailed as failed:
        ports.audit.append(
            operation.operation_id, ports.clock.now(), "notification.failed", {"error": failed.message}
        )
        return {"error": failed.message, "hint": failed.hint, "subject": message.subject}
    notification = {"message_id": message_id, "published_time": time, "subject": message.subject}
    _store_message_id(ports, operation.operation_id, notification)
    return notification


def _store_message_id(ports: Ports, operation_id: str, notification: Mapping[str, Any]) -> None:
    """At once, and again where it does not work: a message that nobody knows of goes out a second time.

    Raises:
        RestoreError: it could not be written, three times.
    """
    for tries_left in reversed(range(STORE_TRIES)):
        try:
            ports.records.update(operation_id, {"notification": dict(notification)})
        except RestoreError:
            if not tries_left:
                raise
        else:
            return


def publish_best_effort(ports: Ports, operation: Operation, message: Message) -> None:
    """A message besides the last one. Whether it can be sent decides nothing, and stands in the trail."""
    try:
        ports.notifications.publish(message.subject, message.text, message.facts, message.attributes)
    except (NotificationFailed, TransientFault) as failed:
        ports.audit.append(
            operation.operation_id, ports.clock.now(), "notification.failed", {"error": failed.message}
        )


def notify_or_defer(
    ports: Ports, operation: Operation, message: Message, waited: timedelta
) -> dict[str, Any] | None:
    """As `tell`; None where SNS is silent and may yet answer. It is not waited for without end."""
    try:
        return notify(ports, operation, message)
    except TransientFault as transient:
        if waited < SNS_WAIT_LIMIT:
            return None
        return {"error": transient.message, "hint": transient.hint, "subject": message.subject}


def close(
    ports: Ports,
    operation_id: str,
    status: OperationStatus,
    changes: Mapping[str, Any],
    from_status: str = OperationStatus.RUNNING.value,
) -> None:
    """Give an open record its last status; one that is closed already stays as it is."""
    time = format_time(ports.clock.now())
    ending = {"status": status.value, "end_time": time, "last_updated_time": time, "settled_time": None}
    ports.records.update(operation_id, {**changes, **ending}, only_if_status=from_status)


def notify_failure(ports: Ports, operation_id: str) -> None:
    """Tell people of a closed operation that came to nothing, unless it was done before."""
    operation = Operation(ports.records.load(operation_id) or {})
    endings = {OperationStatus.FAILED: Ending.FAILED, OperationStatus.CANCELLED: Ending.CANCELLED}
    ending = endings.get(OperationStatus(operation.status))
    if ending is None or not operation.is_closed or operation.section("notification"):
        return
    notification = notify(ports, operation, ended_message(operation, ending, ports.clock.now()))
    ports.records.update(operation_id, {"notification": notification})


def release(ports: Ports, operation_id: str) -> None:
    """What follows from a closed record: its last event in the trail, and the lock."""
    operation = Operation(ports.records.load(operation_id) or {})
    if ended := operation.item.get("end_time"):
        # Every entry bears the record's own time: written again, it is the same entry.
        append_first_event(ports, operation)
        flush_pending_audit(ports, operation)
        details = operation.section("error")
        ports.audit.append(operation_id, parse_time(ended), f"operation.{operation.status.lower()}", details)
    if operation.target_cluster_id:
        ports.locks.release(operation.target_cluster_id, operation_id)


def settle(ports: Ports, operation_id: str) -> None:
    """All that follows from a closed record, and last the word that it was done: without it the sweep comes again."""
    release(ports, operation_id)
    # After everything else: whether people can be told decides nothing.
    notify_failure(ports, operation_id)
    if Operation(ports.records.load(operation_id) or {}).is_unsettled:
        ports.records.update(operation_id, {"settled_time": format_time(ports.clock.now())})
