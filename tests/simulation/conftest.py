"""The figures of the enumeration at the end, where pytest is given this directory."""

from __future__ import annotations

from tests.simulation.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
