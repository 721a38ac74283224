"""The costs of a plan: what, how much, and why; what is not known is said."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading
from aurora_restore.domain.costs import CostLine, Costs, Per, Total, oldest_and_newest

_FOR = {Per.ONCE: "", Per.HOUR: " an hour", Per.DAY: " a day", Per.MONTH: " a month"}
HOURS_A_DAY = 24


def render_costs(costs: Costs) -> RenderableType:
    """Lines, sums, and how old the prices are."""
    rows: list[tuple[str, str | Text | None]] = []
    for number, line in enumerate(costs.lines):
        # Several lines of one kind, such as instances of several classes, have their name once.
        is_first = number == 0 or costs.lines[number - 1].what != line.what
        rows.append((line.what if is_first else "", _line(line, costs)))
    rows += [
        ("in all, the run", _sum(costs.for_the_run, "")),
        ("new cluster", _sum(costs.a_month, " a month of 730 hours")),
    ]
    if days := oldest_and_newest(costs.lines):
        oldest, newest = days
        of = f"of {oldest}" if oldest == newest else f"of {oldest} to {newest}"
        rows.append(("prices", f"{of}, in US dollars; --json names the source of each"))
    rows += [("note", note) for note in costs.notes]
    return Group(heading("Costs"), facts(rows))


def _line(line: CostLine, costs: Costs) -> Text:
    text = Text()
    if line.unknown:
        text.append(line.unknown, style="yellow")
    else:
        text.append(_amount(line.least, line.most), style="bold")
        text.append(_FOR[line.per])
        text.append(f" for each {line.for_each}" if line.for_each else "")
        if line.per is Per.HOUR and line.most:
            day = _amount(HOURS_A_DAY * (line.least or Decimal(0)), HOURS_A_DAY * line.most)
            text.append(f", {day} a day")
        if line.price and line.quantity:
            text.append(f": {line.quantity} at {dollars(line.price.usd)} per {line.price.unit}")
    if line.price and line.price.is_old(costs.on):
        text.append(f" (OLD: the price of {line.price.as_of}, more than a year ago)", style="yellow")
    return Text.assemble(text, "\n", (line.why, "dim"))


def _sum(total: Total, after: str) -> Text:
    if total.most is None:
        return Text("not known", style="yellow")
    text = Text(_amount(total.least, total.most) + after, style="bold")
    if not total.is_whole:
        text.append(", without what is not known or is for each GiB", style="yellow")
    return text


def _amount(least: Decimal | None, most: Decimal | None) -> str:
    if least == most:
        return dollars(most or Decimal(0))
    if not least:
        return f"at most {dollars(most or Decimal(0))}"
    return f"{dollars(least)} to {dollars(most or Decimal(0))}"


def dollars(amount: Decimal) -> str:
    """`$1,234.50`; a price or an amount below ten cents, and one with a fraction of a cent below a dollar, in full."""
    if amount and amount < 1 and amount != round(amount, 2):
        return (
            f"${amount.quantize(Decimal('0.000001')).normalize():f}"
            if amount < Decimal("0.1")
            else f"${amount:.3f}"
        )
    return f"${amount:,.2f}"
