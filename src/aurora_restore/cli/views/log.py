"""An operation as lines of a log: where nothing can be redrawn, a line for each thing that is new."""

from __future__ import annotations

from datetime import datetime

from aurora_restore.cli.views.cleanup import cleanup_lines
from aurora_restore.cli.views.common import clock_time
from aurora_restore.cli.views.phases import expectation, tried_again
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.record_phases import PhaseView
from aurora_restore.domain.wording import duration_words


def change_lines(before: OperationView | None, view: OperationView, now: datetime) -> list[str]:
    """What is new since `before`, a line each."""
    time = clock_time(now, now)
    known = {phase.name: _phase_news(phase) for phase in before.phases} if before else {}
    status = f"{time}  {view.operation_id}  {view.status_words}"
    lines = []
    for phase in view.phases:
        if phase.state == "waiting" or known.get(phase.name) == _phase_news(phase):
            continue
        done, wait = f"{phase.progress_percent} %", phase.current_wait
        parts: tuple[str, ...]
        if phase.state != "running":
            parts = (phase.state, duration_words(phase.seconds(now)), phase.message)
        elif transient := phase.lasting_error:
            # The message of the phase is from before the error, and no longer what it waits for.
            parts = (phase.state, done, transient.message, tried_again(transient, now))
        else:
            end = f"should end: {expectation(wait, now)}" if wait else ""
            parts = (phase.state, done, phase.message, end)
        lines.append("  ".join(part for part in (time, phase.name, *parts) if part))
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
