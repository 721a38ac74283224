"""The situations of an operator in docs/troubleshooting.md: each question, and the first command of its section."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT, read_blocks

PAGE = ROOT / "docs" / "troubleshooting.md"
_ROW = re.compile(r"^\| (.+) \| \[\w+\]\(#([\w-]+)\) \| (.+) \|$", re.MULTILINE)
_HEADING = re.compile(r"^## (.+)$")


def questions() -> dict[str, str]:
    """Of each situation that the table lists its question and the anchor of its section."""
    return {question: anchor for question, anchor, _ in _ROW.findall(PAGE.read_text(encoding="utf-8"))}


def command_of(question: str) -> str:
    """What the section of a question has an operator run first."""
    anchor = questions()[question]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    headings = [(number, _HEADING.match(line)) for number, line in enumerate(lines, 1)]
    [begin] = [number for number, match in headings if match and anchor_of(match[1]) == anchor]
    [first, *_] = [block for block in read_blocks(PAGE) if block.line > begin]
    return first.script


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
