"""The findings of a check on the screen: one line each, and below them what repairs what is not green."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from aurora_restore.cli.views.common import folded_between_words, indented
from aurora_restore.domain.checks.finding import Finding, Health, worst
from aurora_restore.domain.visible_text import visible

_MARKS = {
    Health.GREEN: ("ok ", "green"),
    Health.RED: ("RED", "bold red"),
    Health.UNKNOWN: ("?? ", "bold yellow"),
}
_NAME_WIDTH = 24


def render_finding(finding: Finding) -> RenderableType:
    """`ok   table AuroraRestoreState    it is ACTIVE, …`: folded between words where the terminal is narrow."""
    return _Line(finding)


class _Line:
    """A mark, a name, and what was seen, folded below itself."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        mark, style = _MARKS[self._finding.health]
        name = visible(self._finding.name)
        # A name that is longer than its column has a line of its own.
        if len(name) > _NAME_WIDTH:
            yield Text.assemble((mark, style), "  ", name, no_wrap=True, overflow="ignore")
            head = Text(" " * (len(mark) + 2 + _NAME_WIDTH + 2))
        else:
            head = Text.assemble((mark, style), "  ", name.ljust(_NAME_WIDTH + 2))
        indent = len(head.plain)
        for number, line in enumerate(
            folded_between_words(Text(visible(self._finding.seen)), options.max_width - indent)
        ):
            yield Text.assemble(head if number == 0 else " " * indent, line, no_wrap=True, overflow="ignore")


def render_repairs(finding: Finding) -> RenderableType:
    """What a finding means, and the commands that mend it, each in one line that can be copied."""
    mark, style = _MARKS[finding.health]
    lines: list[RenderableType] = [
        Text.assemble((visible(finding.name), "bold"), "  ", (mark.strip(), style))
    ]
    lines.append(indented(Text(visible(finding.means))))
    lines += [Text(f"    {visible(command)}", no_wrap=True, overflow="ignore") for command in finding.repairs]
    return Group(*lines)


def verdict(findings: Sequence[Finding], region: str) -> Text:
    """How many are green, red and not known."""
    count = {health: sum(finding.health is health for finding in findings) for health in Health}
    if worst(findings) is Health.GREEN:
        return Text.assemble((f"All {len(findings)} checks are green", "bold green"), f" in {region}.")
    parts = []
    if count[Health.RED]:
        parts.append(Text(f"{count[Health.RED]} red", style="bold red"))
    if count[Health.UNKNOWN]:
        parts.append(Text(f"{count[Health.UNKNOWN]} not known", style="bold yellow"))
    parts.append(Text(f"{count[Health.GREEN]} green"))
    return Text.assemble(Text(", ").join(parts), f" of {len(findings)} checks in {region}.")
