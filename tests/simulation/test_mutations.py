"""The simulation sees what is broken on purpose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.mutations.catalogue import MUTATIONS, SOURCE, Mutation
from tests.simulation.mutations.probe import SEEN

ROOT = SOURCE.parent


def play(source: Path, mutation: Mutation) -> subprocess.CompletedProcess[str]:
    """What the mutation is to be seen by, on the sources of that directory."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(source), str(ROOT)))}
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation.mutations.probe", *mutation.probes],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_ten_at_least() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 10


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_is_seen(mutation: Mutation, tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / mutation.path
    file.write_text(mutation.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    played = play(source, mutation)
    assert played.returncode == SEEN, f"{mutation.why}: not seen\n{played.stdout}{played.stderr[-2000:]}"
