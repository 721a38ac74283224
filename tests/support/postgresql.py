"""The PostgreSQLs that tests can run: what is packaged, named, or fetched into the project's folder."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from local_aurora.engines.errors import EngineError
from local_aurora.engines.postgresql.versions import Installation, at_hand, installation_in

FETCHED = Path(__file__).parents[2] / ".postgresql"
"""Where `make` puts those of requirements/postgresql-*.txt, one directory for each major version."""
WANTED = "POSTGRESQL"


@cache
def usable() -> tuple[Installation, ...]:
    """Those that run on this machine, the oldest first; of each major version one."""
    fetched, _ = _fetched()
    found = {each.major: each for each in (*fetched, *at_hand())}
    return tuple(found[major] for major in sorted(found))


def are_named() -> bool:
    """Whether `POSTGRESQL` says which to try."""
    return WANTED in os.environ


def tried() -> tuple[Installation, ...]:
    """The oldest and the newest, or those of the major versions that `POSTGRESQL=15,16` names."""
    if expected := os.environ.get(WANTED):
        by_major = {str(each.major): each for each in usable()}
        return tuple(by_major[major] for major in expected.split(","))
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
