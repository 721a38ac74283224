"""Each command of the original guide is on our page, and is run by a test."""

from __future__ import annotations

from collections.abc import Callable

from tests.docs import original_guide
from tests.docs.blocks import ROOT
from tests.support.block_summary import BLOCKS


def test_the_page_lists_every_command_in_its_order_and_no_other(
    record_property: Callable[[str, object], None],
) -> None:
    listed = original_guide.rows()
    assert [row.name for row in listed] == original_guide.names()
    for row in listed:
        assert " ".join(original_guide.script(row.name).split()).startswith(row.beginning)
    working = sum(row.outcome == original_guide.WORKS for row in listed)
    record_property(
        BLOCKS,
        f"The original guide: of {len(listed)} commands {working} work unchanged, "
        f"{len(listed) - working} are refused as on AWS",
    )


def test_every_command_is_run_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "stack").glob("test_*.py"))
    assert [name for name in original_guide.names() if f'"{name}"' not in tests] == []
