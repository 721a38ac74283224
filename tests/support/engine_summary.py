"""Which servers the contract of the engines was held against, at the end of the test run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SERVER = "engine_server"
"""The property in which a test tells the server and the version that it met."""
ABSENT = "engine_absent"
"""The property in which a test tells why there was no server for it."""


def write_engines(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each server, and one for each that could not be had."""
    stats = terminalreporter.stats
    reports = [report for key in ("passed", "failed", "skipped") for report in stats.get(key, [])]
    said = [(name, str(value)) for report in reports for name, value in report.user_properties]
    met = Counter(value for name, value in said if name == SERVER)
    absent = {value for name, value in said if name == ABSENT}
    if not met and not absent:
        return
    terminalreporter.section("Servers of the engines' contract")
    for server, tests in sorted(met.items()):
        terminalreporter.write_line(f"{tests:7,}  tests on {server}")
    for reason in sorted(absent):
        terminalreporter.write_line(f"NOT TRIED: {reason}")
