"""The MySQL and the MariaDB that tests can run: what is at hand, or was fetched into the project's folder."""

from __future__ import annotations

from functools import cache

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import Installation, Kind, at_hand, project_folder

TRIED = project_folder() / ".tried"
"""What `make` leaves when it has fetched what could be had."""


@cache
def found(kind: Kind) -> Installation | str:
    """The server, fetched where none is there yet and `make` has not tried; else why there is none."""
    try:
        server = at_hand(kind)
        if server is None and TRIED.exists():
            return f"no {kind} server could be fetched; `make mysql` tries again, and says why"
        return server or find_or_fetch(kind)
    except EngineError as error:
        return str(error)
