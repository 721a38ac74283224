"""The demo on the screen: its steps, and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import heading, indented, plain_table
from aurora_restore.domain.wording import duration_words

if TYPE_CHECKING:
    from aurora_restore.demo.proof import Proof


def step_title(number: int, title: str, seconds: float) -> str:
    """`2  Production (at 8.4 s)`."""
    return f"{number}  {title}  (at {duration_words(seconds)})"


def render_proofs(proofs: Sequence[Proof]) -> RenderableType:
    """Claim by claim: what the restored database shows, what production shows, whether it holds."""
    table = plain_table("", "restored", "production", "")
    for proof in proofs:
        table.add_row(
            proof.claim,
            proof.restored,
            proof.production,
            Text("proved", style="green") if proof.holds else Text("NOT TRUE", style="bold red"),
        )
    return indented(table)


def render_verdict(proofs: Sequence[Proof], times: Mapping[str, float]) -> RenderableType:
    """The verdict, and what took how long."""
    failed = sum(1 for proof in proofs if not proof.holds)
    total = duration_words(sum(times.values()))
    if failed:
        title = Text(f"{failed} of {len(proofs)} claims do not hold, after {total}.", style="bold red")
    else:
        title = Text.assemble((f"All {len(proofs)} claims are proved", "bold green"), f", in {total}.")
    parts = ", ".join(f"{name} {duration_words(seconds)}" for name, seconds in times.items())
    return Group(title, indented(Text(parts, style="dim")))


def render_next(commands: Sequence[tuple[str, str]]) -> RenderableType:
    """What to try next: why, and the command, which is never folded into a second column."""
    lines: list[RenderableType] = [heading("What to try next")]
    for why, command in commands:
        lines += [indented(Text(why, style="dim")), indented(indented(Text(command)))]
    return Group(*lines)


def proof_items(proofs: Sequence[Proof]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "claim": proof.claim,
            "restored": proof.restored,
            "production": proof.production,
            "holds": proof.holds,
        }
        for proof in proofs
    ]
