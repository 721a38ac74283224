"""Schedules on the screen: when each begins what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import STYLES, facts
from aurora_restore.domain.schedules import Schedule
from aurora_restore.domain.visible_text import visible


def render_schedules(schedules: Sequence[Schedule]) -> RenderableType:
    """One below the other: names and expressions are too long for a table."""
    if not schedules:
        return Text("No schedules. Create one with `aurora-restore schedule create`.")
    parts: list[RenderableType] = []
    for schedule in schedules:
        style = STYLES["done"] if schedule.is_enabled else STYLES["stopped"]
        when = f"{visible(schedule.expression)} in {visible(schedule.timezone)}"
        request = schedule.request
        if request is None:
            what = "its input was not written by the pipeline: it starts nothing"
        else:
            day = request.get("source_snapshot_identifier") or request.get("source_snapshot_date")
            source = " of ".join(str(part) for part in (day, request.get("source_cluster_id")) if part)
            target = str(request.get("target_cluster_id") or "a scratch cluster")
            kind = "rehearsal" if request.get("rehearsal") is not None else "restore"
            replaces = (
                ", replacing the cluster of that name" if request.get("delete_cluster_if_exists") else ""
            )
            what = visible(f"{kind}: {source} -> {target}{replaces}")
        parts += [
            Text.assemble((visible(schedule.name), "bold"), "  ", (state_word(schedule), style)),
            facts([("when", when), ("what", what)]),
        ]
    return Group(*parts)


def schedule_item(schedule: Schedule) -> dict[str, Any]:
    """For programs."""
    return {
        "name": schedule.name,
        "expression": schedule.expression,
        "timezone": schedule.timezone,
        "state": state_word(schedule),
        "request": schedule.request,
    }


def state_word(schedule: Schedule) -> str:
    return "active" if schedule.is_enabled else "paused"
