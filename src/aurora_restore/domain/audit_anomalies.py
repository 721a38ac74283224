"""What of an operation an operator should look at, by its record and its audit events: the anomalies of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from aurora_restore.domain.audit_verification import ChainState, Verification
from aurora_restore.domain.errors import ManualIntervention
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.waiting import CAP_SECONDS

CLEANUP_REQUESTED = "cleanup.requested"
NOTIFICATION_FAILED = "notification.failed"
# Each look of a run or a cleanup is in the record, and none waits so long for the next one.
SILENT_AT_MOST = timedelta(seconds=2 * CAP_SECONDS)


class AnomalyKind(StrEnum):
    """In the order of their weight: what says that the trail itself cannot be trusted is first."""

    CHAIN_BROKEN = "CHAIN_BROKEN"
    NO_END = "NO_END"
    MANUAL_INTERVENTION = "MANUAL_INTERVENTION"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ROLLED_BACK = "ROLLED_BACK"
    ENDED_EARLY = "ENDED_EARLY"
    EVENT_MISSED = "EVENT_MISSED"
    NOT_NOTIFIED = "NOT_NOTIFIED"


@dataclass(frozen=True)
class Anomaly:
    """One thing to look at, in one sentence. A restore that a request's fault ended has one, as any that failed."""

    kind: AnomalyKind
    message: str

    @property
    def weight(self) -> int:
        """The lower, the more it weighs."""
        return list(AnomalyKind).index(self.kind)

    def to_item(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "message": self.message}


def anomalies(
    record_item: Mapping[str, Any] | None,
    events: Sequence[Mapping[str, Any]],
    verification: Verification,
    now: datetime,
) -> tuple[Anomaly, ...]:
    """Everything that is unusual about an operation, the weightiest first; nothing for one that went as it should."""
    operation = Operation(record_item or {})
    found: list[Anomaly] = []
    if verification.state is ChainState.BROKEN:
        first, count = verification.findings[0].message, len(verification.findings)
        more = f"; {count - 1} more" if count > 1 else ""
        found.append(Anomaly(AnomalyKind.CHAIN_BROKEN, f"the audit events do not verify: {first}{more}"))
    if record_item is not None:
        found += _of_record(operation, now)
    # An anomaly that both show is named once.
    found += [anomaly for anomaly in dict.fromkeys(_of_events(events)) if anomaly not in found]
    return tuple(sorted(found, key=lambda anomaly: anomaly.weight))


def _of_record(operation: Operation, now: datetime) -> Iterable[Anomaly]:
    record, cleanup = operation.record, operation.record.cleanup
    error = record.error
    why = f"{error.code}: {error.message}" if error and error.code else "the record does not say why"
    last = max((time for time in (cleanup.last_updated_time, record.last_updated_time) if time), default=None)
    if not operation.is_closed and (last is None or now - last > SILENT_AT_MOST):
        message = f"it has no end: the record says {operation.status}, and nothing has changed it"
        yield Anomaly(AnomalyKind.NO_END, f"{message} since {last:%Y-%m-%d %H:%M} UTC" if last else message)
    if record.is_marked_by_hand or (error and error.code == ManualIntervention.code) or record.error_by_hand:
        yield Anomaly(AnomalyKind.MANUAL_INTERVENTION, "an operator wrote into the record by hand")
    if operation.status == OperationStatus.FAILED:
        yield Anomaly(AnomalyKind.FAILED, f"it failed: {why}")
    if operation.status == OperationStatus.CANCELLED:
        yield Anomaly(AnomalyKind.CANCELLED, f"it was cancelled: {error.message if error else why}")
    if record.is_closed and cleanup.ending is not None:
        what = "; ".join(cleanup.done) or cleanup.reason
        if cleanup.ending.goes_back:
            yield Anomaly(AnomalyKind.ROLLED_BACK, f"it was rolled back: {what}")
        else:
            yield Anomaly(
                AnomalyKind.ENDED_EARLY, f"its execution ended before it had, and was completed: {what}"
            )
    if record.is_closed and record.notification.error:
        yield _not_notified(record.notification.error)


def _of_events(events: Iterable[Mapping[str, Any]]) -> Iterable[Anomaly]:
    for event in events:
        given = event.get("details")
        details = given if isinstance(given, Mapping) else {}
        if event.get("event") == NOTIFICATION_FAILED:
            yield _not_notified(details.get("error"))
        # That a kept cluster is due is how it should be: no event of Step Functions begins its retirement.
        if event.get("event") == CLEANUP_REQUESTED and not details.get("is_expected"):
            reason = details.get("reason", "the event does not say why")
            yield Anomaly(AnomalyKind.EVENT_MISSED, f"the sweep had to begin its cleanup: {reason}")


def _not_notified(error: object) -> Anomaly:
    return Anomaly(AnomalyKind.NOT_NOTIFIED, f"a message was not sent: {error}")


def asked_by(record_item: Mapping[str, Any] | None, events: Iterable[Mapping[str, Any]]) -> str | None:
    """Who asked for the operation, as the request says; by its first event where its record has expired."""
    known = Record.read(record_item).requested_by
    if known:
        return known
    details = (each.get("details") for each in events)
    named = (each.get("requested_by") for each in details if isinstance(each, Mapping))
    return next((name for name in named if isinstance(name, str)), None)
