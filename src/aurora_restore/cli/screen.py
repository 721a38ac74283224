"""Where a command writes: people or programs, and never both in one stream.

For people: standard output, in colour on a terminal only. With `--json`: standard output holds JSON alone; what is
for human readers goes to standard error.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console, RenderableType

from aurora_restore.domain.visible_text import visible

_WIDTH_WITHOUT_TERMINAL = 110


@dataclass(frozen=True)
class Screen:
    """The two streams of one command."""

    out: Console
    err: Console
    json_output: bool = False

    @property
    def interactive(self) -> bool:
        """Whether a display may be redrawn in place."""
        # A dumb terminal cannot move its cursor.
        return self.out.is_terminal and not self.out.is_dumb_terminal and not self.json_output

    def show(self, renderable: RenderableType = "") -> None:
        """Show something to people; not at all with `--json`."""
        if not self.json_output:
            # A name that is wider than the terminal is longer than its line, so that it can be copied.
            self.out.print(renderable, crop=False)

    def say(self, text: str) -> None:
        """A sentence for people, folded between words where the terminal is narrow."""
        if not self.json_output:
            self.out.print(_shown(text), soft_wrap=not self.interactive, markup=False)

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Says in a moving line what is waited for, as long as it lasts; on a terminal only."""
        return self.out.status(text) if self.interactive else nullcontext()

    def line(self, text: str) -> None:
        """One line that stays one, also where it is wider than the terminal: it can be copied; flushed."""
        if not self.json_output:
            self.out.print(_shown(text), soft_wrap=True, markup=False)
            # A reader of a pipe sees it when it happens, and not when a buffer is full.
            self.out.file.flush()

    def note(self, text: str) -> None:
        """A notice besides the output, on standard error."""
        self.err.print(_shown(text), soft_wrap=True, markup=False)

    def data(self, value: Any) -> None:
        """One JSON document, indented."""
        self._write(json.dumps(value, indent=2, default=plain))

    def data_line(self, value: Any) -> None:
        """One JSON document in one line, for a stream of them."""
        self._write(json.dumps(value, default=plain))

    def _write(self, text: str) -> None:
        self.out.file.write(text + "\n")
        self.out.file.flush()


def _shown(text: str) -> str:
    """Lines are ours; what else would act on a terminal is written out."""
    return visible(text, keep="\n")


def plain(value: Any) -> Any:
    """What JSON does not know: amounts of money are Decimals, times are datetimes."""
    if hasattr(value, "as_integer_ratio"):
        return int(value) if value == int(value) else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def make_console(stream: TextIO) -> Console:
    """A console that knows whether people look at it; it never guesses at markup or highlights numbers."""
    # Without a terminal Rich takes 80 columns, which folds our tables; a log has room for more.
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def escape_what_cannot_be_shown() -> None:
    """A letter that the terminal's encoding does not have is written as its number, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_screen(json_output: bool = False) -> Screen:
    return Screen(make_console(sys.stdout), make_console(sys.stderr), json_output)
