"""What can be said of what comes along before anything is restored: AWS shows nothing of the inside of a snapshot.

So the plan says what will be looked for and when, and what the request makes of it, each with its consequence. The ways
out that AWS does show are the roles of the replaced cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.engines import POSTGRESQL, Engine
from aurora_restore.domain.outward import ForeignTables, OutwardConnections
from aurora_restore.domain.request import RestoreRequest

# Which extension acts with a role of this feature.
# Source: AuroraUserGuide, "Associating an IAM role with a DB cluster".
_EXTENSIONS: Mapping[str, str] = {
    "s3Import": "aws_s3",
    "s3Export": "aws_s3",
    "Lambda": "aws_lambda",
    "SageMaker": "aws_ml",
    "Comprehend": "aws_ml",
    "Bedrock": "aws_ml",
}

_STORED_LOGINS: Mapping[str, str] = {
    OutwardConnections.REPORT: "logins to other servers stay as they are, and a warning names them",
    OutwardConnections.KEEP: "logins to other servers stay as they are, and no warning names them",
    OutwardConnections.CUT: "logins to other servers are written down without their passwords, and removed",
}

LOOKED_FOR = (
    "AWS shows nothing of the inside of a snapshot. After the first login, and before any user is made, {what} are "
    "listed"
)


@dataclass(frozen=True)
class Coming:
    """One sentence of a plan, and what it is about."""

    about: str
    words: str


def coming_along(
    request: RestoreRequest, replaced: ClusterConfiguration | None, engine: Engine
) -> tuple[Coming, ...]:
    """A sentence for each part that makes a difference; a part that the request does not concern has none."""
    found = [Coming("comes along", LOOKED_FOR.format(what=engine.looked_for))]
    if request.quiet_start:
        found.append(
            Coming("  quiet until", "you wake it, with the statements that the record keeps (`defused`)")
        )
    other = (
        "all but the master user and db_users are locked (lock_other_logins: true)"
        if request.lock_other_logins
        else "keep the passwords that they have in production (lock_other_logins: false)"
    )
    found.append(Coming("  other logins", other))
    if engine.leads_out:
        stored = f"{_STORED_LOGINS[request.outward_connections]} (outward_connections: {request.outward_connections})"
        found.append(Coming("  stored logins", stored))
    # Without users nothing is granted on foreign tables, so the field makes no difference.
    if engine.leads_out and request.db_users:
        tables = (
            "the users get nothing on them, since what is written there arrives in another server"
            if request.foreign_tables == ForeignTables.NONE
            else "the users reach there what the stored logins reach: production, where nothing was changed"
        )
        found.append(Coming("  foreign tables", f"{tables} (foreign_tables: {request.foreign_tables})"))
    # The new cluster is given the roles of the replaced one, and reaches with them what that one reaches.
    for role in replaced.roles if replaced else ():
        extension = _EXTENSIONS.get(role.feature_name) if engine.name == POSTGRESQL else None
        consequence = f": {extension} in the copy reaches what it reaches" if extension else ""
        feature = f" ({role.feature_name})" if role.feature_name else ""
        found.append(Coming("  role", f"{role.role_arn}{feature}, as on the replaced cluster{consequence}"))
    return tuple(found)
