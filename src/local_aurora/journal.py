"""Entries on disk that are changed in whole transactions: what was written is there after `kill -9` of everything."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path


class Journal:
    """Named entries in one SQLite file, safe from any thread.

    A write has reached the operating system when it returns, so that no end of any process takes it back. As with
    the databases (`fsync = off`), a power cut is the only thing that it does not survive: waiting for the disk would
    cost milliseconds a call, and protect a stack that is not production.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Before SQLite makes the file with another mode: passwords of the local databases are in it.
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._is_closed = False
        # Without an isolation level the driver begins no transactions of its own.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS entries (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
        )

    def read(self) -> dict[str, bytes]:
        with self._lock:
            return dict(self._database.execute("SELECT name, value FROM entries"))

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """All of the changes or none; None removes an entry. After `close` nothing is written."""
        with self._lock:
            if self._is_closed or not changes:
                return
            written = [(name, value) for name, value in changes.items() if value is not None]
            removed = [(name,) for name, value in changes.items() if value is None]
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", written)
                self._database.executemany("DELETE FROM entries WHERE name = ?", removed)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._database.close()
