"""The recent operations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import clock_time, duration, plain_table, status_text
from aurora_restore.cli.views.record import OperationView

_WIDTH_FOR_ONE_LINE = 120


def render_operations(views: Sequence[OperationView], now: datetime, width: int) -> RenderableType:
    """Newest first. A failed one shows its code, a running one its phase. Narrow: two lines an operation."""
    if not views:
        return Text("No operations. Widen --since, or start one with `aurora-restore start`.")
    return _one_line_each(views, now) if width >= _WIDTH_FOR_ONE_LINE else _two_lines_each(views, now)


def _one_line_each(views: Sequence[OperationView], now: datetime) -> RenderableType:
    table = plain_table("operation", "status", "target", "started", "took", "step or error")
    for view in views:
        times = clock_time(view.started, now), duration(view.elapsed_seconds(now))
        table.add_row(
            view.operation_id, status_text(view.status), view.target_cluster_id, *times, _detail(view)
        )
    return table


def _two_lines_each(views: Sequence[OperationView], now: datetime) -> RenderableType:
    table = plain_table("operation, target", "status, step or error", "started", "took")
    table.columns[-1].no_wrap = table.columns[-2].no_wrap = True
    for view in views:
        name = Text.assemble(view.operation_id, "\n", (f"  {view.target_cluster_id}", "dim"))
        status = Text.assemble(status_text(view.status), "\n", (_detail(view), "dim"))
        table.add_row(name, status, clock_time(view.started, now), duration(view.elapsed_seconds(now)))
    return table


def _detail(view: OperationView) -> str:
    if view.is_running:
        return view.step
    code = str(view.error.get("code") or "")
    return code or ("dry run" if view.dry_run else "")
