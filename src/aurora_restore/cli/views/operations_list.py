"""The recent operations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import clock_time, needed_width, plain_table, status_text
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.rehearsal import rehearsal_mark
from aurora_restore.domain.errors import Cancelled
from aurora_restore.domain.wording import duration_words

Row = tuple[Text, ...]


def render_operations(views: Sequence[OperationView], now: datetime, width: int) -> RenderableType:
    """Newest first. A failed one shows its code, a running one its phase.

    Names are never folded. Narrow: without the day of the snapshot; then with it two lines an operation, then without
    its times, at last one thing a line.
    """
    if not views:
        return Text("No operations. Widen --since, or start one with `aurora-restore start`.")
    wide: list[Row] = []
    narrow: list[Row] = []
    for view in views:
        times = Text(clock_time(view.started, now)), Text(duration_words(view.elapsed_seconds(now)))
        name, target, detail = view.operation_id, view.target_cluster_id, _detail(view)
        day = snapshot_day(view)
        wide.append((Text(name), status_text(view.status), Text(target), Text(day), *times, Text(detail)))
        narrow.append(
            (
                Text.assemble(name, "\n", (f"  {target}", "dim")),
                Text.assemble(status_text(view.status), "\n", (detail, "dim")),
                Text.assemble(times[0], "\n", (day, "dim")),
                times[1],
            )
        )
    without_day = [(*row[:3], *row[4:]) for row in wide]
    for columns, rows in (
        (("operation", "status", "target", "snapshot", "started", "took", "phase or error"), wide),
        # One line an operation is worth more than the day: a pipe can be searched line by line.
        (("operation", "status", "target", "started", "took", "phase or error"), without_day),
        (("operation, target", "status, phase or error", "started, snapshot", "took"), narrow),
        (("operation, target", "status, phase or error", "started, snapshot"), narrow),
        (("operation, target", "status, phase or error"), narrow),
    ):
        # Measured before: Rich would fold or cut cells rather than give a column up.
        if needed_width(columns, rows) <= width:
            table = plain_table(*columns)
            for column in table.columns:
                column.no_wrap = True
            for row in rows:
                table.add_row(*row[: len(columns)])
            return table
    return Group(*(Text("\n", no_wrap=True, overflow="ignore").join(row[:2]) for row in narrow))


def snapshot_day(view: OperationView) -> str:
    """The UTC day of the snapshot; before it is chosen, what was asked for; empty for an undo."""
    chosen = view.record.plan.source.snapshot_create_time
    return chosen[:10] if chosen else view.record.parameters.source_snapshot_date or ""


def _detail(view: OperationView) -> str:
    if view.is_running:
        return view.step
    code = view.error.code
    # The status says already that it was cancelled, but not where.
    if code == Cancelled.code:
        code = f"in {view.error.step or view.step}"
    elif view.is_cleaning_up and code:
        code = f"after {code}"
    if view.is_cleaning_up:
        return code
    if view.is_cleanup_due:
        return ", ".join(part for part in (code, "cleanup due") if part)
    return (
        code or ("dry run" if view.dry_run else "") or ("undo" if view.undoes else "") or rehearsal_mark(view)
    )
