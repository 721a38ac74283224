"""As which user the programs of the engines run: PostgreSQL and MySQL refuse to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from local_aurora.engines.errors import EngineError


@dataclass(frozen=True)
class Account:
    """The system user that the programs run as."""

    uid: int
    gid: int
    drops_root: bool

    @property
    def directory_mode(self) -> int:
        """Mode of the directories around the data: the user that we drop to must be able to pass through."""
        return 0o711 if self.drops_root else 0o700

    def own(self, path: Path) -> None:
        """Give `path` and everything in it to this user; only root can, and only root needs to."""
        if not self.drops_root:
            return
        os.chown(path, self.uid, self.gid)
        for parent, directories, files in os.walk(path):
            for name in (*directories, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)


def choose_account() -> Account:
    """Ourselves, or `nobody` where we are root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), drops_root=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EngineError(
            "A database server does not run as root, and this machine has no user `nobody` to run it as. "
            "Run the local stack as an ordinary user."
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid, drops_root=True)
