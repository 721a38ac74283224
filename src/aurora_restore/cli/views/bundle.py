"""A bundle that was written: what is in it, and what could not be collected."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.bundle import Bundle
from aurora_restore.cli.views.common import facts, heading
from aurora_restore.domain.visible_text import visible


def render_bundle(bundle: Bundle, path: Path, size: int) -> RenderableType:
    """The file, its parts with their sizes, and the reasons for what is missing."""
    parts: list[RenderableType] = [
        Text.assemble(
            ("Wrote ", "bold green"), visible(str(path)), f" ({size:,} bytes, readable by you alone).",
            no_wrap=True, overflow="ignore",
        ),
        Text(),
        heading("In it"),
        facts([(item["name"], f"{item['what']} ({item['bytes']:,} B)") for item in bundle.listed]),
    ]  # fmt: skip
    if bundle.missing:
        parts += [
            Text(),
            Text("Not collected", style="bold yellow"),
            facts([(item["name"], visible(f"{item['what']}: {item['reason']}")) for item in bundle.missing]),
        ]
    return Group(*parts)
