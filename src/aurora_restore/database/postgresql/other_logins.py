"""The login roles that came along with the snapshot: production's passwords still open them."""
# ruff: noqa: S608 - statements are made of constants, numbers and quoted literals

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aurora_restore.database.postgresql.amazon_roles import is_amazons, is_like_amazons
from aurora_restore.database.postgresql.quoting import literal
from aurora_restore.database.postgresql.session import INSUFFICIENT_PRIVILEGE, ServerRefused, Session
from aurora_restore.domain.errors import DbUserSetupFailed

# What a lock leaves on the role, for people who wonder and for the next call that reports it.
_MARK = "Login disabled by aurora-restore. "


@dataclass(frozen=True)
class OtherLogins:
    """`found`: all of them, the locked ones among them; `locked`: those whose login we disabled; `notes`: of those
    that look like Amazon's and cannot be disabled."""

    found: tuple[str, ...]
    locked: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Login:
    """A role by its oid too: statements reach it whatever bytes its name is made of."""

    name: str
    oid: int
    can_login: bool
    comment: str


def unlocked_comment(comment: str) -> str | None:
    """The comment that a role had before it was locked; None where no lock of ours is on it."""
    return comment.removeprefix(_MARK) if comment.startswith(_MARK) else None


def survey(session: Session, ours: Collection[str], *, lock: bool) -> OtherLogins:
    """Find the login roles that are neither `ours` nor of PostgreSQL or Amazon, and lock them if asked to.

    Raises:
        DbUserSetupFailed: some could not be locked; names them.
    """
    found = session.rows(
        "SELECT rolname, oid, rolcanlogin, coalesce(shobj_description(oid, 'pg_authid'), '')"
        f" FROM pg_roles WHERE NOT rolsuper AND NOT {is_amazons('rolname')} ORDER BY rolname"
    )
    logins = [_Login(*row) for row in found if row[0] not in ours]
    # Those that can log in, and those that a lock of ours keeps from it.
    everyone = [login for login in logins if login.can_login or login.comment.startswith(_MARK)]
    already = [login for login in everyone if not login.can_login]
    if not lock:
        return OtherLogins(_names(everyone), _names(already))
    refusals = [(login, _shut(session, login)) for login in everyone]
    # A role that is named like Amazon's and cannot be altered is Amazon's.
    amazons = [
        (login, refused)
        for login, refused in refusals
        if refused and refused.sqlstate == INSUFFICIENT_PRIVILEGE and is_like_amazons(login.name)
    ]
    kept = [login for login, _ in amazons]
    failed = [
        f"{login.name} ({refused})"
        for login, refused in refusals
        if refused is not None and login not in kept
    ]
    if failed:
        raise DbUserSetupFailed(
            f"These logins came along with the snapshot and could not be disabled: {', '.join(failed)}.",
            "Mend in the source cluster what the server's words name (where a permission is denied: give the master "
            "user ADMIN on the role), or disable them there by hand.",
        )
    notes = tuple(
        f"the login {login.name} was left open: its name is like Amazon's own, and the server does not let the master "
        f"alter it: {refused}"
        for login, refused in amazons
    )
    return OtherLogins(_names(everyone), _names([login for login in everyone if login not in kept]), notes)


def _names(logins: Iterable[_Login]) -> tuple[str, ...]:
    return tuple(sorted(login.name for login in logins))


def _shut(session: Session, login: _Login) -> ServerRefused | None:
    """Disable the login, marked as ours, and end its sessions; None where both worked."""
    # The server puts the name and the comment in itself: neither need be text that can be sent.
    body = f"""
        DECLARE who record;
        BEGIN
            SELECT rolname, coalesce(shobj_description(oid, 'pg_authid'), '') AS comment INTO STRICT who
            FROM pg_roles WHERE oid = {int(login.oid)};
            IF starts_with(who.comment, {literal(_MARK)}) THEN
                who.comment := substr(who.comment, {len(_MARK) + 1});
            END IF;
            EXECUTE format('ALTER ROLE %I NOLOGIN', who.rolname);
            EXECUTE format('COMMENT ON ROLE %I IS %L', who.rolname, {literal(_MARK)} || who.comment);
        END"""
    try:
        if login.can_login:
            session.run(f"DO {literal(body)}")
        # Also of one that was locked before: that call may have died before it ended them.
        session.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = CAST(:oid AS oid)",
            oid=login.oid,
        )
    except ServerRefused as refused:
        return refused
    return None
