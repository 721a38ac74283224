"""The MySQL and the MariaDB that tests can run: what is at hand, or was fetched into the project's folder."""

from __future__ import annotations

from functools import cache

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import Installation, Kind


@cache
def found(kind: Kind) -> Installation | str:
    """The server, fetched where none is there yet; else why there is none."""
    try:
        return find_or_fetch(kind)
    except EngineError as error:
        return str(error)
