"""Which PostgreSQLs the contract of the databases was held against, at the end of the test run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.support.postgresql import unusable, usable

if TYPE_CHECKING:
    import pytest

SERVER = "postgresql_server"
"""The property in which a test tells the version that its server said."""


def write_servers(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each version, and one where there was only one."""
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])]
    tests = Counter(
        str(value) for report in reports for name, value in report.user_properties if name == SERVER
    )
    if not tests:
        return
    terminalreporter.section("PostgreSQL servers of the databases' contract")
    for version in sorted(tests, key=_numbers):
        terminalreporter.write_line(f"{tests[version]:7,}  tests on PostgreSQL {version}")
    for reason in unusable():
        terminalreporter.write_line(f"Not tried: {reason}")
    if len(usable()) == 1:
        terminalreporter.write_line(
            "ONLY ONE major version was tried: no other PostgreSQL runs on this machine. `make postgresql` fetches the"
            " oldest and the newest where there are packages of them."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(maxsplit=1)[0].split(".") if part.isdigit())
