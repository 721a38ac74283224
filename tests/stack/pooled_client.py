"""A client with a pool: sessions that stay open while they work, and newcomers that verify the name each time."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pg8000.exceptions
import pg8000.native
from tests.stack.reading_client import Look, longest_run
from tests.stack.serving_targets import Place, endpoint_of

from aurora_restore.domain.observed import Credentials
from local_aurora.engines.postgresql.admin import connection

POOL_SIZE, PAUSE_SECONDS, END_SECONDS = 3, 0.05, 60
NEWCOMERS_APART_SECONDS = 0.3
"""Each of them connects and verifies anew, which costs a machine more than a write."""
TABLE = "CREATE TABLE IF NOT EXISTS acknowledged (marker text PRIMARY KEY)"
WRITE = "INSERT INTO acknowledged VALUES (:marker)"
WHO = "SELECT aurora_db_instance_identifier()"
FAILURES = (OSError, pg8000.exceptions.Error)


@dataclass(frozen=True)
class Written:
    """A write that the server acknowledged: when, in which session, and which instance that session was on."""

    marker: str
    seconds: float
    session: str
    instance: str


@dataclass
class PooledClient:
    """Writes through a pool to wherever the target's name leads, with `sslmode=verify-full`, until it is ended."""

    place: Place
    target: str
    written: list[Written] = field(default_factory=list)
    arrivals: list[Look] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._login: Credentials = self.place.master()
        works = [self._use_pool] * POOL_SIZE + [self._arrive]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[PooledClient]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in self._threads:
                thread.join(END_SECONDS)

    @property
    def markers(self) -> set[str]:
        return {item.marker for item in self.written}

    @property
    def instances(self) -> list[str]:
        """Each instance that was written to, in order, repetitions left out."""
        seen = [item.instance for item in sorted(self.written, key=lambda item: item.seconds)]
        return list(dict.fromkeys(seen))

    def longest_gap(self) -> float:
        """The longest time in which certainly no new client could get in, however slow this one itself is."""
        return longest_run(self.arrivals)

    @contextlib.contextmanager
    def _session(self) -> Iterator[pg8000.native.Connection]:
        cluster = self.place.find_cluster(self.target)
        if cluster is None or not cluster.get("Endpoint"):
            raise OSError("the name is away")
        endpoint = endpoint_of(cluster)
        with connection(endpoint, self._login, "postgres", self.place.stack.ca_bundle) as session:
            yield session

    def _use_pool(self) -> None:
        while not self._is_over.is_set():
            try:
                self._write_while_it_works()
            except FAILURES as failure:
                self.failures.append(f"{type(failure).__name__}: {failure}")
            self._is_over.wait(PAUSE_SECONDS)

    def _write_while_it_works(self) -> None:
        with self._session() as session:
            session.run(TABLE)
            instance, name = str(session.run(WHO)[0][0]), uuid.uuid4().hex
            while not self._is_over.is_set():
                marker = uuid.uuid4().hex
                session.run(WRITE, marker=marker)
                self.written.append(Written(marker, time.monotonic(), name, instance))
                self._is_over.wait(PAUSE_SECONDS)

    def _arrive(self) -> None:
        while not self._is_over.is_set():
            begun, got_in = time.monotonic(), False
            try:
                with self._session() as session:
                    session.run(WHO)
                got_in = True
            except FAILURES as failure:
                self.failures.append(f"{type(failure).__name__}: {failure}")
            self.arrivals.append((begun, time.monotonic(), got_in))
            self._is_over.wait(NEWCOMERS_APART_SECONDS)
