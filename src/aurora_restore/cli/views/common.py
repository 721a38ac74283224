"""Pieces that every view is made of: times, facts in two columns, colours by meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from aurora_restore.domain.record import PlannedUser, RestoredUser
from aurora_restore.domain.users import ANY_HOST

_GAP = 2
STYLES = {
    "done": "green",
    "skipped": "dim",
    "running": "cyan",
    "failed": "bold red",
    "stopped": "yellow",
    "waiting": "dim",
    "SUCCEEDED": "bold green",
    "RUNNING": "bold cyan",
    "FAILED": "bold red",
    "CANCELLED": "bold yellow",
    "CLEANING_UP": "bold yellow",
}


class Fitted:
    """A picture that is higher than the terminal, without the lines after its title: the latest are the lowest."""

    _TITLE_LINES = 3

    def __init__(self, picture: RenderableType) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._picture, options.update(height=None), pad=False)
        if (surplus := len(lines) - options.max_height) > 0:
            omitted = [Segment(f"  … {surplus + 1} lines are not shown")]
            lines[self._TITLE_LINES : self._TITLE_LINES + surplus + 1] = [omitted]
        for number, line in enumerate(lines):
            yield from [Segment.line()] if number else []
            yield from line


def minute_time(time: datetime, now: datetime) -> str:
    """`14:32 UTC`, with the day before it when that is not today's."""
    in_utc = time.astimezone(UTC)
    same_day = now.astimezone(UTC).date() == in_utc.date()
    return f"{in_utc:%H:%M} UTC" if same_day else f"{in_utc:%Y-%m-%d %H:%M} UTC"


def clock_time(time: datetime | None, now: datetime | None = None) -> str:
    """`11:42:05 UTC`, with the day before it when that is not today's."""
    if time is None:
        return ""
    in_utc = time.astimezone(UTC)
    same_day = now is not None and now.astimezone(UTC).date() == in_utc.date()
    return f"{in_utc:%H:%M:%S} UTC" if same_day else f"{in_utc:%Y-%m-%d %H:%M:%S} UTC"


def status_text(status: str, words: str = "") -> Text:
    """A status in its colour; in other words where these say more."""
    return Text(words or status, style=STYLES.get(status, ""))


def heading(text: str) -> Text:
    return Text(text, style="bold")


def facts(rows: Iterable[tuple[str, str | Text | None]], widest_name: int | None = None) -> RenderableType:
    """Names and values in two columns, indented; rows without a value are left out.

    Long values fold between words. A word is never folded, even where it is wider than the terminal (print with
    `crop=False`): an identifier stays one that can be copied. A name longer than `widest_name` has a line of its own,
    and its value is below it.
    """
    return _Facts([(name, value) for name, value in rows if value], widest_name)


class _Facts:
    """Names and values in two columns. A table of Rich would cut what is wider than its column."""

    def __init__(self, rows: list[tuple[str, str | Text]], widest_name: int | None) -> None:
        self._rows = rows
        self._widest = max((len(name) for name, _ in rows), default=0) if widest_name is None else widest_name

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        beside = (len(name) for name, _ in self._rows if len(name) <= self._widest)
        column = 2 + max(beside, default=0) + 2
        for name, value in self._rows:
            indent, label = column, f"  {name}"
            if len(name) > self._widest:
                for line in folded_between_words(Text(name, style="dim"), options.max_width - 2):
                    yield Text.assemble("  ", line, no_wrap=True, overflow="ignore")
                indent, label = 4, ""
            text = value if isinstance(value, Text) else Text(value)
            for line in folded_between_words(text, options.max_width - indent):
                yield Text.assemble((label.ljust(indent), "dim"), line, no_wrap=True, overflow="ignore")
                label = ""


def folded_between_words(text: Text, width: int) -> list[Text]:
    """Lines of at most `width`, except for words that are wider."""
    # Rich would fold inside of such words, or cut them.
    lines: list[Text] = []
    for paragraph in text.split("\n", allow_blank=True):
        begin, breaks = 0, []
        for word in re.finditer(r"\S+", paragraph.plain):
            if word.end() - begin > width and word.start() > begin:
                begin = word.start()
                breaks.append(begin)
        lines += paragraph.divide(breaks)
    for line in lines:
        line.rstrip()
    return lines


def listed(label: str, sentences: Iterable[str]) -> list[tuple[str, str | Text | None]]:
    """Rows for `facts`: sentences below each other, the label at the first."""
    return [(label if number == 0 else "", sentence) for number, sentence in enumerate(sentences)]


def needed_width(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> int:
    """How wide a plain table has to be so that none of its cells is folded."""
    heads = (Text(column) for column in columns)
    widths = [
        max(len(line) for cell in (head, *cells) for line in cell.plain.split("\n"))
        for head, *cells in zip(heads, *rows, strict=False)
    ]
    return sum(widths) + _GAP * len(widths)


def plain_table(*columns: str) -> Table:
    """A table with a head and no frame, which folds long cells on narrow terminals."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def indented(renderable: RenderableType) -> RenderableType:
    """Two columns to the right. What is wider than the terminal is not cut."""
    return _Indented(renderable)


class _Indented:
    """Each line behind two spaces. A padding of Rich would cut what is wider than the terminal."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrower = options.update(width=max(1, options.max_width - 2), height=None)
        for line in Segment.split_lines(console.render(self._renderable, narrower)):
            yield from [*([Segment("  ")] if line else []), *line, Segment.line()]


def account_words(user: PlannedUser | RestoredUser) -> str:
    """A database user of a record: its name, and the host where it has one of its own."""
    return user.username if user.host in {"", ANY_HOST} else f"{user.username}@{user.host}"
