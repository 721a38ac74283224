"""Schedules on the screen: when each begins what, and when next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import STYLES, facts, minute_time
from aurora_restore.domain.schedules import Schedule
from aurora_restore.domain.times import format_time
from aurora_restore.domain.visible_text import visible
from aurora_restore.domain.wording import rough_duration_words

_LOOKED_AHEAD = timedelta(days=366)


def render_schedules(schedules: Sequence[Schedule], now: datetime) -> RenderableType:
    """One below the other: names and expressions are too long for a table."""
    if not schedules:
        return Text("No schedules. Create one with `aurora-restore schedule create`.")
    return Group(*(part for schedule in schedules for part in _of(schedule, now)))


def schedule_item(schedule: Schedule, now: datetime) -> dict[str, Any]:
    """For programs. `next_time` is null where it is not known."""
    due = next_time(schedule, now)
    return {
        "name": schedule.name,
        "expression": schedule.expression,
        "timezone": schedule.timezone,
        "state": state_word(schedule),
        "next_time": format_time(due) if due else None,
        "request": schedule.request,
    }


def next_time(schedule: Schedule, now: datetime) -> datetime | None:
    """When it begins something next; None where it is paused, and where nothing is due within a year.

    None for a rate as well: from which moment Scheduler counts one that was updated is not known here.
    """
    # The rules of Scheduler are those that the local stack keeps: AWS does not answer with a next time.
    from local_stack.schedule_expressions import Rate, parse_expression  # noqa: PLC0415

    try:
        expression = parse_expression(schedule.expression, schedule.timezone)
    except ValueError:
        return None
    if not schedule.is_enabled or isinstance(expression, Rate):
        return None
    return next(expression.due(now, now + _LOOKED_AHEAD, now), None)


def state_word(schedule: Schedule) -> str:
    return "active" if schedule.is_enabled else "paused"


def _of(schedule: Schedule, now: datetime) -> list[RenderableType]:
    style = STYLES["done"] if schedule.is_enabled else STYLES["stopped"]
    first = Text.assemble((visible(schedule.name), "bold"), "  ", (state_word(schedule), style))
    due = next_time(schedule, now)
    rows: list[tuple[str, str | Text | None]] = [
        ("when", f"{visible(schedule.expression)} in {visible(schedule.timezone)}"),
        (
            "next",
            f"{minute_time(due, now)} (in {rough_duration_words((due - now).total_seconds())})"
            if due
            else None,
        ),
    ]
    return [first, facts([*rows, *_what(schedule)])]


def _what(schedule: Schedule) -> list[tuple[str, str | Text | None]]:
    request: Mapping[str, Any] | None = schedule.request
    if request is None:
        return [("what", "its input was not written by the pipeline: it starts nothing")]
    day = request.get("source_snapshot_identifier") or request.get("source_snapshot_date")
    source = " of ".join(str(part) for part in (day, request.get("source_cluster_id")) if part)
    target = str(request.get("target_cluster_id") or "a scratch cluster")
    kind = "rehearsal" if request.get("rehearsal") is not None else "restore"
    replaces = ", replacing the cluster of that name" if request.get("delete_cluster_if_exists") else ""
    return [("what", visible(f"{kind}: {source} -> {target}{replaces}"))]
