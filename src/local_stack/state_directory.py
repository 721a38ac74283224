"""Where the local stack keeps what it knows: which files there are, and who runs on them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_stack import processes
from local_stack.errors import LocalStackBusy

HOME_VARIABLE = "AURORA_RESTORE_HOME"
DEFAULT_HOME = Path(".local") / "aurora-restore"


@dataclass(frozen=True)
class RunningServer:
    """The server process and where it answers, as it wrote them down when it was ready."""

    pid: int
    start_time: str | None
    gateway_url: str
    rds_url: str
    control_url: str
    ca_bundle: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs, and not another that got its id."""
        return _is_still(self.pid, self.start_time)


class StateDirectory:
    """The files of one local stack.

    home/stack.json    while the server runs: its process and its addresses
    home/started.json  from the moment that its process is started: who it is
    home/server.log    what the server says
    home/state/        everything that `fresh` throws away; it holds passwords, and is its owner's alone
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    @classmethod
    def find(cls, home: Path | None = None) -> StateDirectory:
        """`home`, else $AURORA_RESTORE_HOME, else .local/aurora-restore in the current folder."""
        return cls(home or Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME))

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def _running_file(self) -> Path:
        return self.home / "stack.json"

    @property
    def _started_file(self) -> Path:
        return self.home / "started.json"

    @property
    def _settings_file(self) -> Path:
        return self.state / "server.json"

    @property
    def _complete_file(self) -> Path:
        return self.state / "complete"

    def running(self) -> RunningServer | None:
        """The server that runs on this directory; what a dead one left is removed."""
        text = _read(self._running_file)
        if text is None:
            return None
        server = RunningServer(**json.loads(text))
        if server.is_alive:
            return server
        # It was killed, or the machine restarted: nothing answers at these addresses.
        self._running_file.unlink(missing_ok=True)
        return None

    def note_running(self, server: RunningServer) -> None:
        _write(self._running_file, json.dumps(asdict(server), indent=2))

    def forget_running(self) -> None:
        for file in (self._running_file, self._started_file):
            file.unlink(missing_ok=True)

    def note_started(self, pid: int) -> None:
        """That this process was started, so that it is found where its parent is killed too early."""
        _write(self._started_file, json.dumps({"pid": pid, "start_time": processes.start_time(pid)}))

    def started(self) -> int | None:
        """The process that was started last, where it still lives: ready or not."""
        noted = json.loads(_read(self._started_file) or "{}")
        return noted["pid"] if noted and _is_still(noted["pid"], noted["start_time"]) else None

    def settings(self) -> dict[str, Any]:
        """What the server was last started with: its ports, so that it gets the same ones again."""
        loaded = json.loads(_read(self._settings_file) or "{}")
        return dict(loaded)

    def note_settings(self, settings: Mapping[str, Any]) -> None:
        _write(self._settings_file, json.dumps(dict(settings), indent=2))

    @property
    def is_complete(self) -> bool:
        """Whether the state was once set up to its end; half of one is of no use."""
        return self._complete_file.exists()

    def note_complete(self) -> None:
        _write(self._complete_file, "")

    def throw_away_state(self) -> None:
        if self.state.exists():
            shutil.rmtree(self.state)

    def make_private(self) -> None:
        """Let only the owner read the state and the log, whatever an earlier umask made of them."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.state.chmod(0o700)
        if self.log.exists():
            self.log.chmod(0o600)
        # The engines see to the modes of their own data, and PostgreSQL refuses to run with other ones. The directories
        # around it can have to be passable for `nobody`; no other user gets as far as them, because of `state` itself.
        # MySQL's programs can be the very files of the project's folder.
        of_the_engines = {self.state / "aurora" / name for name in ("postgres", "mysql")}
        for parent, directories, files in os.walk(self.state):
            below_engine = not of_the_engines.isdisjoint((Path(parent), *Path(parent).parents))
            if below_engine:
                directories[:] = [name for name in directories if name not in ("data", "programs")]
            for name in files if below_engine else (*directories, *files):
                path = Path(parent, name)
                # A link is left alone: what it leads to is not ours.
                if not path.is_symlink():
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the directory against a second `up` or `down`.

        Raises:
            LocalStackBusy: another process holds it.
        """
        # What lies below holds passwords of the local databases.
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.home / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalStackBusy(
                    f"Another command is starting or stopping the local stack in {self.home}."
                ) from None
            yield


def _is_still(pid: int, start_time: str | None) -> bool:
    return processes.is_alive(pid) and processes.start_time(pid) == start_time


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    """All of it or nothing: a reader never sees half a file. Only the owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(path)
