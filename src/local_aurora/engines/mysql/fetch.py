"""Fetching a server with the machine's package manager, without root and without installing anything.

A package and all that it needs are downloaded with lists of our own, from the mirror that the machine's own apt
configuration names, and unpacked into a folder. The server runs there with its own libraries, through its own loader,
so that one of a newer release runs too: MySQL is in Ubuntu's releases; of Debian's only unstable has it. What unstable
has cannot be pinned, so a server counts only once it was started and asked; until then the former one stays.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.install import (
    CLONE_PLUGIN,
    HINT,
    Installation,
    Kind,
    asked,
    at_hand,
    project_folder,
    unpacked,
    write_note,
)
from local_aurora.engines.mysql.running import refuse_one_that_does_not_start

_UNSTABLE = "sid"
_TOOLS = ("apt-get", "apt-cache", "dpkg-deb")
_PROGRAMS = {Kind.MYSQL: "mysqld", Kind.MARIADB: "mariadbd"}
# A server needs none of these: they belong to scripts beside it, or to the installing itself.
_LEFT_OUT = re.compile(r"perl|libperl|libgdbm|debconf|cdebconf|libc-gconv|gcc-\d+-base|libtirpc-common")
_PRUNED = (
    "usr/bin",
    "bin",
    "sbin",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/perl5",
    "usr/share/gdb",
    "etc",
)
_TIMEOUT_SECONDS = 300.0
_MOST_COMPLAINTS = 3


@dataclass(frozen=True)
class _Source:
    """A line of a sources.list: a mirror, and what of it."""

    mirror: str
    suite: str
    components: str


def find_or_fetch(kind: Kind = Kind.MYSQL, folder: Path | None = None) -> Installation:
    """The server at hand, else a fetched one.

    Raises:
        EngineError: there is none, and none can be fetched; it says what to do.
    """
    return at_hand(kind, folder) or fetch(kind, folder)


def fetch(kind: Kind = Kind.MYSQL, folder: Path | None = None) -> Installation:
    """Fetch a server anew into `folder` (the project's). Raises EngineError, and leaves what was there."""
    missing = [name for name in _TOOLS if shutil.which(name) is None]
    if missing:
        raise EngineError(
            f"No {kind} server is at hand, and none can be fetched: this machine has no {missing[0]}. {HINT}"
        )
    target = (folder or project_folder()).resolve() / kind.folder_name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as work:
        try:
            root = _unpacked_packages(kind, Path(work))
            installation = asked(_found_in(kind, root))
            trial = Path(work) / "trial"
            trial.mkdir()
            refuse_one_that_does_not_start(installation, trial)
        except (OSError, subprocess.SubprocessError, EngineError) as error:
            raise EngineError(f"No {kind} server could be fetched: {error} {HINT}") from error
        write_note(root, installation)
        put_in_place(kind, root, target)
    return replace(installation, root=target.resolve())


def put_in_place(kind: Kind, root: Path, target: Path) -> None:
    """Make a fetched server the one of the folder. Raises EngineError, and leaves what was there."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".replaced-") as aside:
        former = Path(aside) / target.name
        try:
            with suppress(FileNotFoundError):
                target.rename(former)
        except OSError as error:
            raise EngineError(f"{target} cannot be made: {error}") from error
        try:
            root.rename(target)
        except OSError as error:
            # Another process may have been faster: its server is as good as ours.
            if unpacked(kind, target) is not None:
                return
            if former.exists():
                former.rename(target)
            raise EngineError(f"{target} cannot be made: {error}") from error


def _unpacked_packages(kind: Kind, work: Path) -> Path:
    release = _of_the_release()
    found = None
    for sources in (release, _of_unstable(release)):
        apt = _Apt(work / f"apt-{sources[0].suite}", sources)
        complaints = apt.update()
        if found := apt.server_package(kind):
            break
    if not found:
        raise EngineError(
            f"The mirror of this machine has no package of a {kind} server. {complaints}".rstrip()
        )
    root = work / "root"
    root.mkdir(mode=0o755)
    for archive in apt.downloaded(apt.needed_for(found)):
        _run(["dpkg-deb", "-x", str(archive), str(root)])
    if kind is Kind.MYSQL and not (root / CLONE_PLUGIN).exists():
        # Some releases have the plugins in the package around the server.
        for archive in apt.downloaded([found.replace("-core", "")]):
            _run(["dpkg-deb", "-x", str(archive), str(root)])
        if not (root / CLONE_PLUGIN).exists():
            raise EngineError(f"{found} comes without {CLONE_PLUGIN}, with which snapshots are taken.")
    root.chmod(0o755)
    for pruned in _PRUNED:
        if not (root / pruned).is_symlink():
            shutil.rmtree(root / pruned, ignore_errors=True)
    return root


def _of_the_release() -> list[_Source]:
    """The machine's own release on the machine's own mirror, with its updates; nothing of other publishers."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    shown = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    # Without the lists too: images of containers come without them.
    options = ("--no-release-info", "--format", shown, "Created-By: Packages")
    targets = dict.fromkeys(_run(["apt-get", "indextargets", *options]).split())
    entries = [target.split("|") for target in targets if target.count("|") == 2]
    found: dict[tuple[str, str], list[str]] = {}
    for mirror, suite, component in entries:
        if codename and (suite == codename or suite.startswith(f"{codename}-")):
            found.setdefault((mirror, suite), []).append(component)
    sources = [_Source(mirror, suite, " ".join(parts)) for (mirror, suite), parts in found.items()]
    own = [source for source in sources if source.suite == codename]
    if not own:
        raise EngineError("The configuration of apt names no mirror of this machine's own release.")
    return [own[0], *(source for source in sources if source.suite != codename)]


def _of_unstable(release: Sequence[_Source]) -> list[_Source]:
    return [_Source(release[0].mirror, _UNSTABLE, "main")]


class _Apt:
    """apt with lists of its own and with nothing installed: what a package needs is then all of it."""

    def __init__(self, directory: Path, sources: Sequence[_Source]) -> None:
        self._directory = directory
        for name in ("lists/partial", "cache/archives/partial", "state", "debs"):
            (directory / name).mkdir(parents=True)
        (directory / "status").touch()
        signed = _keyring()
        lines = [f"deb {signed}{each.mirror} {each.suite} {each.components}" for each in sources]
        (directory / "sources.list").write_text("\n".join(lines) + "\n")
        self._options = [
            option
            for setting in (
                f"Dir::Etc::SourceList={directory}/sources.list",
                "Dir::Etc::SourceParts=/dev/null",
                f"Dir::State={directory}/state",
                f"Dir::State::Lists={directory}/lists",
                f"Dir::State::Status={directory}/status",
                f"Dir::Cache={directory}/cache",
                "Acquire::Languages=none",
                "Acquire::Retries=2",
                "APT::Install-Recommends=false",
                # The machine's own user for downloads cannot write into our folder.
                f"APT::Sandbox::User={'root' if os.geteuid() == 0 else ''}",
            )
            for option in ("-o", setting)
        ]

    def update(self) -> str:
        """What apt complained of: a list that it cannot have does not end it."""
        said = self._call("apt-get", "update", "--quiet")
        complaints = [line for line in said.splitlines() if line.startswith(("Err:", "W:", "E:"))]
        return " ".join(complaints[:_MOST_COMPLAINTS])

    def server_package(self, kind: Kind) -> str | None:
        """The newest one: Ubuntu has the version in the name."""
        name = f"^{kind.folder_name}-server-core(-[0-9.]+)?$"
        said = self._call("apt-cache", "search", "--names-only", name)
        names = [line.split(" ")[0] for line in said.splitlines() if line]
        return max(names, key=lambda each: [int(part) for part in re.findall(r"\d+", each)], default=None)

    def needed_for(self, package: str) -> list[str]:
        """The package, and those without which it does not run."""
        planned = self._call("apt-get", "install", "--simulate", package)
        return [
            name for name in re.findall(r"^Inst (\S+)", planned, re.MULTILINE) if not _LEFT_OUT.match(name)
        ]

    def downloaded(self, packages: Sequence[str]) -> list[Path]:
        """The archives of the packages, and of those that were asked for before."""
        self._call("apt-get", "download", "--quiet", *packages)
        return sorted((self._directory / "debs").glob("*.deb"))

    def _call(self, program: str, *arguments: str) -> str:
        return _run([program, *self._options, *arguments], self._directory / "debs")


def _keyring() -> str:
    """Where the release keeps the keys of its archive; where not, apt looks for them by itself."""
    name = platform.freedesktop_os_release().get("ID", "debian")
    keyring = Path(f"/usr/share/keyrings/{name}-archive-keyring.gpg")
    return f"[signed-by={keyring}] " if keyring.is_file() else ""


def _run(command: Sequence[str], directory: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    process = subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=_TIMEOUT_SECONDS,
    )  # fmt: skip
    if process.returncode:
        said = (process.stderr or process.stdout).strip().splitlines()[-3:]
        raise EngineError(f"{command[0]} ended with status {process.returncode}: {' '.join(said)}")
    return process.stdout


def _found_in(kind: Kind, root: Path) -> Installation:
    """The parts of what was unpacked, by the names that Debian gives them."""
    programs = sorted(root.glob(f"usr/sbin/{_PROGRAMS[kind]}"))
    loaders = sorted(path for path in root.glob("**/ld-linux*.so.*") if not path.is_symlink())
    if not programs or not loaders:
        raise EngineError("the packages hold no server, or no loader.")
    libraries = sorted(
        {path.parent for path in root.glob("**/*-linux-gnu/lib*.so*") if _is_reached(root, path)}
    )
    return Installation(
        kind,
        "",
        str(programs[0].relative_to(root)),
        root,
        str(loaders[0].relative_to(root)),
        tuple(str(path.relative_to(root)) for path in libraries),
    )


def _is_reached(root: Path, library: Path) -> bool:
    """Not through a link such as `lib`, which leads to `usr/lib` in newer releases."""
    return library.parent.resolve() == root.resolve() / library.parent.relative_to(root)
