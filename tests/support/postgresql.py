"""The PostgreSQLs that tests can run: what is packaged, named, or fetched into the project's folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aurora_restore.local.aurora.postgres_errors import EngineError
from aurora_restore.local.aurora.postgres_versions import Installation, at_hand, installation_in

FETCHED = Path(__file__).parents[2] / ".postgresql"
"""Where `make` puts those of requirements/postgresql-*.txt, one directory for each major version."""


@cache
def usable() -> tuple[Installation, ...]:
    """Those that run on this machine, the oldest first; of each major version one."""
    fetched, _ = _fetched()
    found = {each.major: each for each in (*fetched, *at_hand())}
    return tuple(found[major] for major in sorted(found))


def oldest_and_newest() -> tuple[Installation, ...]:
    """One where there is only one."""
    return tuple(dict.fromkeys((usable()[0], usable()[-1])))


def unusable() -> tuple[str, ...]:
    """Why those that were fetched cannot run on this machine."""
    return _fetched()[1]


@cache
def _fetched() -> tuple[tuple[Installation, ...], tuple[str, ...]]:
    installations: list[Installation] = []
    reasons: list[str] = []
    for directory in sorted(FETCHED.glob("*/bin")):
        try:
            installations.append(installation_in(directory))
        except EngineError as error:
            reasons.append(str(error))
    return tuple(installations), tuple(reasons)
