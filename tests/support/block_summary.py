"""How many blocks of commands of the documents were run, at the end of the test run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

BLOCKS = "command_blocks"
"""The property in which a test tells how many blocks of a document ran."""


def write_blocks(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each document."""
    stats = terminalreporter.stats
    reports = [report for key in ("passed", "failed") for report in stats.get(key, [])]
    lines = [value for report in reports for name, value in report.user_properties if name == BLOCKS]
    if lines:
        terminalreporter.section("Blocks of commands in the documents")
    for line in sorted(lines):
        terminalreporter.write_line(line)
