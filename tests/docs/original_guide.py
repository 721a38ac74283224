"""The commands of the guide that the pipeline was ordered with, unchanged, and what our page says of each."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.docs.blocks import ROOT

FOLDER = ROOT / "tests" / "data" / "original_guide"
PAGE = ROOT / "docs" / "original_guide_commands.md"
WORKS = "works"
OPTION_MISSING = "refused by the AWS CLI: an option is missing"
_ROW = re.compile(
    r"^\| \[`(.+?)`\]\(\.\./tests/data/original_guide/(\w+)\.sh\) \| (.+?) \| .+ \| .+ \|$", re.MULTILINE
)
_AWS_ERROR = re.compile(r"An error occurred \((\w+)\) when calling")


@dataclass(frozen=True)
class Row:
    """One command as the page lists it: how it begins, the name of its file, and what becomes of it."""

    beginning: str
    name: str
    outcome: str


def rows() -> list[Row]:
    return [Row(*found) for found in _ROW.findall(PAGE.read_text(encoding="utf-8"))]


def script(name: str) -> str:
    """The command in that file, to be run as it is."""
    return (FOLDER / f"{name}.sh").read_text(encoding="utf-8")


def names() -> list[str]:
    """Those of all commands, in the order of the guide."""
    return sorted(path.stem for path in FOLDER.glob("*.sh"))


def assert_as_listed(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """The command has ended as the page says."""
    [listed] = [row.outcome for row in rows() if row.name == name]
    assert outcome(done) == listed, f"{script(name)}\n{done.stdout}\n{done.stderr}"


def outcome(done: subprocess.CompletedProcess[str]) -> str:
    """As the page puts it."""
    if done.returncode == 0:
        return WORKS
    if refused := _AWS_ERROR.search(done.stderr):
        return f"refused: `{refused[1]}`"
    if "error: the following arguments are required" in done.stderr:
        return OPTION_MISSING
    return f"ended with {done.returncode}"
