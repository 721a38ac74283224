"""What a rehearsal has shown: its verdict, its figures, and what became of its cluster."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import clock_time, facts, heading
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.rehearsal import figures
from aurora_restore.domain.states import RehearsalVerdict


def render_verdict(view: OperationView, took: str) -> RenderableType:
    """The end of a rehearsal that was measured."""
    state = view.record.rehearsal
    after = f" after {took}." if took else "."
    if state.verdict is RehearsalVerdict.PASSED:
        first = Text.assemble(("The rehearsal passed", "bold green"), after)
    else:
        first = Text.assemble((f"The rehearsal missed its objective ({_missed(view)})", "bold yellow"), after)
    return Group(first, _rows(view))


def render_rehearsal(view: OperationView) -> RenderableType | None:
    """What is known so far; None for another operation, and before anything is."""
    return Group(heading("Rehearsal"), _rows(view)) if view.record.rehearsal else None


def rehearsal_mark(view: OperationView) -> str:
    """A few words for the list of operations; empty for another operation."""
    if not view.is_rehearsal:
        return ""
    verdict = view.record.rehearsal.verdict
    if verdict is RehearsalVerdict.OBJECTIVE_MISSED:
        return f"rehearsal missed {_missed(view)}"
    return "rehearsal passed" if verdict is RehearsalVerdict.PASSED else "rehearsal"


def _missed(view: OperationView) -> str:
    return ", ".join(view.record.rehearsal.missed).upper()


def _rows(view: OperationView) -> RenderableType:
    state = view.record.rehearsal
    return facts(
        [
            ("verdict", state.verdict.value if state.verdict else None),
            *figures(state),
            ("held until", clock_time(state.hold_until) if state.hold_until else None),
            ("cluster", f"{view.target_cluster_id}, deleted" if state.removed_time else None),
            ("left", state.left),
        ]
    )
