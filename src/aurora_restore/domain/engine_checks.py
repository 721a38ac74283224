"""What the preflight finds wrong with a request for the engine of its snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from aurora_restore.domain.engines import Engine, engine_of
from aurora_restore.domain.errors import InvalidRequest, PasswordNotAcceptable, RestoreError
from aurora_restore.domain.observed import ClusterSnapshot, Credentials
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.users import user_problem


def engine_of_snapshot(snapshot: ClusterSnapshot | RestoreError) -> Engine:
    """Without a snapshot the rules of PostgreSQL are applied: most requests are for it."""
    return engine_of(None if isinstance(snapshot, RestoreError) else snapshot.engine)


def master_password_problems(admin: Credentials, engine: Engine) -> Iterable[RestoreError]:
    if not engine.takes_master_password(admin.password):
        yield PasswordNotAcceptable(
            "The password in the admin secret is not one that RDS takes.", engine.master_password_rule
        )


def engine_problems(request: RestoreRequest, engine: Engine) -> Iterable[RestoreError]:
    """Users and logs that the engine cannot have. What no engine can have was refused with the request."""
    for user in request.db_users:
        if problem := user_problem(user, engine):
            yield InvalidRequest(f"db_users: {user.account!r} is not a user for {engine.words}: {problem}.")
    unknown = sorted(set(request.cloudwatch_logs_exports) - engine.log_exports)
    if unknown:
        yield InvalidRequest(
            f"cloudwatch_logs_exports: {engine.words} does not export {', '.join(unknown)}.",
            f"Choose among {', '.join(sorted(engine.log_exports))}.",
        )
