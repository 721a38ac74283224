"""The end of a run, good or bad: tell people once, close the record, give the lock back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.errors import ERRORS_BY_NAME, NotificationFailed, RestoreError
from aurora_restore.domain.notification import Message, dry_run_message, failure_message, success_message
from aurora_restore.domain.operation import Operation, OperationStatus
from aurora_restore.domain.results import Phase, StepResult, done
from aurora_restore.domain.times import format_time
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.runner import run_step
from aurora_restore.steps.snapshot_check import begin_record
from aurora_restore.steps.world import World


def notify(world: World, operation_id: str) -> StepResult:
    """The last phase of a good run. Called again after a crash, it does only what is left to do."""
    item = world.records.load(operation_id)
    if item is None or item["status"] != OperationStatus.SUCCEEDED:
        run_step(Phase.NOTIFY, _publish_success, world, operation_id)
        # A step that failed when it was called a second time may have left an error that the run has outlived.
        _close(
            world,
            operation_id,
            OperationStatus.SUCCEEDED,
            {"error": None} if item and item.get("error") else {},
        )
    operation = Operation(world.records.load(operation_id) or {})
    _release(world, operation)
    return done("people were told, the record is closed, the lock is free")


def record_failure(
    world: World,
    operation_id: str,
    execution_arn: str | None,
    raw_request: object,
    error_name: str,
    cause: str,
) -> Mapping[str, str]:
    """The end of a bad run: the error into the record, one message, the lock back.

    Returns the error's name and cause for the state machine's Fail state. A message that cannot be sent does
    not keep the record from being closed.
    """
    item = world.records.load(operation_id)
    if item is None:
        begin_record(world, operation_id, execution_arn, raw_request)
        item = world.records.load(operation_id) or {}
    operation = Operation(item)
    error = _error(operation, error_name, cause)
    if operation.execution_arn == execution_arn:
        _close_as_failed(world, operation, error)
        _release(world, operation)
    return {
        "operation_id": operation_id,
        "error": error_name,
        "cause": f"{error['code']}: {error['message']}",
    }


def _close_as_failed(world: World, operation: Operation, error: Mapping[str, Any]) -> None:
    changes: dict[str, Any] = {"error": dict(error)}
    if not operation.section("notification"):
        try:
            changes["notification"] = _publish(world, failure_message(operation, error, world.clock.now()))
        except NotificationFailed as failed:
            changes["notification"] = {"error": failed.message}
    if operation.is_running:
        _close(world, operation.operation_id, OperationStatus.FAILED, changes)
    else:
        world.records.update(operation.operation_id, {"notification": changes.get("notification", {})})


def _publish_success(operation: Operation, world: World) -> StepOutcome:
    if operation.section("notification"):
        return StepOutcome(done("people were told before"))
    now = world.clock.now()
    message = dry_run_message(operation, now) if operation.is_dry_run else success_message(operation, now)
    return StepOutcome(done("people were told"), {"notification": _publish(world, message)})


def _publish(world: World, message: Message) -> dict[str, Any]:
    message_id = world.notifications.publish(message.subject, message.text, message.facts, message.attributes)
    return {
        "message_id": message_id,
        "published_time": format_time(world.clock.now()),
        "subject": message.subject,
    }


def _close(world: World, operation_id: str, status: OperationStatus, changes: Mapping[str, Any]) -> None:
    now = world.clock.now()
    ending = {"status": status.value, "end_time": format_time(now), "last_updated_time": format_time(now)}
    world.records.update(operation_id, {**changes, **ending}, only_if_status=OperationStatus.RUNNING.value)
    world.audit.append(
        operation_id, now, f"operation.{status.value.lower()}", dict(changes.get("error") or {})
    )


def _release(world: World, operation: Operation) -> None:
    if operation.target_cluster_id:
        world.locks.release(operation.target_cluster_id, operation.operation_id)


def _error(operation: Operation, error_name: str, cause: str) -> dict[str, Any]:
    """What the step wrote into the record; where it could not, what Step Functions knows."""
    written = operation.section("error")
    error_class = ERRORS_BY_NAME.get(error_name)
    # A record that was closed by hand carries the operator's own words.
    is_by_hand = bool(operation.item) and not operation.is_running
    if written and (is_by_hand or error_class is None or written.get("code") == error_class.code):
        return {"step": operation.item.get("step"), "hint": RestoreError.default_hint, **written}
    code = error_class.code if error_class else RestoreError.code
    hint = error_class.default_hint if error_class else RestoreError.default_hint
    message = _cause_message(cause) or f"The step ended with {error_name}."
    step = str(operation.item.get("step", Phase.SNAPSHOT_CHECK.value))
    return {
        "code": code,
        "message": message,
        "hint": hint,
        "step": step,
        "faults": [{"code": code, "message": message, "hint": hint}],
    }


def _cause_message(cause: str) -> str:
    """Lambda's cause is JSON with `errorMessage`; Step Functions' own causes are plain text."""
    try:
        parsed = json.loads(cause)
    except ValueError:
        return cause
    return str(parsed.get("errorMessage", cause)) if isinstance(parsed, dict) else cause
