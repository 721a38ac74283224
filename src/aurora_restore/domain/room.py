"""What of a request is bounded by numbers of RDS: its tags, and the versions that a snapshot can be restored as."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aurora_restore.domain.configuration import users_tags
from aurora_restore.domain.engines import ENGINES, POSTGRESQL, Engine
from aurora_restore.domain.errors import EngineVersionNotOffered, TooManyTags
from aurora_restore.domain.naming import OUR_TAGS_MOST, TAGS_MOST
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.request import RestoreRequest


def version_problem(
    expected: str | None, found: str, engine: Engine = ENGINES[POSTGRESQL]
) -> EngineVersionNotOffered | None:
    """What is wrong with the version that is asked for, for a snapshot of the version that was found."""
    if expected is None:
        return None
    # A restore never goes back, and a new major version is an upgrade of its own, with checks of its own.
    of_major = engine.numbers_of_major
    requested, existing = (
        [int(part) for part in re.findall(r"\d+", version)] for version in (expected, found)
    )
    if requested[:of_major] == existing[:of_major] and requested >= existing:
        return None
    return EngineVersionNotOffered(
        f"engine_version {expected} is not {found}, which the snapshot has, nor a newer one of the same major version."
    )


def tag_problems(request: RestoreRequest, replaced: DbCluster | None) -> Iterable[TooManyTags]:
    """Counted with what the pipeline itself puts on a cluster: at the restore, and when it is replaced."""
    if len(request.tags) + OUR_TAGS_MOST > TAGS_MOST:
        yield TooManyTags(
            f"The new cluster would have {len(request.tags)} tags of the request or of the replaced cluster, and up "
            f"to {OUR_TAGS_MOST} of the pipeline; RDS takes {TAGS_MOST}."
        )
    existing = len(users_tags(replaced.tags)) if replaced else 0
    if existing + OUR_TAGS_MOST > TAGS_MOST:
        yield TooManyTags(
            f"The cluster {request.target_cluster_id} has {existing} tags and needs up to {OUR_TAGS_MOST} more while "
            f"it is replaced; RDS takes {TAGS_MOST}. It was not touched."
        )
