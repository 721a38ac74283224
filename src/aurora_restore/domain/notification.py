"""The one message at the end of a run: for a person first, with the same facts for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.domain.counting import counted
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import ErrorState, Record
from aurora_restore.domain.rehearsal import asked_of, figures, measured
from aurora_restore.domain.states import Ending, RehearsalVerdict, RetirementState, Strategy
from aurora_restore.domain.times import format_time, minute_if_readable, minute_in_words
from aurora_restore.domain.visible_text import visible
from aurora_restore.domain.wording import duration_words

NOTHING_TOUCHED = "nothing was created, and nothing that existed before was touched."


@dataclass(frozen=True)
class Message:
    """What is published: `subject` and `text` for people, `facts` for programs, `attributes` for filters."""

    subject: str
    text: str
    facts: Mapping[str, Any]
    attributes: Mapping[str, str]


def success_message(operation: Operation, now: datetime) -> Message:
    """The cluster is available: from which day, where, how to reach it, what to do next."""
    plan, details = operation.plan, operation.record.restore_details
    if plan.strategy is Strategy.UNDO:
        return _undo_message(operation, now)
    if asked_of(operation.record) is not None:
        return _rehearsal_message(operation, now)
    day = plan.source.snapshot_create_time[:10]
    name = plan.target_cluster_id
    lines = [
        f"The Aurora cluster {name} is available, restored from {plan.source.db_cluster_identifier} as it was on "
        f"{minute_if_readable(plan.source.snapshot_create_time)}.",
        "",
        f"Endpoint:   {details.endpoint}:{details.port}",
        f"Reader:     {details.reader_endpoint}:{details.port}",
        f"Instances:  {', '.join(item.db_instance_identifier for item in details.instances)}",
        f"Snapshot:   {plan.source.cluster_snapshot_identifier} ({plan.source.region}): {plan.source.reason}",
        f"Users:      {', '.join(f'{user.username} ({user.access})' for user in details.users) or 'none asked for'}",
        *_about_replaced(operation),
    ]
    if arn := operation.record.master_secret.arn:
        lines.append(f"Master:     RDS manages the password of the master user in the new secret {arn}")
    lines += [
        _took(operation, now),
        f"Operation:  {operation.operation_id}",
        "",
        "What to do next: connect over TLS with the endpoint above and the login in your own secret; "
        f"see everything with `aurora-restore status {operation.operation_id}`.",
    ]
    lines += _notes(operation)
    lines += [f"Warning: {warning}" for warning in operation.record.warnings]
    return message_about(operation, "SUCCEEDED", f"Restored: {name} from {day}", lines, now)


def _rehearsal_message(operation: Operation, now: datetime) -> Message:
    """The restore succeeded: with which figures, whether within the objectives, and what became of its cluster."""
    plan, name = operation.plan, operation.plan.target_cluster_id
    known, source = operation.record.rehearsal, plan.source
    state = known if known.verdict else measured(operation.record, now)
    has_passed = state.verdict is RehearsalVerdict.PASSED
    how = "passed" if has_passed else f"missed its objective ({' and '.join(state.missed).upper()})"
    cluster = f"left: {known.left}" if known.left else f"{name}, deleted"
    todo = "nothing" if has_passed else "see which phase took the time, or why there is no later snapshot"
    lines = [
        f"The rehearsal with {source.db_cluster_identifier} as it was on "
        f"{minute_if_readable(source.snapshot_create_time)} {how}.",
        "",
        *(f"{label}:        {words}" for label, words in figures(state)),
        f"Snapshot:   {source.cluster_snapshot_identifier} ({source.region}): {source.reason}",
        f"Cluster:    {cluster}",
        _took(operation, now),
        f"Operation:  {operation.operation_id}",
        "",
        "What it means: the snapshot was restored, verified, and a client was proved to reach it. RTO is the time from "
        "the start until then, RPO the age of the snapshot at the start.",
        f"What to do next: {todo}; see everything with `aurora-restore status {operation.operation_id}`.",
    ]
    lines += [f"Warning: {warning}" for warning in operation.record.warnings]
    # A filter on the subject or on the outcome finds what was missed without reading the text.
    verdict = "passed" if has_passed else f"MISSED {' and '.join(state.missed).upper()}"
    subject = f"Rehearsal {verdict}: {source.db_cluster_identifier} from {source.snapshot_create_time[:10]}"
    if known.left:
        subject += ", cluster left"
    outcome = "REHEARSAL_PASSED" if has_passed else "REHEARSAL_MISSED"
    message = message_about(operation, outcome, subject, lines, now)
    facts = {**message.facts, "rehearsal": dict(state.item)}
    return Message(message.subject, message.text, facts, message.attributes)


def _undo_message(operation: Operation, now: datetime) -> Message:
    plan, details = operation.plan, operation.record.restore_details
    name = plan.target_cluster_id
    undone = plan.replacement.undoes if plan.replacement else None
    lines = [
        f"The Aurora cluster {name} is again the cluster from before the operation {undone}.",
        "",
        f"Endpoint:   {details.endpoint}:{details.port}",
        *_about_replaced(operation),
        _took(operation, now),
        f"Operation:  {operation.operation_id}",
        "",
        "What it means: its users and passwords are those that it had; what was written to the restored cluster "
        "since is in its final snapshot.",
        f"What to do next: nothing; see everything with `aurora-restore status {operation.operation_id}`.",
    ]
    lines += [f"Warning: {warning}" for warning in operation.record.warnings]
    return message_about(operation, "SUCCEEDED", f"Undone: {name} is what it was before {undone}", lines, now)


def ended_message(operation: Operation, ending: Ending, now: datetime) -> Message:
    """The one message of a run that did not end by itself. Its error is in the record."""
    if ending is Ending.SUCCEEDED:
        return dry_run_message(operation, now) if operation.is_dry_run else success_message(operation, now)
    return failure_message(operation, operation.record.error or ErrorState.read(None), now, ending)


def dry_run_message(operation: Operation, now: datetime) -> Message:
    """A plan was made and nothing touched."""
    plan = operation.plan
    name = plan.target_cluster_id
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
    return message_about(operation, "PLANNED", f"Plan holds: {name}", lines, now)


def failure_message(
    operation: Operation, error: ErrorState, now: datetime, ending: Ending = Ending.FAILED
) -> Message:
    """The run ended: where, why, what it means, what to do next."""
    target = operation.target_cluster_id or "(no target named)"
    is_rehearsal = asked_of(operation.record) is not None
    what = "undo" if operation.record.parameters.is_undo else "rehearsal" if is_rehearsal else "restore"
    # A dry run that an operator stopped was not refused: nothing is known of its request.
    if operation.is_dry_run and ending is not Ending.CANCELLED:
        outcome, subject = "PLAN_REFUSED", f"Plan refused: {target}: {error.code}"
        first = f"The dry run for {target} was refused."
    else:
        outcome, subject = ending.value, f"{what.capitalize()} {ending.value}: {target}: {error.code}"
        how = "was cancelled" if ending is Ending.CANCELLED else "failed"
        first = f"The {what} of {target} {how}."
    # The message of several problems repeats them all; each has a line of its own below.
    count = len(error.problems)
    message = f"{count} problems" if count > 1 else error.message
    hints = "hints" if count > 1 else "hint"
    lines = [
        first,
        "",
        f"Phase:      {error.step}",
        f"Error:      {error.code}: {message}",
        *_hint_lines("Hint:       ", error.hint),
    ]
    # A single problem is the error itself.
    if count > 1:
        for problem in error.problems:
            lines += [f"  - {problem.code}: {problem.message}", *_hint_lines("    ", problem.hint)]
    lines += [
        _took(operation, now),
        f"Operation:  {operation.operation_id}",
        "",
        *what_it_means(operation),
        *(f"Warning: {warning}" for warning in operation.record.warnings),
        f"What to do next: follow the {hints}, then start again under a new name; see everything with "
        f"`aurora-restore status {operation.operation_id}`.",
    ]
    sent = message_about(operation, outcome, subject, lines, now)
    return Message(sent.subject, sent.text, {**sent.facts, "error": dict(error.item)}, sent.attributes)


def message_about(
    operation: Operation, outcome: str, subject: str, lines: list[str], now: datetime
) -> Message:
    """The lines for people, with the facts of the operation for programs."""
    listed, rested = _came_along(operation)
    record, started = operation.record, operation.record.start_time
    # A program gets what the text says, and the parts of the record whole.
    facts: dict[str, Any] = {
        "operation_id": operation.operation_id,
        "outcome": outcome,
        "execution_arn": operation.execution_arn,
        "target_cluster_id": operation.target_cluster_id,
        "start_time": format_time(started) if started else None,
        "end_time": format_time(now),
        "restore_details": dict(record.restore_details.item),
        "came_along": listed,
        "put_to_rest": rested,
    }
    if operation.is_planned:
        facts["snapshot"] = dict(record.plan.source.item)
    # SNS refuses an attribute that is empty.
    attributes = {"outcome": outcome, "target_cluster_id": operation.target_cluster_id or "none"}
    # Names in a database may hold characters that act on a terminal.
    return Message(subject, "\n".join(visible(line) for line in lines), facts, attributes)


def _hint_lines(label: str, hint: str) -> list[str]:
    """A hint may have commands in lines of their own."""
    first, *commands = hint.split("\n")
    return [label + first, *(" " * len(label) + command for command in commands)]


def _notes(operation: Operation) -> list[str]:
    """What people should also know: what was lost with the old identity, and what came along with the snapshot."""
    losses, details = operation.plan.will_be_lost, operation.record.restore_details
    lines = []
    if losses:
        lines += [
            f"Note: the new cluster's resource id is {details.db_cluster_resource_id}. "
            "What depended on the identity of the replaced cluster is lost:",
            *(f"  - {loss}" for loss in losses),
        ]
    locked, open_logins = details.locked_logins, details.open_logins
    if open_logins:
        names, is_one = ", ".join(open_logins), len(open_logins) == 1
        keep = "keeps its production password" if is_one else "keep their production passwords"
        lines.append(
            f"Note: {counted(len(open_logins), 'other login')} came along with the snapshot and {keep}: {names}. "
            f"A restore with `lock_other_logins: true` disables {'it' if is_one else 'them'}."
        )
    if locked:
        were = "was" if len(locked) == 1 else "were"
        lines.append(
            f"Note: {counted(len(locked), 'other login')} that came along with the snapshot {were} disabled: "
            f"{', '.join(locked)}."
        )
    listed, rested = _came_along(operation)
    if listed:
        lines += ["Note: this came along with the snapshot:", *(f"  - {line}" for line in listed)]
    if rested:
        lines += [
            "Note: this was put to rest; the record's `defused` has the statements that take it back:",
            *(f"  - {line}" for line in rested),
        ]
    return lines + [f"Note: {note}." for note in details.user_notes]


def _came_along(operation: Operation) -> tuple[list[str], list[str]]:
    """What is listed, and what was put to rest, a line for each kind."""
    listed, defused = operation.record.came_along, operation.record.defused
    if not listed and not defused:
        return [], []
    # Only messages about a finished copy need them: the other functions do not compile them at their cold start.
    from aurora_restore.domain.came_along import summary_lines  # noqa: PLC0415
    from aurora_restore.domain.defusing import rest_lines  # noqa: PLC0415

    return summary_lines(listed), rest_lines(defused)


def what_it_means(operation: Operation) -> list[str]:
    """What exists now, what was done about it, what was kept: only what was observed."""
    if not operation.record.acts:
        return [f"What it means: {NOTHING_TOUCHED}"]
    plan = operation.plan
    exists = what_exists(operation.record, plan.target_cluster_id, is_new=plan.strategy is Strategy.NEW)
    return [
        f"What it means: {exists}",
        *(f"  - done: {sentence}" for sentence in operation.record.cleanup.done),
        *(f"  - kept: {sentence}" for sentence in what_is_kept(operation)),
    ]


def what_exists(record: Record, target_cluster_id: str, *, is_new: bool) -> str:
    """Which cluster has the target's name after a run that went back; `is_new`: none had it before."""
    if left := record.rehearsal.left:
        return f"the scratch cluster of the rehearsal was left: {left}."
    if is_new:
        return (
            f"no cluster has the name {target_cluster_id}, as before; of what the run made, only what is listed as "
            "kept is left."
        )
    if record.retirement.restored_by_hand:
        return (
            f"{target_cluster_id} was restored by hand and is available; the cleanup does not know from what."
        )
    if record.retirement.made_again:
        return (
            f"{target_cluster_id} was restored from its final snapshot, with its old data and settings, and is "
            "available."
        )
    return f"{target_cluster_id} is the old cluster, with its data, and is available."


def what_is_kept(operation: Operation) -> tuple[str, ...]:
    """What a run that failed leaves on purpose, in words."""
    kept = []
    if copy := operation.record.snapshot_details.restored_from:
        kept.append(f"the finished copy {copy}, which the next attempt uses again")
    retirement = operation.record.retirement
    if retirement.made_again and not retirement.restored_by_hand:
        kept.append(f"the final snapshot {retirement.final_snapshot_identifier}")
    return tuple(kept)


def put_off_message(operation: Operation, reason: str, until: datetime, now: datetime) -> Message:
    """A kept cluster whose time is over could not be retired."""
    name = operation.record.retirement.db_cluster_identifier
    lines = [
        f"The cluster {name}, which was kept after the operation {operation.operation_id}, could not be retired.",
        "",
        f"Why:        {reason}",
        f"Operation:  {operation.operation_id}",
        "",
        "What it means: it is as it was, nothing of it was deleted, and the target is free for other operations.",
        f"What to do next: remove the cause; the pipeline tries again after {minute_in_words(until)} and every hour.",
    ]
    return message_about(operation, "RETIREMENT_PUT_OFF", f"Kept longer: {name}", lines, now)


def _about_replaced(operation: Operation) -> list[str]:
    """What became of the old cluster, and for how long no cluster had the name."""
    retirement, record = operation.record.retirement, operation.record
    lines = []
    if (seconds := record.switch_over.seconds_without_name) is not None:
        lines.append(f"No name:    {seconds:g} s at most between the two renames, as RDS reported it")
    if (seconds := record.proof.seconds_unreachable_for_clients) is not None:
        lines.append(
            f"Clients:    {seconds:g} s at most until they reached the new cluster, with a verified name"
        )
    snapshot, until = retirement.final_snapshot_identifier, retirement.keep_until
    saved = f"; its final snapshot is {snapshot}" if snapshot else ", without a final snapshot, as asked for"
    if retirement.state is RetirementState.RETIRED:
        lines.append(f"Replaced:   the old cluster was deleted{saved}")
    if retirement.state is RetirementState.KEPT:
        limit = f" until {minute_in_words(until)}" if until else ""
        lines.append(
            f"Replaced:   the old cluster is kept as {retirement.db_cluster_identifier}{limit}; to go back: "
            f"aurora-restore undo {operation.operation_id}"
        )
    return lines


def _took(operation: Operation, now: datetime) -> str:
    started = operation.record.start_time
    return f"Took:       {duration_words((now - started).total_seconds()) if started else 'unknown'}"
