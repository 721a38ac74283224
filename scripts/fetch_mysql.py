"""Fetch MySQL and MariaDB for the tests and for the local stack: fetch_mysql.py [--only-missing] [--any] FOLDER.

They come from the mirror of this machine's own apt, are unpacked and never installed; see
`local_aurora.engines.mysql.fetch`. It ends with 1 where one of them could not be had; with --any, where neither could.
"""

# ruff: noqa: T201 - a script talks by printing

from __future__ import annotations

import sys
from pathlib import Path

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.fetch import fetch
from local_aurora.engines.mysql.install import Kind, at_hand


def main() -> int:
    folder = Path(sys.argv[-1])
    failed = [fetched(kind, folder, only_missing="--only-missing" in sys.argv) for kind in Kind]
    return min(failed) if "--any" in sys.argv else max(failed)


def fetched(kind: Kind, folder: Path, *, only_missing: bool) -> int:
    try:
        found = at_hand(kind, folder) if only_missing else None
        if found is None:
            print(f"Fetching {kind} into {folder / kind.folder_name}")
            found = fetch(kind, folder)
    except EngineError as error:
        print(error)
        return 1
    print(f"{kind} {found.version} is in {found.root or found.program}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
