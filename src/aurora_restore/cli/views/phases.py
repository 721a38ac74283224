"""The phases of an operation on the screen, what it waits for, and when that should end."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aurora_restore.cli.views.common import STYLES, clock_time, minute_time, plain_table
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.record import TransientErrorState, WaitState
from aurora_restore.domain.wording import duration_words, rough_duration_words

_BAR_WIDTH = 30
NO_ESTIMATE = "no estimate yet"


def render_phases(view: OperationView, now: datetime) -> RenderableType:
    """A line a phase: its state, how long it took, its last message."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(overflow="fold")
    for phase in view.phases:
        # Phases that a run that has ended never reached, or a dry run never will, are not shown.
        if phase.state == "waiting" and (view.dry_run or not view.is_running):
            continue
        detail: RenderableType = Text(phase.message, style="dim")
        # The message of the running phase is below the phases, with what it waits for.
        if phase.state == "running":
            percent = phase.progress_percent
            bar = ProgressBar(100, percent, _BAR_WIDTH, complete_style="cyan", finished_style="cyan")
            detail = Table.grid(padding=(0, 1))
            detail.add_row(bar, Text(f"{percent} %"))
        grid.add_row(
            Text(phase.name, style="bold" if phase.state == "running" else ""),
            Text("" if phase.state == "waiting" else phase.state, style=STYLES[phase.state]),
            Text(duration_words(phase.seconds(now)), style="dim"),
            detail,
        )
    return grid


def render_waiting(view: OperationView, now: datetime) -> RenderableType:
    """What the run waits for, and since when; when it looks again; when it should end, and why we think so."""
    phase = view.current_phase
    if phase is None:
        return Text("Waiting for the next phase to begin.")
    # What hinders a phase matters more than what it would wait for.
    if transient := phase.lasting_error:
        met = [
            f"{word} {clock_time(time, now)}"
            for word, time in (("since", transient.since), ("last seen", transient.time))
            if time
        ]
        return Group(
            Text(f"{phase.name} cannot go on yet" + (f" ({', '.join(met)}):" if met else ":")),
            Text(transient.message, style="yellow"),
            Text(tried_again(transient, now)),
            Text(transient.hint, style="dim"),
        )
    wait, recorded = phase.current_wait, phase.recorded
    since = (wait.since if wait else None) or recorded.waiting_since or recorded.start_time
    next_look = ""
    if recorded.last_updated_time and recorded.wait_seconds:
        due = recorded.last_updated_time + timedelta(seconds=recorded.wait_seconds)
        left = (due - now).total_seconds()
        next_look = f"; looks again in {duration_words(left)}" if left > 0 else "; looks again now"
    text = Text.assemble(
        (phase.message or f"{phase.name} is at work", "cyan"),
        f" (since {clock_time(since, now)})" if since else "",
        (next_look, "dim"),
    )
    if wait is None:
        return text
    return Group(text, Text(f"Should end: {expectation(wait, now)}"))


def tried_again(transient: TransientErrorState, now: datetime) -> str:
    """How long the run tolerates it, in a sentence; empty where that is not known."""
    if transient.until is None:
        return ""
    return f"It is tried again by itself until {clock_time(transient.until, now)} at most; after that the run fails."


def expectation(wait: WaitState, now: datetime) -> str:
    """When a wait should end and why we think so: `about 14:32 UTC (RDS reports 43 %), in 12 min`."""
    reason = f" ({wait.why})" if wait.why else ""
    if wait.expected_end is None:
        return NO_ESTIMATE + reason
    left = (wait.expected_end - now).total_seconds()
    remaining = f"in {rough_duration_words(left)}" if left >= 0 else f"{rough_duration_words(-left)} over"
    return f"about {minute_time(wait.expected_end, now)}{reason}, {remaining}"


def render_waits(view: OperationView) -> RenderableType | None:
    """Each wait that has ended: how long it took, how often a phase looked, and how much that can have added to it."""
    ended = [
        (phase.name, name, wait)
        for phase in view.phases
        for name, wait in phase.recorded.waits.items()
        if wait.has_ended
    ]
    if not ended:
        return None
    table = plain_table("phase", "waited for", "took", "looks", "added at most")
    for phase_name, wait_name, wait in ended:
        table.add_row(
            phase_name,
            wait_name.replace("_", " "),
            duration_words(wait.seconds),
            str(wait.looks),
            duration_words(wait.added_seconds_most),
        )
    return table
