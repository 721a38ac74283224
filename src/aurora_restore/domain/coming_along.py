"""What can be said of what comes along before anything is restored: AWS shows nothing of the inside of a snapshot.

So the plan says what will be looked for and when, and what the request makes of it, each with its consequence. The ways
out that AWS does show are the roles of the replaced cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.engines import POSTGRESQL, Engine
from aurora_restore.domain.outward import ForeignTables, OutwardConnections
from aurora_restore.domain.request import RestoreRequest

_EXTENSIONS: Mapping[str, str] = {
    "s3Import": "aws_s3",
    "s3Export": "aws_s3",
    "Lambda": "aws_lambda",
    "SageMaker": "aws_ml",
    "Comprehend": "aws_ml",
    "Bedrock": "aws_ml",
}
"""Which extension acts with a role of this feature (AuroraUserGuide, "Associating an IAM role with a DB cluster")."""

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
    found.append(Coming("  other logins", _other_logins(locked=request.lock_other_logins)))
    if engine.leads_out:
        found += _leading_out(request)
    return (*found, *_roles(replaced.roles if replaced else (), engine))


def _leading_out(request: RestoreRequest) -> list[Coming]:
    stored = _STORED_LOGINS[request.outward_connections]
    found = [Coming("  stored logins", f"{stored} (outward_connections: {request.outward_connections})")]
    if request.db_users:
        words = f"{_foreign_tables(request.foreign_tables)} (foreign_tables: {request.foreign_tables})"
        found.append(Coming("  foreign tables", words))
    return found


def _other_logins(*, locked: bool) -> str:
    if locked:
        return "all but the master user and db_users are locked (lock_other_logins: true)"
    return "keep the passwords that they have in production (lock_other_logins: false)"


def _foreign_tables(level: str) -> str:
    if level == ForeignTables.NONE:
        return "the users get nothing on them, since what is written there arrives in another server"
    return "the users reach there what the stored logins reach: production, where nothing was changed"


def _roles(roles: Sequence[ClusterRole], engine: Engine) -> list[Coming]:
    """Those of the replaced cluster, which the new one is given as well."""
    return [Coming("  role", f"{role.role_arn}{_reached_with(role.feature_name, engine)}") for role in roles]


def _reached_with(feature: str, engine: Engine) -> str:
    extension = _EXTENSIONS.get(feature) if engine.name == POSTGRESQL else None
    consequence = f": {extension} in the copy reaches what it reaches" if extension else ""
    return f"{f' ({feature})' if feature else ''}, as on the replaced cluster{consequence}"
