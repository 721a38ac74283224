"""The directory that replaces Lambda's `/var/runtime`: boto3 and the runtime client, by links, nothing else."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

RUNTIME_DISTRIBUTIONS = ("boto3", "awslambdaric")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def link_runtime_packages(directory: Path) -> Path:
    """Fill `directory` with links to what a Lambda Python runtime carries besides the standard library.

    Raises:
        PackageNotFoundError: boto3 or awslambdaric is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        # What is not a link is what an interpreter left there, such as `__pycache__`.
        old.unlink() if old.is_symlink() or old.is_file() else shutil.rmtree(old)
    for dist in _with_dependencies(RUNTIME_DISTRIBUTIONS):
        for name in {file.parts[0] for file in dist.files or []}:
            if not name.endswith(".dist-info") and name not in {"..", "__pycache__"}:
                (directory / name).symlink_to(Path(str(dist.locate_file(name))).resolve())
    return directory


def _with_dependencies(names: tuple[str, ...]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [(name, True) for name in names]
    while waiting:
        name, required = waiting.pop()
        key = name.lower().replace("_", "-")
        if key in found:
            continue
        try:
            found[key] = distribution(name)
        except PackageNotFoundError:
            if required:
                raise
            # Its marker is for another system or Python.
            continue
        for text in found[key].requires or []:
            match = _NAME.match(text)
            if match and "extra ==" not in text:
                # A requirement with a marker need not apply here, so it may be missing.
                waiting.append((match.group(), ";" not in text))
    return list(found.values())
