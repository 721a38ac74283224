"""The directories of clusters and snapshots.

    <home>/tls/                     authority, server certificate
    <home>/template-<major>/data    a new cluster of a version before it has a master user
    <home>/clusters/<name>/         data, about.json, the server's log
    <home>/snapshots/<name>/        data (archives in it, as pg_basebackup makes them), about.json
    <home>/work                     what is being made or removed; emptied at each start

Everything below `clusters` and `snapshots` is complete: it is made under `work` and then renamed. A cluster
is some 1,500 files, which a snapshot keeps in one or two: file systems are slower with files than with bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tarfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineBusy, EngineError, StorageMissing

# PostgreSQL's, then MySQL's; the last one is the id of a MySQL server, of which no two have the same.
_LEFT_BY_A_SERVER = (
    "postmaster.pid",
    "postmaster.opts",
    "mysqld.pid",
    "mysqld.sock",
    "mysqld.sock.lock",
    "auto.cnf",
)
_BASE_ARCHIVE, _WAL_ARCHIVE = "base.tar", "pg_wal.tar"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class About:
    """What is known about a cluster's or a snapshot's data. `port` is the last one; a snapshot has none."""

    id: str
    master_username: str
    iam_authentication: bool = False
    port: int | None = None


# In the data directory itself, so that it comes along with whatever is copied, packed or restored.
_CONTENT_FILE = "aurora_content_id"


def directory_name(any_id: str) -> str:
    """A safe directory name, another one for every id (also where the file system ignores case)."""
    readable = re.sub(r"[^a-z0-9]+", "-", any_id.lower()).strip("-")[-60:]
    return f"{readable}.{hashlib.sha256(any_id.encode()).hexdigest()[:24]}"


class Storage:
    """The directories under `home`, which belong to this process until `close`. Raises EngineBusy."""

    def __init__(self, home: Path, account: Account) -> None:
        self.home = home
        self.account = account
        self.clusters = home / "clusters"
        self.snapshots = home / "snapshots"
        self._work = home / "work"
        home.parent.mkdir(parents=True, exist_ok=True)
        self.make_passable(home)
        self._lock_file = self._lock()
        shutil.rmtree(self._work, ignore_errors=True)
        # There was one for all while there was one major version.
        shutil.rmtree(home / "template", ignore_errors=True)
        for directory in (self.clusters, self.snapshots, self._work):
            self.make_passable(directory)

    def _lock(self) -> IO[str]:
        file = (self.home / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise EngineBusy(
                f"Another local stack runs on {self.home}. Stop it, or use another directory."
            ) from error
        return file

    def close(self) -> None:
        self._lock_file.close()

    def make_passable(self, directory: Path) -> None:
        """Make one of our directories, whatever the umask."""
        directory.mkdir(exist_ok=True)
        directory.chmod(self.account.directory_mode)

    def template(self, major: int | str) -> Path:
        return self.home / f"template-{major}"

    def templates(self) -> tuple[Path, ...]:
        """Those that were made."""
        return tuple(self.home.glob("template-*"))

    def cluster(self, cluster_id: str) -> Path:
        """The directory of a cluster. Raises StorageMissing."""
        return self._existing(self.clusters, cluster_id, "cluster")

    def snapshot(self, snapshot_id: str) -> Path:
        """The directory of a snapshot. Raises StorageMissing."""
        return self._existing(self.snapshots, snapshot_id, "snapshot")

    @staticmethod
    def has(parent: Path, any_id: str) -> bool:
        """Whether there is such a cluster or snapshot; it asks for nothing of the others, which come and go."""
        return (parent / directory_name(any_id)).is_dir()

    @classmethod
    def _existing(cls, parent: Path, any_id: str, kind: str) -> Path:
        if not cls.has(parent, any_id):
            raise StorageMissing(f"The local engine has no data of the {kind} {any_id}.")
        return parent / directory_name(any_id)

    @contextmanager
    def making(self, parent: Path, any_id: str) -> Iterator[Path]:
        """A new directory with an empty `data`, put in its place at the end; nothing is left after an error."""
        with self.making_at(parent / directory_name(any_id)) as work:
            yield work

    @contextmanager
    def making_at(self, target: Path) -> Iterator[Path]:
        work = self._work / uuid.uuid4().hex
        self.make_passable(work)
        try:
            self.make_data(work)
            yield work
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def make_data(self, directory: Path) -> None:
        data = directory / "data"
        data.mkdir(mode=0o700)
        self.account.own(data)

    def remove(self, path: Path) -> None:
        """Remove a directory; it is gone from its place at once, or not touched."""
        work = self._work / uuid.uuid4().hex
        path.rename(work)
        try:
            shutil.rmtree(work)
        except OSError as error:
            raise EngineError(f"Cannot remove {work}: {error}") from error

    def copy_data(self, source: Path, target: Path) -> None:
        """Copy the data of a stopped server to `target`, which has an empty `data` (as in all of these)."""
        ignore = shutil.ignore_patterns(*_LEFT_BY_A_SERVER)
        shutil.copytree(source / "data", target / "data", ignore=ignore, dirs_exist_ok=True)
        self.account.own(target / "data")

    def pack_data(self, source: Path, target: Path) -> None:
        """Make a snapshot of the data of a stopped server."""
        with tarfile.open(target / "data" / _BASE_ARCHIVE, "w") as archive:
            for path in sorted((source / "data").iterdir()):
                if path.name not in _LEFT_BY_A_SERVER:
                    archive.add(path, path.name)

    def unpack_data(self, source: Path, target: Path) -> None:
        """Make the data of a cluster from a snapshot."""
        data = target / "data"
        _unpack(source / "data" / _BASE_ARCHIVE, data)
        wal = source / "data" / _WAL_ARCHIVE
        if wal.exists():
            _unpack(wal, data / "pg_wal")
        self.account.own(data)

    def write_content_id(self, directory: Path, content_id: str) -> None:
        """Let the data of a cluster say which snapshot is being taken of it, so that the snapshot carries it."""
        file = directory / "data" / _CONTENT_FILE
        file.write_text(content_id)
        self.account.own(file)

    @staticmethod
    def copy_content_id(source: Path, target: Path) -> None:
        """Give it to data that was made from the source by other means than copying."""
        shutil.copyfile(source / "data" / _CONTENT_FILE, target / "data" / _CONTENT_FILE)

    @staticmethod
    def read_content_id(directory: Path) -> str:
        """Which snapshot the data was once taken as; empty where it does not say."""
        with suppress(FileNotFoundError):
            return (directory / "data" / _CONTENT_FILE).read_text()
        return ""

    def keep_only(self, parent: Path, expected: Collection[str]) -> tuple[str, ...]:
        """Remove what has any other id, so that no directory is ever used twice; the ids are returned."""
        lost = tuple(each for each in self.ids(parent) if each not in expected)
        for each in lost:
            self.remove(parent / directory_name(each))
        return lost

    def link_data(self, source: Path, target: Path) -> None:
        """Make a snapshot of a snapshot. It takes no space: neither is ever written to."""
        for archive in (source / "data").iterdir():
            os.link(archive, target / "data" / archive.name)

    @staticmethod
    def read_about(directory: Path) -> About:
        return About(**json.loads((directory / "about.json").read_text()))

    @staticmethod
    def write_about(directory: Path, about: About) -> None:
        new = directory / "about.json.new"
        new.write_text(json.dumps(asdict(about), indent=2) + "\n")
        new.replace(directory / "about.json")

    def ids(self, parent: Path) -> tuple[str, ...]:
        """The ids of all clusters or of all snapshots, in order; one that is removed meanwhile is left out."""
        found: list[str] = []
        for path in parent.iterdir():
            with suppress(FileNotFoundError):
                found.append(self.read_about(path).id)
        return tuple(sorted(found))


def _unpack(archive: Path, target: Path) -> None:
    """Only what a data directory consists of; the owner's rights alone."""
    with tarfile.open(archive) as members:
        for member in members:
            path = target / member.name
            if member.isdir():
                path.mkdir(mode=0o700, exist_ok=True)
                continue
            content = members.extractfile(member)
            if content is None:
                raise EngineError(f"{archive} holds {member.name}, which is neither a directory nor a file.")
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(content, file, _CHUNK_BYTES)
