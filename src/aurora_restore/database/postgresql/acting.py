"""Acting as the role that owns something, for the length of one transaction.

What belongs to a role is touched with that role's rights and no others: triggers and policies of restored data then
never run with the rights of the master.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aurora_restore.database.postgresql.quoting import identifier
from aurora_restore.database.postgresql.session import ServerRefused, Session


@contextmanager
def looking_as(session: Session, role: str, granted: str = "", granted_by: str = "") -> Iterator[None]:
    """Look as `role`, given what it needs by a grant of another role first; nothing of it stays.

    Raises:
        ServerRefused: the master may not act as one of the two.
    """
    with session.transaction(keep=False):
        if granted:
            _become(session, granted_by)
            session.run(granted)
            session.run("RESET ROLE")
        _become(session, role)
        yield


def run_only_as(session: Session, role: str, statements: Sequence[str]) -> None:
    """Run statements together as `role` (empty: as the master).

    Raises:
        ServerRefused: in the server's words; nothing was changed then.
    """
    with session.transaction():
        act_as(session, role, statements)


def act_as(session: Session, role: str, statements: Sequence[str]) -> None:
    """Run statements as `role` within a transaction, and be the master again; raises as `run_only_as`."""
    undo = _become(session, role)
    for each in statements:
        session.run(each)
    session.run("RESET ROLE")
    for each in undo:
        session.run(each)


def run_as(session: Session, role: str, statements: Sequence[str]) -> None:
    """As `run_only_as`; but a role that refuses the master is not needed where the master itself may run them.

    Raises:
        ServerRefused: in the server's words; nothing was changed then.
    """
    try:
        run_only_as(session, role, statements)
    except ServerRefused as first:
        if not role:
            raise
        try:
            with session.transaction():
                for each in statements:
                    session.run(each)
        except ServerRefused:
            # The role's own refusal says what is missing; the master's would name the owner's right.
            raise first from None


def _become(session: Session, role: str) -> list[str]:
    """Act as the role inside a transaction; returns what takes the membership back that was needed for it."""
    if not role:
        return []
    has_options = session.version >= 160000
    right = "SET" if has_options else "MEMBER"
    # By its bytes, which need not be a text that can be sent.
    found = session.rows(
        f"SELECT rolname = current_user, pg_has_role(oid, '{right}') FROM pg_roles"  # noqa: S608 - constants
        " WHERE encode(textsend(CAST(rolname AS text)), 'hex') = :digits",
        digits=role.encode("utf-8", "surrogateescape").hex(),
    )
    is_myself, may = found[0] if found else (False, False)
    if is_myself:
        return []
    name, undo = identifier(role), []
    # Where the master has ADMIN on the role, it may make itself a member for the length of the transaction.
    if not may:
        session.run(f"GRANT {name} TO current_user")
        undo.append(f"REVOKE {name} FROM current_user" + (" GRANTED BY current_user" if has_options else ""))
    session.run(f"SET LOCAL ROLE {name}")
    return undo
