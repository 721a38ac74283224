"""What people read about the auto scaling of readers, which rests while the name changes clusters."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.screen_text import text_of
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation

BEFORE = {"min_capacity": 1, "max_capacity": 5, "suspension": {}, "policies": ["by-load"]}
LOST = {"state": "resumed", "registered_again": True, "before": BEFORE}


def row(record: dict[str, Any]) -> str | None:
    lines = text_of(render_status(view_operation(record), NOW), 200).splitlines()
    found = [" ".join(line.split()) for line in lines if line.strip().startswith("auto scaling")]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_replacement_of_a_cluster_that_is_not_scaled_has_no_such_row() -> None:
    assert row(replacements.retired()) is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state": "suspended"}, "suspended until the new cluster is proved: 1 to 5 readers"),
        ({"state": "resumed"}, "as it was before: 1 to 5 readers"),
        ({"state": "resumed", "registered_again": True}, "LEFT TO YOU: registered again (1 to 5 readers)"),
        ({"state": "left"}, "LEFT TO YOU"),
    ],
)
def test_one_row_says_what_has_become_of_it(state: dict[str, Any], words: str) -> None:
    found = row(replacements.switched() | {"scaling": {**state, "before": BEFORE}})
    assert found is not None
    assert words in found


@pytest.mark.parametrize(
    ("back", "words"),
    [({}, "suspended until the old cluster serves again"), ({"state": "resumed"}, "as it was before")],
)
def test_a_rollback_shows_the_rollback_alone(back: dict[str, Any], words: str) -> None:
    found = row(replacements.cancelled() | {"scaling": LOST, "scaling_back": back})
    assert found is not None
    assert words in found
    assert "LEFT TO YOU" not in found
