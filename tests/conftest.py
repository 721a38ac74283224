"""What all tests have in common: the order of the files, and the figures of some of them at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.summary import write_figures
from tests.support.engine_summary import write_engines
from tests.support.ordering import pytest_collection_modifyitems
from tests.support.postgresql_summary import write_servers

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests handed over with `record_property`."""
    write_servers(terminalreporter)
    write_engines(terminalreporter)
    write_figures(terminalreporter)
