"""What all tests have in common: their day, the order of the files, and the figures of some of them at the end."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.simulation.summary import write_figures
from tests.support.block_summary import write_blocks
from tests.support.engine_summary import write_engines
from tests.support.ordering import spread_waiting
from tests.support.postgresql_summary import write_servers
from tests.support.shares import keep_day, leave_to_other_days

# How fast examples are made and tried depends on what else the machine does, and says nothing about the code.
settings.register_profile("any load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any load")


def pytest_configure() -> None:
    """Before there are workers."""
    keep_day()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Once the folders' own hooks have marked their tests."""
    leave_to_other_days(config, items)
    spread_waiting(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests handed over with `record_property`."""
    write_servers(terminalreporter)
    write_engines(terminalreporter)
    write_figures(terminalreporter)
    write_blocks(terminalreporter)
