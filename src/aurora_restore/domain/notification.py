"""The one message at the end of a run: for a person first, with the same facts for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.times import format_time, parse_time


@dataclass(frozen=True)
class Message:
    """What is published: `subject` and `text` for people, `facts` for programs, `attributes` for filters."""

    subject: str
    text: str
    facts: Mapping[str, Any]
    attributes: Mapping[str, str]


def success_message(operation: Operation, now: datetime) -> Message:
    """The cluster stands: from which day, where, how to reach it, what to do next."""
    plan, details = operation.plan, operation.section("restore_details")
    day = plan.source.snapshot_create_time[:10]
    name = plan.cluster.db_cluster_identifier
    lines = [
        f"The Aurora cluster {name} stands, restored from {plan.source.db_cluster_identifier} as it was on "
        f"{plan.source.snapshot_create_time}.",
        "",
        f"Endpoint:   {details.get('endpoint')}:{details.get('port')}",
        f"Reader:     {details.get('reader_endpoint')}:{details.get('port')}",
        f"Instances:  {', '.join(item['db_instance_identifier'] for item in details.get('instances', ()))}",
        f"Snapshot:   {plan.source.cluster_snapshot_identifier} ({plan.source.region}): {plan.source.reason}",
        f"Users:      {_users(details)}",
        f"Took:       {_duration(operation, now)}",
        f"Operation:  {operation.operation_id}",
        "",
        "What to do next: connect over TLS with the endpoint above and the login in your own secret; "
        f"see everything with `aurora-restore status {operation.operation_id}`.",
    ]
    lines += _about_other_logins(details)
    lines += [f"Warning: {warning}" for warning in operation.item.get("warnings") or ()]
    return _message(operation, "SUCCEEDED", f"Restored: {name} from {day}", lines, now)


def dry_run_message(operation: Operation, now: datetime) -> Message:
    """A plan was made and nothing touched."""
    plan = operation.plan
    name = plan.cluster.db_cluster_identifier
    lines = [
        f"The plan for {name} holds: every check passed and nothing was touched.",
        "",
        f"Snapshot:   {plan.source.cluster_snapshot_identifier} ({plan.source.region}): {plan.source.reason}",
        f"Copy:       {'yes' if plan.copy else 'no'}: {plan.copy_reason}",
        f"Operation:  {operation.operation_id}",
        "",
        f"What to do next: read it with `aurora-restore status {operation.operation_id}`, then start the same "
        "request without dry_run.",
    ]
    return _message(operation, "PLANNED", f"Plan holds: {name}", lines, now)


def failure_message(operation: Operation, error: Mapping[str, Any], now: datetime) -> Message:
    """The run ended: where, why, what it means, what to do next."""
    target = operation.target_cluster_id or "(no target named)"
    is_plan = operation.is_dry_run
    lines = [
        f"The dry run for {target} was refused."
        if is_plan
        else f"The restore of {target} ended without a result.",
        "",
        f"Step:       {error['step']}",
        f"Error:      {error['code']}: {error['message']}",
        f"Hint:       {error['hint']}",
    ]
    faults = error.get("faults") or ()
    if len(faults) > 1:
        lines += [f"  - {fault['code']}: {fault['message']}\n    {fault['hint']}" for fault in faults]
    lines += [
        f"Took:       {_duration(operation, now)}",
        f"Operation:  {operation.operation_id}",
        "",
        _what_was_left(operation),
        f"What to do next: follow the hint, then start again under a new name; see everything with "
        f"`aurora-restore status {operation.operation_id}`.",
    ]
    subject = (
        f"Plan refused: {target}: {error['code']}"
        if is_plan
        else f"Restore FAILED: {target}: {error['code']}"
    )
    message = _message(operation, "PLAN_REFUSED" if is_plan else "FAILED", subject, lines, now)
    return Message(message.subject, message.text, {**message.facts, "error": dict(error)}, message.attributes)


def _message(operation: Operation, outcome: str, subject: str, lines: list[str], now: datetime) -> Message:
    facts: dict[str, Any] = {
        "operation_id": operation.operation_id,
        "outcome": outcome,
        "execution_arn": operation.execution_arn,
        "target_cluster_id": operation.target_cluster_id,
        "start_time": operation.item.get("start_time"),
        "end_time": format_time(now),
        "restore_details": operation.section("restore_details"),
    }
    if operation.is_planned:
        facts["snapshot"] = operation.item["plan"]["source"]
    attributes = {"outcome": outcome, "target_cluster_id": operation.target_cluster_id or "none"}
    return Message(subject, "\n".join(lines), facts, attributes)


def _about_other_logins(details: Mapping[str, Any]) -> list[str]:
    locked = details.get("locked_logins") or ()
    open_logins = [name for name in details.get("other_logins") or () if name not in locked]
    lines = []
    if open_logins:
        lines.append(
            f"Note: {len(open_logins)} more login(s) came along with the snapshot and keep their production "
            f"passwords: {', '.join(open_logins)}. `lock_other_logins: true` disables them."
        )
    if locked:
        lines.append(f"Note: {len(locked)} login(s) that came along were disabled: {', '.join(locked)}.")
    return lines


def _what_was_left(operation: Operation) -> str:
    """What the run had begun to make; each name was written down before its request was sent."""
    made = operation.section("made")
    if not made:
        return "What it means: nothing was created, and nothing that stood before was touched."
    names = ", ".join(f"the {kind} {name}" for kind, name in made.items())
    words = (
        f"What it means: this may still stand: {names} (what is ours has the tag {OPERATION_TAG} = "
        f"{operation.operation_id}; leave what has not). Nothing that stood before was touched."
    )
    if "cluster" in made and "endpoint" not in operation.section("restore_details"):
        words += " The cluster, where it stands, may still open with production's master password."
    return words


def _users(details: Mapping[str, Any]) -> str:
    users = [f"{user['username']} ({user['access']})" for user in details.get("users", ())]
    return ", ".join(users) or "none asked for"


def _duration(operation: Operation, now: datetime) -> str:
    started = operation.item.get("start_time")
    if not started:
        return "unknown"
    seconds = int((now - parse_time(started)).total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    )
