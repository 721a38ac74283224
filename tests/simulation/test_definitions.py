"""The definitions that are deployed are ones that the simulation can run."""

from __future__ import annotations

import pytest
from tests.simulation.pipeline import FILES, INFRASTRUCTURE, read_definition


@pytest.mark.parametrize("name", FILES)
def test_the_pipeline_s_own_definitions_are_read(name: str) -> None:
    assert read_definition(name, INFRASTRUCTURE / FILES[name]).states
