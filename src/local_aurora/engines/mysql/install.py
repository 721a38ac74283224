"""Which MySQL server is at hand.

In this order: the program that `AURORA_RESTORE_MYSQLD` names, `mysqld` of the PATH where that is MySQL 8.0 or newer,
the one that lies unpacked in the project's folder `.mysql`, else one that the machine's package manager fetches into
that folder (see `fetch`). Beside it there can be a MariaDB, for accounts with `mysql_native_password`, which MySQL
removed in 9.0.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineError
from local_aurora.engines.process import Program

VARIABLE = "AURORA_RESTORE_MYSQLD"
OLDEST = (8, 0)
"""What has roles, a transactional dictionary and the clone plugin."""
HINT = f"Install MySQL 8.0 or newer and name its server program in {VARIABLE}; PostgreSQL works without it."
CLONE_PLUGIN = "usr/lib/mysql/plugin/mysql_clone.so"
_FOLDER = ".mysql"
_NOTE = "installation.json"
_ASK_TIMEOUT_SECONDS = 20.0


class Kind(StrEnum):
    MYSQL = "MySQL"
    MARIADB = "MariaDB"

    @property
    def folder_name(self) -> str:
        return self.value.lower()


@dataclass(frozen=True)
class Installation:
    """One server.

    Without a `root` it is the system's: `program` is a path, and the program finds the rest by itself. With a `root`
    it was unpacked there, with all libraries: the other paths are relative to it, and its own `loader` runs it.
    """

    kind: Kind
    version: str
    program: str
    root: Path | None = None
    loader: str = ""
    libraries: tuple[str, ...] = ()

    @property
    def number(self) -> tuple[int, ...]:
        return numbers_of(self.version)

    def version_command(self) -> list[str]:
        if self.root is None:
            return [self.program, "--version"]
        libraries = ":".join(str(self.root / each) for each in self.libraries)
        loader, program = str(self.root / self.loader), str(self.root / self.program)
        return [loader, "--library-path", libraries, program, "--version"]


@dataclass(frozen=True)
class PlacedServer:
    """An installation that serves what is in `home`.

    MySQL wants to know where its data really is, and `nobody`, as whom it runs for root, may have no way there (a
    project in root's home). So `home` is then the whole of what the server sees, and a copy of the programs is in it.
    """

    installation: Installation
    home: Path
    is_shut_in: bool

    def seen(self, path: Path) -> str:
        """The path by which the server finds something in `home`."""
        return f"/{path.relative_to(self.home)}" if self.is_shut_in else str(path)

    def command(self, arguments: Sequence[str]) -> Program:
        """The server with these arguments."""
        installation, root = self.installation, self.installation.root
        if root is None:
            return Program((installation.program, "--no-defaults", *arguments))
        libraries = ":".join(self.seen(root / each) for each in installation.libraries)
        loaded = ("--library-path", libraries, self.seen(root / installation.program))
        plugins = self.seen((root / CLONE_PLUGIN).parent)
        places = (f"--basedir={self.seen(root / 'usr')}", f"--plugin-dir={plugins}")
        own = ("--no-defaults", *places, *arguments)
        return Program(
            (str(root / installation.loader), *loaded, *own), root=self.home if self.is_shut_in else None
        )


def placed(installation: Installation, home: Path, account: Account) -> PlacedServer:
    """Make an installation ready to serve what is in `home`, through which `account` can pass.

    Raises:
        EngineError: it is the system's, which cannot be copied into `home`, and runs as `nobody`, who cannot get there.
    """
    if installation.root is None or not account.drops_root:
        is_reached = all(path.stat().st_mode & stat.S_IXOTH for path in (home, *home.parents))
        if account.drops_root and not is_reached:
            raise EngineError(
                f"{installation.program} runs as `nobody`, who cannot reach {home}. Run the local stack as an ordinary "
                f"user, put it where all can pass, or let `make mysql` fetch a server and keep {VARIABLE} and the PATH "
                "free of others."
            )
        return PlacedServer(installation, home, is_shut_in=False)
    programs = home / "programs"
    programs.mkdir(exist_ok=True)
    programs.chmod(account.directory_mode)
    root = programs / f"{installation.kind.folder_name}-{installation.version}"
    if not root.is_dir():
        with tempfile.TemporaryDirectory(dir=programs, prefix=".placing-") as work:
            shutil.copytree(installation.root, Path(work) / "root", symlinks=True, copy_function=_link)
            (Path(work) / "root").chmod(0o755)
            (Path(work) / "root").rename(root)
    return PlacedServer(replace(installation, root=root), home, is_shut_in=True)


def _link(source: str, target: str) -> None:
    """A copy that takes no space, where the file system can make one."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def numbers_of(version: str) -> tuple[int, ...]:
    """9.7.4 as (9, 7, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def project_folder() -> Path:
    """`.mysql` of the project's folder; of the user's cache, where the project is installed without its folder."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file():
            return parent / _FOLDER
    return Path.home() / ".cache" / "aurora-restore" / _FOLDER.removeprefix(".")


def at_hand(
    kind: Kind = Kind.MYSQL, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Installation | None:
    """The server that is used, None where none is there yet; nothing is fetched.

    Raises:
        EngineError: the variable names something else than a MySQL server that is new enough.
    """
    environment = os.environ if environment is None else environment
    if kind is Kind.MYSQL:
        if named := environment.get(VARIABLE):
            return _named(Path(named))
        if found := _of_path(environment.get("PATH", "")):
            return found
    return unpacked(kind, (folder or project_folder()) / kind.folder_name)


def _named(program: Path) -> Installation:
    try:
        found = asked(Installation(Kind.MYSQL, "", str(program.absolute())))
    except EngineError as error:
        raise EngineError(f"{error} Mend {VARIABLE}, or unset it.") from error
    if found.kind is not Kind.MYSQL or found.number[:2] < OLDEST:
        raise EngineError(
            f"{program} is {found.kind} {found.version}; the local Aurora MySQL runs on MySQL 8.0 and newer. "
            f"Mend {VARIABLE}, or unset it."
        )
    return found


def _of_path(path: str) -> Installation | None:
    """MariaDB has a program of that name too, and an older MySQL cannot be used; both are skipped."""
    program = shutil.which("mysqld", path=path)
    if program is None:
        return None
    try:
        found = asked(Installation(Kind.MYSQL, "", program))
    except EngineError:
        return None
    return found if found.kind is Kind.MYSQL and found.number[:2] >= OLDEST else None


def asked(installation: Installation) -> Installation:
    """With the kind and the version that the program says of itself. Raises EngineError: it does not run."""
    command = installation.version_command()
    try:
        process = subprocess.run(
            command, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False,
            timeout=_ASK_TIMEOUT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{installation.program} cannot be run: {error}") from error
    said = re.search(r"Ver (\d+\.\d+\.\d+)(-MariaDB)?", process.stdout)
    if process.returncode or said is None:
        words = (process.stdout + process.stderr).strip()
        raise EngineError(f"{installation.program} --version says no version: {words}")
    kind = Kind.MARIADB if said.group(2) else Kind.MYSQL
    root, loader, libraries = installation.root, installation.loader, installation.libraries
    return Installation(kind, said.group(1), installation.program, root, loader, libraries)


def unpacked(kind: Kind, root: Path) -> Installation | None:
    """What `fetch` has put there and found to work."""
    try:
        note = json.loads((root / _NOTE).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return Installation(
        kind, note["version"], note["program"], root.resolve(), note["loader"], tuple(note["libraries"])
    )


def write_note(root: Path, installation: Installation) -> None:
    """Say in the folder what lies there: from now on it counts as one that works."""
    note = {
        "version": installation.version,
        "program": installation.program,
        "loader": installation.loader,
        "libraries": list(installation.libraries),
    }
    (root / _NOTE).write_text(json.dumps(note, indent=2) + "\n")
