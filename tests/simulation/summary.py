"""The figures of the simulation, at the end of the test run. `tests/conftest.py` calls it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

CASES, TABLE = "simulated_cases", "simulated_table"


def write_figures(terminalreporter: pytest.TerminalReporter) -> None:
    """Cases by kind, then the tables that tests hand over with `record_property`."""
    cases: Counter[str] = Counter()
    tables: list[str] = []
    for name, value in _properties(terminalreporter):
        if name == CASES:
            cases.update(dict([value]))
        elif name == TABLE:
            tables.append(value)
    if not cases and not tables:
        return
    terminalreporter.section("simulation")
    for kind, count in sorted(cases.items()):
        terminalreporter.write_line(f"{count:7,}  {kind}")
    if cases:
        terminalreporter.write_line(f"{sum(cases.values()):7,}  cases in all")
    for table in tables:
        terminalreporter.write_line(f"\n{table}")


def _properties(terminalreporter: pytest.TerminalReporter) -> list[tuple[str, Any]]:
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])]
    return [entry for report in reports for entry in report.user_properties]
