"""An operation on the screen: its phases while it runs, its outcome at the end, and everything else on request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aurora_restore.cli.views.common import (
    STYLES,
    clock_time,
    duration,
    facts,
    heading,
    indented,
    plain_table,
    status_text,
    words,
)
from aurora_restore.cli.views.errors import render_error
from aurora_restore.cli.views.plan import render_plan
from aurora_restore.cli.views.record import OperationView, PhaseView
from aurora_restore.domain.naming import OPERATION_TAG

_BAR_WIDTH = 30


def render_operation(view: OperationView, now: datetime, notice: str = "") -> RenderableType:
    """The moving picture of `watch`: what, the phases with their times, what is waited for and since when."""
    parts: list[RenderableType] = [render_title(view, now), indented(render_phases(view, now))]
    if view.is_running:
        parts.append(indented(render_waiting(view, now)))
    if notice:
        parts.append(indented(Text(notice, style="yellow")))
    return Group(*_spaced(parts))


def render_title(view: OperationView, now: datetime) -> RenderableType:
    first = Text.assemble((view.operation_id, "bold"), "  ", status_text(view.status))
    if (elapsed := view.elapsed_seconds(now)) is not None:
        first.append(f"  {duration(elapsed)}", style="dim")
    if view.dry_run:
        first.append("  dry run", style="dim")
    return Group(first, indented(Text(route(view))))


def route(view: OperationView) -> str:
    """From where to where, as far as it is known."""
    parameters, snapshot = view.section("parameters"), view.section("snapshot_details")
    source = snapshot.get("db_cluster_identifier") or parameters.get("source_cluster_id")
    day = parameters.get("source_snapshot_date") or parameters.get("source_snapshot_identifier")
    origin = " of ".join(str(part) for part in (source, day) if part) or "a snapshot"
    region = snapshot.get("region") or parameters.get("source_region")
    target_region = parameters.get("target_region")
    return (
        origin
        + (f" in {region}" if region else "")
        + f"  ->  {view.target_cluster_id or '?'}"
        + (f" in {target_region}" if target_region else "")
    )


def render_phases(view: OperationView, now: datetime) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(overflow="fold")
    for phase in view.phases:
        # What a run that has ended never came to, or a dry run never will, is no news.
        if phase.state == "waiting" and (view.dry_run or not view.is_running):
            continue
        grid.add_row(
            Text(phase.name, style="bold" if phase.state == "running" else ""),
            Text("" if phase.state == "waiting" else phase.state, style=STYLES[phase.state]),
            Text(duration(phase.seconds(now)), style="dim"),
            _phase_detail(phase),
        )
    return grid


def _phase_detail(phase: PhaseView) -> RenderableType:
    if phase.state == "running":
        bar = ProgressBar(
            total=100,
            completed=phase.progress_percent,
            width=_BAR_WIDTH,
            complete_style="cyan",
            finished_style="cyan",
        )
        row = Table.grid(padding=(0, 1))
        row.add_row(bar, Text(f"{phase.progress_percent} %"))
        return row
    return Text(phase.message, style="dim")


def render_waiting(view: OperationView, now: datetime) -> RenderableType:
    """What the run waits for, and since when; when the step looks again."""
    phase = view.current_phase
    if phase is None:
        return Text("Waiting for the first step to begin.")
    since = f" (since {clock_time(phase.started, now)})" if phase.started else ""
    text = Text.assemble((phase.message or f"{phase.name} is at work", "cyan"), since)
    if phase.updated and phase.wait_seconds:
        again = phase.updated + timedelta(seconds=phase.wait_seconds)
        left = (again - now).total_seconds()
        text.append(f"; looks again in {duration(left)}" if left > 0 else "; looks again now", style="dim")
    return text


def render_outcome(view: OperationView, now: datetime) -> RenderableType:
    """How it ended: what stands there and how to connect; the plan; or the error with its hint, and what it left."""
    took = duration(view.elapsed_seconds(now))
    if view.status != "SUCCEEDED":
        parts = [*_failure(view, took), *_remainder(view)]
    elif view.dry_run:
        parts = [render_plan(view.section("plan"), view.section("parameters")), _plan_done()]
    else:
        parts = _success(view, took)
    return Group(*_spaced([*parts, *_warnings(view)]))


def _success(view: OperationView, took: str) -> list[RenderableType]:
    restored = view.section("restore_details")
    name = restored.get("db_cluster_identifier") or view.target_cluster_id
    title = Text.assemble(("The restore succeeded", "bold green"), f" in {took}: {name} stands and is open.")
    return [title, render_restored(restored)]


def _plan_done() -> RenderableType:
    return Text("Nothing was touched. Start it with the same options: aurora-restore start …", style="dim")


def _failure(view: OperationView, took: str) -> list[RenderableType]:
    verb = "was cancelled" if view.status == "CANCELLED" else "failed"
    what = "The dry run" if view.dry_run else "The restore"
    if view.was_refused:
        what, verb = "The request", "was refused"
    title = Text.assemble(
        (f"{what} {verb}", STYLES.get(view.status, "bold red")), f" after {took}." if took else "."
    )
    return [title, render_error({"step": view.step or None, **view.error})] if view.error else [title]


def _remainder(view: OperationView) -> list[RenderableType]:
    """What the run began to make. Each was noted before it was asked for: it need not have come about."""
    made = view.section("made")
    if not made:
        return []
    tag = f"{OPERATION_TAG} = {view.operation_id}"
    title = Text.assemble(
        ("May still stand: ", "bold"),
        f"of these, what has the tag {tag} was made by this run; leave what has not.",
    )
    return [Group(title, facts((kind, str(made[kind])) for kind in sorted(made, key=_order_of_making)))]


def _order_of_making(kind: str) -> tuple[int, int]:
    """The copy, the cluster, the instances by their numbers; a map in the table has no order."""
    order = ("copy", "cluster", "instance")
    word, _, number = kind.partition("-")
    place = order.index(word) if word in order else len(order)
    return place, int(number) if re.fullmatch(r"[0-9]+", number) else 0


def _warnings(view: OperationView) -> list[RenderableType]:
    warnings = view.record.get("warnings") or ()
    if not isinstance(warnings, list | tuple):
        warnings = (warnings,)
    lines = [Text.assemble(("Warning: ", "bold yellow"), str(warning)) for warning in warnings]
    return [Group(*lines)] if lines else []


def render_restored(restored: Mapping[str, Any]) -> RenderableType:
    """What stands there now: addresses, instances, users, checks, and how to connect."""
    checks = restored.get("verification") or []
    matching = sum(1 for check in checks if check.get("matches"))
    return facts(
        [
            ("writer", restored.get("endpoint")),
            ("reader", restored.get("reader_endpoint")),
            ("port", words(restored.get("port")) if restored.get("port") else None),
            ("instances", words([_instance_words(item) for item in restored.get("instances") or []] or "")),
            ("users", words([_user_words(item) for item in restored.get("users") or []] or "")),
            ("other logins", _other_logins(restored)),
            ("verified", f"{matching} of {len(checks)} fields as wanted" if checks else None),
        ]
    )


def _instance_words(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    name = item.get("db_instance_identifier") or ""
    details = ", ".join(str(item[key]) for key in ("db_instance_class", "status") if item.get(key))
    return f"{name} ({details})" if details else str(name)


def _user_words(item: Mapping[str, Any]) -> str:
    action = f", {item['action']}" if item.get("action") else ""
    return f"{item.get('username')} ({item.get('access')}{action})"


def _other_logins(restored: Mapping[str, Any]) -> str | None:
    locked = restored.get("locked_logins") or []
    still_open = [name for name in restored.get("other_logins") or [] if name not in locked]
    parts = []
    if still_open:
        parts.append(f"{words(still_open)}: came along with the snapshot, with production's passwords")
    if locked:
        parts.append(f"{len(locked)} locked: {words(locked)}")
    return "; ".join(parts) or None


def render_status(view: OperationView, now: datetime) -> RenderableType:
    """Everything that the record tells, once."""
    parts: list[RenderableType] = [render_operation(view, now), _times(view)]
    plan_is_outcome = view.dry_run and view.status == "SUCCEEDED"
    if view.section("plan") and not plan_is_outcome:
        parts.append(render_plan(view.section("plan"), view.section("parameters")))
    restored = view.section("restore_details")
    if restored and view.status != "SUCCEEDED":
        parts.append(Group(heading("So far"), render_restored(restored)))
    if checks := restored.get("verification"):
        parts.append(Group(heading("Verification"), indented(render_verification(checks))))
    if checked := _user_checks(restored):
        parts.append(Group(heading("Users"), checked))
    parts += _warnings(view) if view.is_running else [render_outcome(view, now)]
    return Group(*_spaced(parts))


def _times(view: OperationView) -> RenderableType:
    return facts(
        [
            ("started", clock_time(view.started)),
            ("ended", clock_time(view.ended)),
            ("execution", view.record.get("execution_arn")),
            ("restored from", view.section("snapshot_details").get("restored_from")),
            ("notified", (view.section("notification") or {}).get("message_id")),
        ]
    )


def render_verification(checks: Iterable[Mapping[str, Any]]) -> RenderableType:
    """Field by field: wanted, found; what differs first."""
    table = plain_table("field", "wanted", "found", "")
    for check in sorted(checks, key=lambda item: bool(item.get("matches"))):
        matches = bool(check.get("matches"))
        table.add_row(
            str(check.get("field", "")),
            words(check.get("wanted")),
            words(check.get("found")),
            Text("as wanted" if matches else "DIFFERS", style="green" if matches else "bold red"),
        )
    return table


def _user_checks(restored: Mapping[str, Any]) -> RenderableType | None:
    users = [user for user in restored.get("users") or [] if user.get("checks")]
    if not users:
        return None
    return facts(
        (str(user.get("username")), "; ".join(str(check) for check in user["checks"])) for user in users
    )


def _spaced(parts: Iterable[RenderableType]) -> list[RenderableType]:
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return spaced[:-1]


def change_lines(before: OperationView | None, view: OperationView, now: datetime) -> list[str]:
    """What is new since `before`, a line each: for a log, where nothing can be redrawn."""
    time = clock_time(now, now)
    known = {phase.name: _phase_news(phase) for phase in before.phases} if before else {}
    status = f"{time}  {view.operation_id}  {view.status}"
    lines = [
        f"{time}  {phase.name}  {_phase_line(phase, now)}".rstrip()
        for phase in view.phases
        if phase.state != "waiting" and known.get(phase.name) != _phase_news(phase)
    ]
    if before is None:
        return [status, *lines]
    return lines if before.status == view.status else [*lines, status]


def _phase_news(phase: PhaseView) -> tuple[str, int, str]:
    """What makes a new line worth it: not the times and counts that move with every look of a step."""
    return phase.state, phase.progress_percent, phase.message


def _phase_line(phase: PhaseView, now: datetime) -> str:
    took = f"{phase.progress_percent} %" if phase.state == "running" else duration(phase.seconds(now))
    return "  ".join(part for part in (phase.state, took, phase.message) if part)
