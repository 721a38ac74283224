"""The demo as a newcomer runs it: it proves what it claims, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_restore.local.stack_info import StackInfo

TIMEOUT_SECONDS = 150


def run_demo(folder: Path, *options: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AURORA_"))
    }
    if home:
        environment["AURORA_RESTORE_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "aurora_restore", "demo", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def test_the_demo_proves_every_claim_and_takes_down_what_it_started(tmp_path: Path) -> None:
    folder = tmp_path / "a path with a space"
    folder.mkdir()
    done = run_demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "claims are proved" in done.stdout
    assert "NOT TRUE" not in done.stdout
    assert "later orders are not there" in done.stdout
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.fixture
def quick(stack: StackInfo) -> Iterator[StackInfo]:
    """The stack, with an Aurora that takes next to no time."""
    before = stack.control.durations()
    stack.control.change_durations(copy=0.2, restore=0.2, instance=0.2, password_change=0.2)
    yield stack
    stack.control.change_durations(**before)


def test_the_demo_uses_a_stack_that_runs_and_works_again_and_again(quick: StackInfo, tmp_path: Path) -> None:
    for _ in range(2):
        done = run_demo(tmp_path, "--json", home=quick.home)
        assert done.returncode == 0, done.stdout + done.stderr
        document = json.loads(done.stdout)
        assert all(proof["holds"] for proof in document["proofs"])
        assert document["record"]["status"] == "SUCCEEDED"
        assert quick.control.status()["uptime_seconds"] > 0
