"""The end of every run, good or bad: notify, close the record, write the last audit event, release the lock.

Each part can be repeated after a crash with the same result; only a message may go out twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aurora_restore.domain.errors import NotificationFailed, RestoreError, TransientError
from aurora_restore.domain.measures import operation_measures
from aurora_restore.domain.notification import Message, ended_message
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import AuditEntry, Notification, Record, changed, written
from aurora_restore.domain.states import Ending, OperationStatus
from aurora_restore.steps.audit_events import AuditTrail, append_audit, append_first_event
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.ports import Ports

# A finished restore does not wait longer than this for SNS.
SNS_WAIT_LIMIT = timedelta(minutes=15)
STORE_TRIES = 3


def notify(operation: Operation, ports: Ports, message: Message) -> Notification:
    """Publish, unless it was done before. A message that cannot be sent fails no run: the record says so.

    Raises:
        RestoreError: the message was sent, and its id could not be written, three times.
    """
    if notification := operation.record.notification:
        return notification
    time = ports.clock.now()
    try:
        message_id = ports.notifications.publish(
            message.subject, message.text, message.facts, message.attributes
        )
    except NotificationFailed as failed:
        AuditTrail(ports, operation).write({}, [_not_sent(failed)])
        return Notification(error=failed.message, hint=failed.hint, subject=message.subject)
    notification = Notification(message_id=message_id, published_time=time, subject=message.subject)
    # At once, and again where that fails: a message whose id was not stored is sent a second time.
    for tries_left in reversed(range(STORE_TRIES)):
        try:
            ports.records.update(operation.operation_id, written(notification))
        except RestoreError:
            if not tries_left:
                raise
        else:
            break
    return notification


def publish_best_effort(operation: Operation, ports: Ports, message: Message) -> None:
    """A message besides the last one. A failure to send it decides nothing, and is an audit event."""
    try:
        ports.notifications.publish(message.subject, message.text, message.facts, message.attributes)
    except (NotificationFailed, TransientError) as failed:
        AuditTrail(ports, operation).write({}, [_not_sent(failed)])


def _not_sent(failed: RestoreError) -> Event:
    return Event("notification.failed", {"error": failed.message})


def notify_or_defer(
    operation: Operation, ports: Ports, message: Message, waited: timedelta
) -> Notification | None:
    """As `notify`; None where SNS does not answer and may do so later. The wait for it is limited."""
    try:
        return notify(operation, ports, message)
    except TransientError as transient:
        # The restore is done: its record is not held open for a service that stays away.
        if waited < SNS_WAIT_LIMIT:
            return None
        return Notification(error=transient.message, hint=transient.hint, subject=message.subject)


def close(operation: Operation, ports: Ports, status: OperationStatus, changes: Mapping[str, Any]) -> None:
    """Give an open record its last status; one whose status is not that of `operation` any more stays as it is."""
    time = ports.clock.now()
    ending = changed(Record, status=status.value, end_time=time, last_updated_time=time, settled_time=None)
    error = Record.read({**operation.item, **changes}).error
    # In the very change that closes the record: an event of its end is there if and only if it has ended.
    event = Event(f"operation.{status.value.lower()}", error.item if error else {})
    AuditTrail(ports, operation).write({**changes, **ending}, [event], operation.status)


def notify_failure(ports: Ports, operation_id: str) -> None:
    """Notify of a closed operation that failed or was cancelled, unless that was done before."""
    operation = Operation(ports.records.load(operation_id) or {})
    endings = {OperationStatus.FAILED: Ending.FAILED, OperationStatus.CANCELLED: Ending.CANCELLED}
    ending = endings.get(OperationStatus(operation.status))
    if ending is None or not operation.is_closed or operation.record.notification:
        return
    notification = notify(operation, ports, ended_message(operation, ending, ports.clock.now()))
    ports.records.update(operation_id, written(notification))


def release(ports: Ports, operation_id: str) -> AuditTrail:
    """What follows from a closed record: its last audit events, and the release of the lock."""
    operation = Operation(ports.records.load(operation_id) or {})
    trail = AuditTrail(ports, operation)
    if operation.is_closed:
        append_first_event(operation, ports)
        trail.flush()
        if not trail.head:
            # An earlier version has closed the record: with its own time the event is the same entry as before.
            error, name = operation.record.error, f"operation.{operation.status.lower()}"
            end = AuditEntry(time=operation.record.end_time, event=name, details=error.item if error else {})
            append_audit(ports, operation_id, [end])
    # Last of all: with the lock gone, another operation may begin on the target.
    if operation.target_cluster_id:
        ports.locks.release(operation.target_cluster_id, operation_id)
    return trail


def settle(ports: Ports, operation_id: str) -> None:
    """All that follows from a closed record, and last the note that it was done: without it the sweep tries again."""
    trail = release(ports, operation_id)
    # After everything else: a failure to notify decides nothing.
    notify_failure(ports, operation_id)
    trail.operation = Operation(ports.records.load(operation_id) or {})
    if trail.operation.record.is_unsettled:
        # At least once: a call that dies in between, or another one beside this, writes the same lines again. They
        # are about the same moment, and only averages, percentiles and extremes are made of them, never sums.
        for measured in operation_measures(trail.operation):
            ports.metrics.put(measured)
        # Nothing is noted any more in a settled record: what is, was not appended.
        trail.write(changed(Record, settled_time=ports.clock.now()), ())
