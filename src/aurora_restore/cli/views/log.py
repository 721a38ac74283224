"""An operation as lines of a log: where nothing can be redrawn, a line for each thing that is new."""

from __future__ import annotations

from datetime import datetime

from aurora_restore.cli.views.cleanup import cleanup_lines
from aurora_restore.cli.views.common import clock_time, duration
from aurora_restore.cli.views.phases import expectation, tried_again
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.record_phases import PhaseView


def change_lines(before: OperationView | None, view: OperationView, now: datetime) -> list[str]:
    """What is new since `before`, a line each."""
    time = clock_time(now, now)
    known = {phase.name: _phase_news(phase) for phase in before.phases} if before else {}
    status = f"{time}  {view.operation_id}  {view.status_words}"
    lines = [
        f"{time}  {phase.name}  {_phase_line(phase, now)}".rstrip()
        for phase in view.phases
        if phase.state != "waiting" and known.get(phase.name) != _phase_news(phase)
    ]
    cleaned_up = [f"{time}  cleanup  {line}" for line in cleanup_lines(before, view)]
    if before is None:
        return [status, *lines, *cleaned_up]
    if before.status_words == view.status_words:
        return [*lines, *cleaned_up]
    # What was done comes before the end that it led to, and after the beginning of it.
    return [*lines, *cleaned_up, status] if view.is_closed else [*lines, status, *cleaned_up]


def _phase_news(phase: PhaseView) -> tuple[str, int, str, bool, str]:
    """What makes a new line worth it: not the times and counts that move with every look of a step."""
    wait, transient = phase.current_wait, phase.lasting_error
    has_end = bool(wait and wait.expected_end)
    return phase.state, phase.progress_percent, phase.message, has_end, transient.message if transient else ""


def _phase_line(phase: PhaseView, now: datetime) -> str:
    if phase.state != "running":
        took = duration(phase.seconds(now))
        return "  ".join(part for part in (phase.state, took, phase.message) if part)
    if transient := phase.lasting_error:
        parts = (phase.state, f"{phase.progress_percent} %", transient.message, tried_again(transient, now))
        return "  ".join(part for part in parts if part)
    wait = phase.current_wait
    end = f"should end: {expectation(wait, now)}" if wait else ""
    parts = (phase.state, f"{phase.progress_percent} %", phase.message, end)
    return "  ".join(part for part in parts if part)
