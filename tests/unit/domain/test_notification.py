"""The message at the end of a run, as a person reads it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from aurora_restore.domain.notification import success_message
from aurora_restore.domain.operation import Operation

RECORD = Path(__file__).parents[2] / "data" / "records" / "2026-11-27" / "running-ArchiveSnapshot.json"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def test_the_values_of_a_replacement_are_aligned() -> None:
    (item,) = json.loads(RECORD.read_text())["records"]
    message = success_message(Operation(item), NOW)

    facts = [
        found for line in message.text.splitlines() if (found := re.match(r"([A-Z][a-z ]+): {2,}", line))
    ]
    assert {"No name", "Clients", "Replaced"} <= {found[1] for found in facts}
    assert {found.end() for found in facts} == {12}
