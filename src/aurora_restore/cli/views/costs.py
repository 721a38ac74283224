"""The costs of a plan: what, how much, and why; what is not known is said."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading
from aurora_restore.domain.costs import CostLine, Costs, Per, Total, oldest_and_newest
from aurora_restore.domain.visible_text import visible

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
    rows += [("note", visible(note)) for note in costs.notes]
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
            text.append(f": {line.quantity} at {unit_price(line.price.usd)} per {visible(line.price.unit)}")
    if line.price and line.price.is_old(costs.on):
        text.append(f" (OLD: the price of {line.price.as_of}, more than a year ago)", style="yellow")
    return Text.assemble(text, "\n", (line.why, "dim"))


def _sum(total: Total, after: str) -> Text:
    if total.is_whole:
        return Text(_amount(total.least, total.most) + after, style="bold")
    # What is missing from a sum may be more than all of it: there is no upper bound.
    if not total.least:
        return Text("not known", style="yellow")
    missing = ("; what is not known, or is for each GiB, comes besides", "yellow")
    return Text.assemble((f"at least {dollars(total.least)}{after}", "bold"), missing)


def _amount(least: Decimal | None, most: Decimal | None) -> str:
    if least == most:
        return dollars(most or Decimal(0))
    if not least:
        return f"at most {dollars(most or Decimal(0))}"
    return f"{dollars(least)} to {dollars(most or Decimal(0))}"


def dollars(amount: Decimal) -> str:
    """An amount: `$1,234.50`; below ten cents with its fractions of a cent."""
    return unit_price(amount) if amount < Decimal("0.1") else f"${amount:,.2f}"


def unit_price(usd: Decimal) -> str:
    """`$0.10`, `$0.021`, `$13.248`: at least two digits after the point, at most six."""
    whole, _, fraction = f"{usd:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{fraction:0<2}"
