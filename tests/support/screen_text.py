"""What a screen shows, as text."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def text_of(renderable: RenderableType, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(renderable, crop=False)
    return out.getvalue()


def words_of(renderable: RenderableType, width: int = 100) -> str:
    """The text with every run of white space as one space: sentences, wherever they were folded."""
    return " ".join(text_of(renderable, width).split())


def identifier_at_the_end(line: str) -> bool:
    """Whether one word is what makes a line wide, after at most its name in the column before it."""
    return " " not in line.rsplit("  ", 1)[-1]


def absent(seen: str, *facts: str) -> list[str]:
    """Those of the facts that are not to be seen."""
    return [fact for fact in facts if fact not in seen]
