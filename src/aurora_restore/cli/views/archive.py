"""What `archive` shows: which operations go, which stay and why, and what was moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from aurora_restore.cli.archiving import Archived
from aurora_restore.cli.views.common import facts, plain_table
from aurora_restore.domain.archiving import Candidate
from aurora_restore.domain.counting import counted
from aurora_restore.domain.times import format_time
from aurora_restore.domain.visible_text import visible


def render_candidates(found: Sequence[Candidate]) -> RenderableType:
    """One line each; of what stays the reason."""
    if not found:
        return Text("  There are none.")
    table = plain_table("operation", "ended (UTC)", "")
    for each in found:
        stays = "" if each.why_not is None else f"stays: {each.why_not}"
        table.add_row(visible(each.operation_id), f"{each.ended:%Y-%m-%d %H:%M}", stays)
    return table


def render_archived(done: Archived, place: str) -> RenderableType:
    rows: list[tuple[str, str | Text | None]] = [
        ("moved", f"{counted(len(done.seals), 'operation')} to {place}"),
        ("events", str(sum(seal.event_count for seal in done.seals))),
        ("stay", ", ".join(done.broken)),
        ("why", "their audit events do not verify: see `audit --verify`" if done.broken else None),
    ]
    return facts(rows)


def archived_item(place: str, found: Sequence[Candidate], done: Archived | None) -> dict[str, Any]:
    """`moved` is None where nothing was to be moved, or was not asked for."""
    return {
        "place": place,
        "operations": [
            {
                "operation_id": each.operation_id,
                "ended": format_time(each.ended),
                "stays_because": each.why_not,
            }
            for each in found
        ],
        "moved": None if done is None else [seal.to_item() for seal in done.seals],
        "broken": [] if done is None else list(done.broken),
    }
