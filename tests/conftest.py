"""What all tests have in common: the order of the files, and the figures of the simulation at the end."""

from __future__ import annotations

from tests.simulation.summary import pytest_terminal_summary
from tests.support.ordering import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]
