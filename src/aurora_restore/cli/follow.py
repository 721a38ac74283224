"""Showing an operation while it runs: redrawn in place on a terminal, a line per change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from aurora_restore.cli.screen import Screen
from aurora_restore.cli.views.common import Fitted
from aurora_restore.cli.views.log import change_lines
from aurora_restore.cli.views.operation import render_operation
from aurora_restore.cli.views.record import OperationView, view_operation
from aurora_restore.cli.watching import Observation

LEAVING_IS_SAFE = "ctrl-c leaves the watch; the operation goes on."
_REDRAWS_A_SECOND = 4


def follow(
    screen: Screen,
    observations: Iterable[Observation],
    now: Callable[[], datetime],
    footer: str = LEAVING_IS_SAFE,
) -> Mapping[str, Any]:
    """Show every observation; return the final record. `footer` is shown below the live view.

    With `--json` each change is one JSON document in a line, the whole record each time.
    """
    if screen.interactive:
        return _follow_in_place(screen, observations, now, footer)
    before: OperationView | None = None
    latest: Mapping[str, Any] = {}
    notice = ""
    for observation in observations:
        # A notice is repeated with every look; a log has it once.
        if observation.notice and observation.notice != notice:
            screen.note(observation.notice)
        notice = observation.notice
        view = _view(observation)
        lines = change_lines(before, view, now())
        before, latest = view, observation.record
        if lines and screen.json_output:
            screen.data_line(observation.record)
        for line in lines:
            screen.line(line)
    return latest


def _follow_in_place(
    screen: Screen, observations: Iterable[Observation], now: Callable[[], datetime], footer: str
) -> Mapping[str, Any]:
    latest = Observation({})

    # Called at every redraw, between two observations as well, so that the times on the screen move.
    with Live(
        get_renderable=lambda: live_picture(latest, now(), footer), console=screen.out,
        refresh_per_second=_REDRAWS_A_SECOND, transient=True,
    ):  # fmt: skip
        for observation in observations:
            latest = observation
    # The live view has removed itself; its last state stays in the scrollback.
    screen.show(render_operation(_view(latest), now()))
    return latest.record


def live_picture(observation: Observation, now: datetime, footer: str) -> RenderableType:
    """What is on the terminal while a run goes on, fitted to its height."""
    if not observation.record:
        return Text()
    picture = render_operation(_view(observation), now, observation.notice)
    return Fitted(Group(Text(), picture, Text(), Text(footer, style="dim")))


def _view(observation: Observation) -> OperationView:
    return view_operation(observation.record, observation.execution_status)
