"""What the preflight finds wrong with the users of a request: all of it is known before anything is copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aurora_restore.domain.engines import ENGINES, POSTGRESQL, Engine
from aurora_restore.domain.errors import PasswordNotAcceptable, RestoreError, SecretWrongUser
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.passwords import password_problem
from aurora_restore.domain.users import DbUser


def user_secret_problems(
    users: Sequence[DbUser],
    secrets: Mapping[str, Credentials | RestoreError],
    engine: Engine = ENGINES[POSTGRESQL],
) -> Iterable[RestoreError]:
    """`secrets`: what was read, by the id of the secret; where a read was refused, its error."""
    for user in users:
        found = secrets.get(user.secret_id or "")
        if isinstance(found, RestoreError):
            yield found
            continue
        # A user that logs in by IAM has no secret.
        if found is None:
            continue
        if found.username != user.username:
            yield SecretWrongUser(
                f"db_users: the secret {user.secret_id} is of the user {found.username!r}, not of {user.username!r}.",
                "Name the secret of that user, or give the field `username` of the request the name in the secret.",
            )
        if problem := password_problem(found.password, engine.name):
            yield PasswordNotAcceptable(
                f"db_users: the password of the user {user.username!r} in the secret {user.secret_id} cannot be used: "
                f"{problem}.",
                "Put another password into that secret, and start again.",
            )


def master_among_users(users: Sequence[DbUser], master_username: str) -> Iterable[RestoreError]:
    if any(user.username == master_username for user in users):
        yield SecretWrongUser(
            f"db_users: {master_username!r} is the master user of the cluster, whose secret is the admin secret.",
            "Leave it out of db_users: the master user gets the password of the admin secret in every restore.",
        )
