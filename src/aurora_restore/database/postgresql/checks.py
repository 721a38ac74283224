"""Checks, after the set-up, what the catalog says of each user: a sentence for each thing that held."""

from __future__ import annotations

from aurora_restore.database.postgresql import privileges
from aurora_restore.database.postgresql.roles import (
    IAM_GROUP,
    SUPERUSER_GROUP,
    find_role,
    inherited_groups,
    required_groups,
)
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.users import Access, DbUser

_NAMED_MOST = 5

_CHANGED_MEANWHILE = (
    "Something else changed the role during the run: see who works on the restored cluster, and start again under a "
    "new name."
)
_MEMBERSHIP_HINT = (
    "The master user can grant only roles that it has ADMIN on, and take back only what it granted itself: mend the "
    "membership in the source cluster, or choose another username; then start again under a new name."
)


def check_role(session: Session, user: DbUser) -> list[str]:
    """Membership and attributes, by the catalog.

    Raises:
        DbUserSetupFailed: the role is not what it is to be.
    """
    role = find_role(session, user.username)
    if role is None or not role.can_login:
        raise DbUserSetupFailed(
            f"The database user {user.username} is not there, or may not log in, after its set-up.",
            _CHANGED_MEANWHILE,
        )
    # An admin keeps the memberships that it came with.
    held = {membership.group for membership in role.memberships}
    missing = sorted(required_groups(user) - inherited_groups(role))
    surplus = sorted(held - required_groups(user)) if user.access is not Access.ADMIN else []
    if missing or surplus:
        said = f"lacks membership of {missing}" if missing else f"is still a member of {surplus}"
        raise DbUserSetupFailed(
            f"The database user {user.username} ({user.access}) {said} after its set-up.", _MEMBERSHIP_HINT
        )
    found = []
    if user.iam:
        found.append(
            f"is a member of {IAM_GROUP}; the login itself was not tried: it needs the right rds-db:connect"
        )
    if user.access is Access.ADMIN:
        found.append(
            f"is a member of {SUPERUSER_GROUP}, may create databases and roles, and is not a superuser"
        )
    return found


def is_shut_out(session: Session, user: DbUser) -> bool:
    """Whether a limit of the session's database, or of the user, lets no connection in; others let one in later."""
    return bool(
        session.value(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datconnlimit = 0)"
            " OR EXISTS (SELECT FROM pg_roles WHERE rolname = :username AND rolconnlimit = 0)",
            username=user.username,
        )
    )


def ways_out(session: Session, user: DbUser) -> list[str]:
    """What is open for reading alone, since a rule sends what is written there on to another server."""
    if user.access is Access.READ_ONLY or user.foreign_tables is ForeignTables.READ_WRITE:
        return []
    names = [session.readable(name) for name in privileges.sent_on(session)]
    if not names:
        return []
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    return [
        f"note: in {session.database} it may only read {', '.join(names[:_NAMED_MOST])}{more}: a rule sends what is"
        " written there on to another server"
    ]


def check_limits(session: Session, user: DbUser) -> list[str]:
    """What is beyond the level, by the catalog, whichever way it came: grant, membership, ownership, PUBLIC.

    CREATE that everyone has in a schema (`public`, in databases made before PostgreSQL 15) is reported and
    does not fail the check: no grant of ours gave it, and taking it from everyone could stop an application.

    Raises:
        DbUserSetupFailed: the user can do more than its level says.
    """
    if user.access is Access.ADMIN:
        return []
    found = privileges.excesses(session, user.username, user.access, user.foreign_tables)
    tolerated = [excess for excess in found if excess.public and excess.privilege == "CREATE"]
    beyond = [excess for excess in found if excess not in tolerated]
    if beyond:
        listed = ", ".join(
            f"{excess.privilege} on {session.readable(excess.name)}{' (through PUBLIC)' if excess.public else ''}"
            for excess in beyond[:_NAMED_MOST]
        )
        raise DbUserSetupFailed(
            f"In database {session.database} the user {user.username} can do more than {user.access}: {listed}"
            f"{f' and {len(beyond) - _NAMED_MOST} more' if len(beyond) > _NAMED_MOST else ''}.",
            "Take the privilege from PUBLIC in the source cluster, or choose a user that owns nothing there.",
        )
    return [
        f"note: everyone may create objects in {session.readable(excess.name)} of {session.database}"
        for excess in tolerated
    ]
