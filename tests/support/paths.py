"""What lies below a directory that servers work in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def paths_below(directory: Path) -> Iterator[Path]:
    """As `rglob("*")`, which fails where a directory goes away while it is looked through."""
    for parent, directories, files in os.walk(directory):
        yield from (Path(parent, name) for name in (*directories, *files))
