"""What all tests have in common: the figures of the simulation at the end."""

from __future__ import annotations

from tests.simulation.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
