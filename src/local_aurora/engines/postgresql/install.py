"""Where the PostgreSQL programs of one installation are.

PostgreSQL refuses to run as root. There it runs as `nobody`, who may not be able to reach a virtual environment
in root's home; then a copy of the installation is kept in the system's cache. No mode of a directory that is
not ours is ever changed.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineError
from local_aurora.engines.process import Program

CACHE_DIRECTORY = Path("/var/cache/aurora-restore")


def find_programs(account: Account, installation: Path, cache_directory: Path = CACHE_DIRECTORY) -> Path:
    """The directory of an installation's programs that `account` can run; a cached copy where need be."""
    installation = installation.resolve()
    if not account.drops_root or _is_open_to_all(installation):
        return installation / "bin"
    cached = cache_directory / f"postgresql-{_fingerprint(installation)}"
    if not cached.is_dir():
        _copy_for_all(installation, cached)
    if not _is_open_to_all(cached):
        raise EngineError(
            f"PostgreSQL runs as `nobody`, who cannot reach {cached}. "
            "Run the local stack as an ordinary user, or open that directory to all."
        )
    return cached / "bin"


def program(command: Sequence[str]) -> Program:
    """A program of an installation, with the libraries of that one."""
    return Program(tuple(command), library_path(Path(command[0])))


def library_path(program: Path) -> str:
    """Where the libraries of a program's installation are: its libraries find theirs by LD_LIBRARY_PATH alone."""
    return str(program.parent.parent / "lib")


def _is_open_to_all(installation: Path) -> bool:
    program = installation / "bin" / "postgres"
    passages = (program, *program.parents, installation / "share", installation / "lib")
    return all(path.stat().st_mode & stat.S_IXOTH for path in passages)


def _fingerprint(installation: Path) -> str:
    """The same for installations whose files have the same names and sizes, wherever they are."""
    files = sorted(
        (str(path.relative_to(installation)), path.stat().st_size)
        for path in installation.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]


def _copy_for_all(installation: Path, target: Path) -> None:
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o755)  # whatever the umask: others than we are to pass through
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        copy = Path(work) / "installation"
        shutil.copytree(installation, copy, symlinks=True)
        _open_to_all(copy)
        try:
            copy.rename(target)
        except OSError:
            # Another process was faster: its copy is as good as ours.
            if not target.is_dir():
                raise


def _open_to_all(directory: Path) -> None:
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
