"""Notify: the last phase of a good run."""

from __future__ import annotations

from aurora_restore.domain.errors import OperationNotRunning
from aurora_restore.domain.notification import dry_run_message, success_message
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Notification, Record, changed, written
from aurora_restore.domain.results import Phase, StepResult, StepStatus, done, in_progress
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.finalize import close, notify_or_defer, settle
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import run_step, write_ahead


def notify(ports: Ports, operation_id: str) -> StepResult:
    """Notify and close the record as SUCCEEDED. Called again, it does only what is left to do.

    Raises:
        OperationNotRunning: the record is gone, or was closed as something else.
    """
    try:
        result = run_step(Phase.NOTIFY, publish_success, ports, operation_id)
        if result.status is StepStatus.IN_PROGRESS:
            return result
        operation = Operation(ports.records.load(operation_id) or {})
        record = operation.record
        # A step that failed when it was called a second time may have left an error that the run has overcome.
        cleared_error = changed(Record, error=None) if record.error or record.error_by_hand else {}
        if operation.is_running:
            close(operation, ports, OperationStatus.SUCCEEDED, cleared_error)
    except OperationNotRunning:
        # Another call of this very phase may have been faster.
        if not _has_succeeded(ports, operation_id):
            raise
        result = done("the record was closed before")
    else:
        # The record was closed only if it still ran: an operator
        # or a cleanup may have ended it in the meantime.
        if not _has_succeeded(ports, operation_id):
            raise OperationNotRunning(
                f"The operation {operation_id} was closed while the notification was sent."
            )
        result = done("notification sent, record closed, lock released")
    settle(ports, operation_id)
    return result


def publish_success(operation: Operation, ports: Ports) -> StepOutcome:
    now = ports.clock.now()
    message = dry_run_message(operation, now) if operation.is_dry_run else success_message(operation, now)
    waited = now - (operation.phase_start(Phase.NOTIFY) or now)
    answers: list[Notification | None] = []

    def publish() -> None:
        answers.append(notify_or_defer(operation, ports, message, waited))

    # Written down first, like everything else: a cleanup that overtakes this waits for what may be on its way.
    answered = write_ahead(operation, ports, "message", message.subject, publish)
    notification = answers[0]
    if notification is None:
        return StepOutcome(in_progress("SNS is unavailable", waiting_for="notification"))
    words = f"notification FAILED: {notification.error}" if notification.error else "notification sent"
    return StepOutcome(done(words), {**written(notification), **answered})


def _has_succeeded(ports: Ports, operation_id: str) -> bool:
    return Operation(ports.records.load(operation_id) or {}).status == OperationStatus.SUCCEEDED
