"""A client of a target: it reads, again and again, from wherever the name leads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import pg8000.exceptions
import pg8000.native
from tests.stack.serving_targets import Place, data_in, endpoint_of

from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection

PAUSE_SECONDS = 0.15
Look = tuple[float, float, bool]
"""When it began and ended, and whether it found what it looked for."""
READ_ERRORS = (OSError, pg8000.exceptions.Error)


def longest_run(looks: Iterable[Look]) -> float:
    """The longest time in which no look can have found anything."""
    longest, first_ended = 0.0, None
    for begun, ended, found in looks:
        if found:
            first_ended = None
        elif first_ended is None:
            first_ended = ended
        else:
            longest = max(longest, begun - first_ended)
    return longest


@dataclass(frozen=True)
class Reading:
    """One look at the name and one read. `data` is None where the read failed, and `failure` says how.

    `begun_seconds` and `seconds` are on a clock, before the look and after the read.
    """

    begun_seconds: float
    seconds: float
    knows_name: bool
    data: str | None
    failure: str = ""


@dataclass
class ReadingClient(threading.Thread):
    """Asks for the endpoint before each read; while the name is away it keeps the last one it knew.

    A session is kept for as long as the endpoint stays the same and the session answers; then it logs in anew.
    """

    place: Place
    target: str
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._is_over = threading.Event()
        self._login: Credentials = self.place.master()
        self._endpoint: DatabaseEndpoint | None = None
        self._stack = contextlib.ExitStack()
        self._session: pg8000.native.Connection | None = None

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self._is_over.is_set():
            begun = time.monotonic()
            knows_name = self._look()
            data, failure = self._read()
            self.readings.append(Reading(begun, time.monotonic(), knows_name, data, failure))
            self._is_over.wait(PAUSE_SECONDS)
        self._leave()

    def end(self) -> None:
        self._is_over.set()
        self.join(timeout=30)

    @property
    def data_seen(self) -> list[str]:
        """Each thing that was read, in order, repetitions left out."""
        data = [reading.data for reading in self.readings if reading.data is not None]
        return [item for place, item in enumerate(data) if place == 0 or data[place - 1] != item]

    @property
    def failures(self) -> list[Reading]:
        return [reading for reading in self.readings if reading.data is None]

    def longest_seconds(self, *, nameless: bool) -> float:
        """The longest time in which the name may not have been known, or else in which no read succeeded."""
        longest, good = 0.0, self.readings[0].seconds
        for reading in self.readings:
            if reading.knows_name if nameless else reading.data is not None:
                longest, good = max(longest, reading.seconds - good), reading.seconds
        return longest

    def proved_seconds(self, *, nameless: bool) -> float:
        """The longest time in which that certainly was so, however slow the client itself is: from the end of the
        first look that met it to the beginning of the last one."""
        looks = (
            (item.begun_seconds, item.seconds, item.knows_name if nameless else item.data is not None)
            for item in self.readings
        )
        return longest_run(looks)

    def _look(self) -> bool:
        cluster = self.place.find_cluster(self.target)
        if cluster is None or not cluster.get("Endpoint"):
            return cluster is not None
        endpoint = endpoint_of(cluster)
        if endpoint != self._endpoint:
            self._leave()
            self._endpoint = endpoint
        return True

    def _read(self) -> tuple[str | None, str]:
        try:
            return data_in(self._connected()), ""
        except READ_ERRORS as error:
            self._leave()
            return None, f"{type(error).__name__}: {error}"

    def _connected(self) -> pg8000.native.Connection:
        if self._session is None:
            if self._endpoint is None:
                raise OSError("the target was never there")
            opened = connection(self._endpoint, self._login, "postgres", self.place.stack.ca_bundle)
            self._session = self._stack.enter_context(opened)
        return self._session

    def _leave(self) -> None:
        self._session = None
        with contextlib.suppress(*READ_ERRORS):
            self._stack.close()
