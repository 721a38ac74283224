"""One file with everything about an operation: parts, collected one by one, and an index that says what is missing."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aurora_restore.cli.errors import PathUnusable
from aurora_restore.cli.screen import plain
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.times import format_time

INDEX = "index.json"
LEFT_OUT = (
    "Secrets Manager was not asked. Inputs of executions, environments of functions and the log of the state machine, "
    "in which an operator's own words can be, were left out. What RDS shows in the place of a password was left out."
)


class NothingToCollect(Exception):
    """A part that does not exist; the text says why."""


@dataclass(frozen=True)
class Part:
    """A file of the bundle: its name, what it is, and how it is collected: a text, or what JSON shows."""

    name: str
    what: str
    collect: Callable[[], Any]


@dataclass
class Bundle:
    """The files, and what could not be collected, with the reason."""

    operation_id: str
    region: str
    account_id: str
    made: datetime
    files: dict[str, bytes] = field(default_factory=dict)
    listed: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Collect a part. What keeps it from being collected is a line of the index, and keeps no other part away."""
        try:
            content = part.collect()
        except RestoreError as error:
            self._miss(part, f"{error.code}: {error.message}")
            return
        except NothingToCollect as reason:
            self._miss(part, str(reason))
            return
        text = content if isinstance(content, str) else json.dumps(content, indent=1, default=plain)
        self.files[part.name] = text.encode(errors="backslashreplace") + b"\n"
        self.listed.append({"name": part.name, "what": part.what, "bytes": len(self.files[part.name])})

    def index(self) -> dict[str, Any]:
        return {
            "operation_id": self.operation_id,
            "region": self.region,
            "account_id": self.account_id,
            "made": format_time(self.made),
            "no_secret": LEFT_OUT,
            "files": self.listed,
            "not_collected": self.missing,
        }

    def write(self, path: Path) -> int:
        """Write the bundle, for its owner alone, and at once: no reader sees half of it. Its size in bytes.

        Raises:
            PathUnusable: there is such a file already.
        """
        _refuse_existing(path)
        # Made with mode 0600, in the same folder, so that the last step is a rename.
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    index = json.dumps(self.index(), indent=1).encode() + b"\n"
                    # The index comes first: it describes the other files.
                    for name, content in ((INDEX, index), *self.files.items()):
                        entry = zipfile.ZipInfo(name, self.made.timetuple()[:6])
                        entry.external_attr = 0o600 << 16
                        entry.compress_type = zipfile.ZIP_DEFLATED
                        archive.writestr(entry, content)
                file.flush()
                os.fsync(file.fileno())
            size = Path(unfinished).stat().st_size
            Path(unfinished).replace(path)
        except BaseException:
            # Also where it is interrupted: nothing half-made is left.
            Path(unfinished).unlink(missing_ok=True)
            raise
        return size

    def _miss(self, part: Part, reason: str) -> None:
        self.missing.append({"name": part.name, "what": part.what, "reason": reason})


def bundle_path(output: str | None, operation_id: str, now: datetime) -> Path:
    """Where the bundle goes: `output`, or a file of a telling name in it or in the current folder.

    Raises:
        PathUnusable: there is no such folder, or there is such a file already.
    """
    name = f"diagnose-{operation_id}-{now:%Y%m%d-%H%M%S}.zip"
    path = Path(output) if output else Path(name)
    if path.is_dir():
        path = path / name
    if not path.parent.is_dir():
        raise PathUnusable(f"There is no folder {str(path.parent)!r}.")
    # Before anything is collected, which takes a while.
    _refuse_existing(path)
    return path


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise PathUnusable(f"{str(path)!r} exists already.", "Name another file with --output.")


def collect(bundle: Bundle, parts: Iterable[Part]) -> None:
    for part in parts:
        bundle.add(part)
