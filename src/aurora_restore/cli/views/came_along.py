"""What came along with the snapshot, and what of it was put to rest."""

from __future__ import annotations

from rich.console import Group, RenderableType

from aurora_restore.cli.views.common import facts, heading
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.came_along import summary_lines
from aurora_restore.domain.defusing import rest_lines


def render_came_along(view: OperationView) -> RenderableType | None:
    """A line for each kind; None where nothing came along."""
    listed, rested = summary_lines(view.record.came_along), rest_lines(view.record.defused)
    if not listed and not rested:
        return None
    rows = [*(("came along", line) for line in listed), *(("put to rest", line) for line in rested)]
    return Group(heading("Came along with the snapshot"), facts(rows))
