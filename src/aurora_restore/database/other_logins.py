"""The login roles that came along with the snapshot: production's passwords still open them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aurora_restore.database.amazon_roles import is_amazons
from aurora_restore.database.quoting import identifier, literal
from aurora_restore.database.session import ServerRefused, Session
from aurora_restore.domain.errors import DbUserSetupFailed

# What a lock leaves on the role, for people who wonder and for the next call that reports it.
_MARK = "Login disabled by aurora-restore. "


@dataclass(frozen=True)
class OtherLogins:
    """`found`: all of them, the locked ones among them; `locked`: those whose login we disabled."""

    found: tuple[str, ...]
    locked: tuple[str, ...]


def unlocked_comment(comment: str) -> str | None:
    """The comment that a role had before it was locked; None where no lock of ours is on it."""
    return comment.removeprefix(_MARK) if comment.startswith(_MARK) else None


def survey(session: Session, ours: Collection[str], *, lock: bool) -> OtherLogins:
    """Find the login roles that are neither `ours` nor of PostgreSQL or Amazon, and lock them if asked to.

    Raises:
        DbUserSetupFailed: some could not be locked; names them.
    """
    open_logins, locked = _find(session, ours)
    if not lock:
        return OtherLogins(tuple(sorted(open_logins + locked)), tuple(locked))
    refusals = {name: _lock(session, name) for name in open_logins}
    refusals |= {
        name: _end_sessions(session, name) for name in open_logins + locked if refusals.get(name) is None
    }
    failed = [f"{name} ({refused})" for name, refused in refusals.items() if refused is not None]
    if failed:
        raise DbUserSetupFailed(
            f"These logins came along with the snapshot and could not be disabled: {', '.join(failed)}.",
            "The master user needs ADMIN on them; give it in the source cluster, or disable them there by hand.",
        )
    everyone = tuple(sorted(open_logins + locked))
    return OtherLogins(everyone, everyone)


def _find(session: Session, ours: Collection[str]) -> tuple[list[str], list[str]]:
    found = session.rows(
        "SELECT rolname, rolcanlogin, coalesce(shobj_description(oid, 'pg_authid'), '')"  # noqa: S608 - constants
        f" FROM pg_roles WHERE NOT {is_amazons('rolname')} ORDER BY rolname"
    )
    others = [row for row in found if row[0] not in ours]
    open_logins = [name for name, can_login, _ in others if can_login]
    locked = [name for name, can_login, comment in others if not can_login and comment.startswith(_MARK)]
    return open_logins, locked


def _lock(session: Session, name: str) -> ServerRefused | None:
    """Disable the login, marked as ours; None where that worked."""
    role = identifier(name)
    try:
        with session.transaction():
            session.run(f"ALTER ROLE {role} NOLOGIN")
            comment = session.value(
                "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = :name",
                name=name,
            )
            session.run(f"COMMENT ON ROLE {role} IS {literal(_MARK + comment.removeprefix(_MARK))}")
    except ServerRefused as refused:
        return refused
    return None


def _end_sessions(session: Session, name: str) -> ServerRefused | None:
    try:
        session.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :name", name=name
        )
    except ServerRefused as refused:
        return refused
    return None
