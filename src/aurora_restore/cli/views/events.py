"""The audit events of an operation, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import STYLES, facts
from aurora_restore.domain.visible_text import visible_values
from aurora_restore.domain.wording import value_words


def render_events(events: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Each event with its time, and below it what it was about."""
    parts: list[RenderableType] = []
    for event in visible_values(list(events)):
        name = str(event.get("event", ""))
        style = STYLES["failed"] if "Failed" in name else "bold"
        parts.append(Text.assemble((str(event.get("time", "")), STYLES["skipped"]), "  ", (name, style)))
        # An operator can edit the table by hand, and an event of another release may have other details.
        details = event.get("details")
        rows = details.items() if isinstance(details, Mapping) else ()
        parts.append(
            facts(
                [(str(field), value_words(value)) for field, value in rows if value not in (None, "", [], {})]
            )
        )
    return Group(*parts)
