"""How blocks of commands are read from a document, run, and compared: a document that is wrong is found wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.docs.blocks import EXAMPLE_OPERATION, BadMarker, Block, is_like, read_blocks, run_block

DOCUMENT = """# Title

```bash
first
```

```text
its output
```

<!-- exit status 3: it comes too late -->
```bash
second
```

Prose in between.

```text
no output of the second
```

```json
{}
```

```text
no output either
```

1. In a list:

   <!-- run by tests/stack/test_guide.py: with a run that goes on -->
   ```bash
   third \\
     --indented
   ```

<!-- not for the local stack: it is about an account -->

```bash
fourth
```
"""


@pytest.fixture
def read(tmp_path: Path) -> list[Block]:
    (tmp_path / "page.md").write_text(DOCUMENT)
    return read_blocks(tmp_path / "page.md")


def ran(script: str, directory: Path, *, printed: str | None = None, exit_status: int = 0) -> list[str]:
    """What is wrong with a block."""
    block = Block("page.md", 1, script, printed, exit_status)
    return list(run_block(block, os.environ, directory, "restore-of-today").faults())


def test_blocks_are_read_in_their_order_with_what_stands_around_them(read: list[Block]) -> None:
    first, second, third, fourth = read
    assert (first.script, first.printed, first.exit_status, first.runs_here) == (
        "first",
        "its output",
        0,
        True,
    )
    assert (second.script, second.printed, second.exit_status) == ("second", None, 3)
    assert (third.script, third.other_test) == ("third \\\n  --indented", "tests/stack/test_guide.py")
    assert (fourth.unfit, fourth.runs_here) == ("it is about an account", False)
    assert [block.line for block in read] == [3, 12, 33, 40]


@pytest.mark.parametrize(
    "marker", ["not for the local stack", "exit status many: x", "run by: x", "skipped: it fails"]
)
def test_a_marker_that_says_nothing_we_know_or_gives_no_reason_is_refused(
    marker: str, tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text(f"<!-- {marker} -->\n```bash\ntrue\n```\n")
    with pytest.raises(BadMarker):
        read_blocks(tmp_path / "page.md")


def test_a_command_that_fails_is_found_wherever_it_is_in_the_block(tmp_path: Path) -> None:
    assert ran("true", tmp_path) == []
    (fault,) = ran("(exit 5)\ntrue", tmp_path)
    assert "[5]" in fault
    assert ran("for one in 1 2; do\n  (exit $one)\ndone", tmp_path)
    assert ran("false | cat", tmp_path)
    assert ran("false && true", tmp_path)
    assert ran("no-such-command-at-all", tmp_path)
    (fault,) = ran("python3 -c '\nraise SystemExit(6)'\ntrue", tmp_path)
    assert fault == "ended with [6], not 0: 6 python3 -c '"


def test_a_documented_exit_status_has_to_come_and_no_other_may(tmp_path: Path) -> None:
    assert ran("(exit 8)\ntrue", tmp_path, exit_status=8) == []
    assert ran("true", tmp_path, exit_status=8)
    assert ran("(exit 8)\n(exit 1)", tmp_path, exit_status=8)


def test_the_example_operation_stands_for_the_one_that_was_started_last(tmp_path: Path) -> None:
    assert ran(f"echo {EXAMPLE_OPERATION}", tmp_path, printed=f"{EXAMPLE_OPERATION}") == []
    block = Block("page.md", 1, "echo Started restore-another in us-west-2.")
    assert run_block(block, os.environ, tmp_path, "restore-of-today").operation == "restore-another"


def test_an_output_is_compared_but_for_times_and_what_the_document_leaves_open() -> None:
    output = "operation   status     took\nrestore-1   SUCCEEDED  35 s  02:00:11 UTC\nand one\nand two\n\n"
    assert is_like(output, "operation status took\nrestore-1 SUCCEEDED 1.5 s 12:34 UTC\n…\nand two")
    assert is_like(output, "operation …\n… SUCCEEDED …\nand one\nand two")
    assert is_like(output, "…\nand two")
    assert is_like("took 1 min 02 s", "took 35 s")
    assert not is_like(output, "operation …\n… FAILED …\nand one\nand two")
    assert not is_like(output, "operation …\n… SUCCEEDED …\nand one")
    assert not is_like(output, "and two")
