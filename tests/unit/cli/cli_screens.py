"""How a record looks on the screen at the time at which the records of the tests end."""

from __future__ import annotations

from typing import Any

from tests.support.screen_text import words_of
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli.views.operation import render_operation, render_outcome
from aurora_restore.cli.views.record import view_operation


def picture(record: dict[str, Any], width: int = 100) -> str:
    return words_of(render_operation(view_operation(record), NOW), width)


def outcome(record: dict[str, Any], width: int = 100) -> str:
    return words_of(render_outcome(view_operation(record), NOW), width)
