"""Every block of commands in our documents does what the document says, in order, on a stack that was just seeded."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.docs.blocks import EXAMPLE_OPERATION, ROOT, Block, Ran, read_blocks, run_block
from tests.support.aws_cli import directory_of_aws
from tests.support.block_summary import BLOCKS

from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 2)

# In this order: what the README starts is what the others look at.
DOCUMENTS = (
    "README.md",
    "docs/troubleshooting.md",
    "docs/operations_guide.md",
    "docs/replacing.md",
    "docs/rehearsals.md",
    "docs/reference.md",
    "docs/what_needs_to_reconnect.md",
    "docs/backup_and_recovery.md",
    "docs/costs.md",
    "docs/what_came_along.md",
    "docs/implementation_guide.md",
)
RUN_ELSEWHERE = {"docs/replacing.md", "docs/rehearsals.md"}
"""Every block of these is run by another test: it needs a cluster that serves, or waits for a schedule."""
BLOCKS_OF = {name: read_blocks(ROOT / name) for name in DOCUMENTS}


@pytest.fixture(scope="module")
def ran(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Every block that runs here, by its place: one shell each, the documents after the first side by side."""
    environ = environment(stack, tmp_path_factory.mktemp("commands"))
    first, *others = DOCUMENTS
    done = run_document(first, environ, tmp_path_factory.mktemp("checkout"), EXAMPLE_OPERATION)
    operation = done[-1].operation
    with ThreadPoolExecutor() as pool:
        running = [
            pool.submit(run_document, name, environ, tmp_path_factory.mktemp("checkout"), operation)
            for name in others
        ]
        done += [each for document in running for each in document.result()]
    return {str(each.block): each for each in done}


def run_document(name: str, environ: dict[str, str], folder: Path, operation: str) -> list[Ran]:
    """The blocks of a document in their order, in a folder like a checkout."""
    for part in (".venv", "infrastructure", "scripts"):
        (folder / part).symlink_to(ROOT / part)
    found: list[Ran] = []
    for block in BLOCKS_OF[name]:
        if block.runs_here:
            found.append(run_block(block, environ, folder, found[-1].operation if found else operation))
    return found


def environment(stack: StackInfo, programs: Path) -> dict[str, str]:
    """As `eval "$(aurora-restore local env)"` makes it, on a terminal of 80 columns."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    directory_of_aws(programs)
    # By module, as with the AWS CLI: the script of this very interpreter.
    (programs / "aurora-restore").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aurora_restore "$@"\n')
    (programs / "aurora-restore").chmod(0o755)
    return kept | lifecycle.environment(stack.home) | {
        "AURORA_RESTORE_HOME": str(stack.home),
        "AWS_PAGER": "",
        "COLUMNS": "80",
        "NO_PROXY": "127.0.0.1,localhost",
        "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
    }  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_blocks_of_a_document_do_what_it_says(
    document: str, ran: dict[str, Ran], record_property: Callable[[str, object], None]
) -> None:
    blocks = BLOCKS_OF[document]
    done = [ran[str(block)] for block in blocks if block.runs_here]
    elsewhere = sum(bool(block.other_test) for block in blocks)
    unfit = sum(bool(block.unfit) for block in blocks)
    record_property(
        BLOCKS,
        f"{document}: {len(done)} blocks ran, {elsewhere} are run by other tests, {unfit} are not for the local stack",
    )
    faults = [f"{each.block}: {fault}\n{each.output}" for each in done for fault in each.faults()]
    assert not faults, "\n\n".join(faults)
    assert bool(done) is (document not in RUN_ELSEWHERE)


@pytest.mark.parametrize(
    "block", [block for blocks in BLOCKS_OF.values() for block in blocks if block.other_test], ids=str
)
def test_a_block_that_another_test_runs_names_that_test(block: Block) -> None:
    assert (ROOT / block.other_test).is_file()
