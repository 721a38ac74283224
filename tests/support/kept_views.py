"""What people read, kept as text in tests/data/views: a change of it is seen as a difference, and in one place.

REWRITE_VIEWS=1 writes the files of the tests that run anew; the difference in git is then what is to be reviewed.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

REWRITE = "REWRITE_VIEWS"
VIEWS = Path(__file__).parents[1] / "data" / "views"


def assert_as_kept(name: str, seen: str, folder: Path = VIEWS) -> None:
    """The text is the one that is kept under this name, apart from spaces at the ends of lines."""
    path = folder / f"{name}.txt"
    now = [line.rstrip() for line in seen.splitlines()]
    if os.environ.get(REWRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*now, ""]))
        return
    kept = path.read_text().splitlines() if path.exists() else []
    if different := "\n".join(difflib.unified_diff(kept, now, "as kept", "as it is now", lineterm="")):
        pytest.fail(f"{name} is not as kept ({REWRITE}=1 keeps it as it is now):\n{different}", pytrace=False)
