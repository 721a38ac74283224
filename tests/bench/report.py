"""What the bench says: measurements beside their references, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

_FORMATS = {"s": "{:.2f} s", "ms": "{:.0f} ms", "MB": "{:.2f} MB", "": "{:,.0f}"}


class Verdict(StrEnum):
    """How a measurement compares with its limit."""

    OK = "ok"
    OVER = "over"
    NO_LIMIT = "-"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One measurement. `reference` is what it is compared with, measured in the same run, in the same unit.

    `limit` is in that unit too; `limit_times` is a multiple of the reference. Both are to stay below. `paired_times` is
    how many times the reference it was, where that was measured pair by pair and is not the quotient of the two.
    `value` None: this system does not tell (memory, where there is no /proc).
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    limit: float | None = None
    limit_times: float | None = None
    paired_times: float | None = None

    @property
    def times(self) -> float | None:
        """How many times the reference."""
        if self.paired_times is not None:
            return self.paired_times
        return self.value / self.reference if self.value is not None and self.reference else None

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return Verdict.NOT_MEASURED
        judged, limit = (
            (self.value, self.limit) if self.limit_times is None else (self.times, self.limit_times)
        )
        if judged is None or limit is None:
            return Verdict.NO_LIMIT
        return Verdict.OK if judged < limit else Verdict.OVER

    @property
    def limit_text(self) -> str:
        return f"{self.limit_times:g} times" if self.limit_times is not None else self.text(self.limit)

    def text(self, value: float | None) -> str:
        """A value of this row with its unit."""
        return "" if value is None else _FORMATS[self.unit].format(value)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "times": self.times,
            "limit": self.limit,
            "limit_times": self.limit_times,
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True)
class Group:
    """Measurements that belong together, and what their reference is."""

    title: str
    reference: str
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "reference": self.reference,
            "rows": [row.to_json() for row in self.rows],
        }


def show(console: Console, groups: Iterable[Group], machine: str) -> None:
    """The tables, and a last line that sums them up."""
    shown = tuple(groups)
    for group in shown:
        console.print(f"\n{group.title}", style="bold")
        console.print(Padding(f"Reference: {group.reference}", (0, 0, 0, 2), expand=False), style="dim")
        console.print(Padding(_table(group.rows), (0, 0, 0, 2), expand=False))
    console.print(f"\n{machine}\n{summary(shown)}")


def summary(groups: Iterable[Group]) -> str:
    """One line: how many limits are kept, and which are not."""
    shown = tuple(groups)
    held = sum(row.verdict is Verdict.OK for group in shown for row in group.rows)
    over = {group.title: [row.name for row in group.rows if row.verdict is Verdict.OVER] for group in shown}
    missed = sum(map(len, over.values()))
    if not missed:
        return f"All {held} limits are kept."
    where = "; ".join(f"{title}: {', '.join(names)}" for title, names in over.items() if names)
    return f"{held} of {held + missed} limits are kept. Over: {where}."


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("", min_width=34)
    for name in ("measured", "reference", "times", "limit"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for row in rows:
        times = "" if row.times is None else f"{row.times:.2f}"
        style = "bold red" if row.verdict is Verdict.OVER else None
        cells = (row.name, row.text(row.value), row.text(row.reference), times, row.limit_text)
        table.add_row(*cells, row.verdict.value, style=style)
    return table
