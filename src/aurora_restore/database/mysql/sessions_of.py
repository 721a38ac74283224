"""Ending the sessions of an account."""

from __future__ import annotations

from aurora_restore.database.mysql.session import NO_SUCH_PROCEDURE, NO_SUCH_THREAD, ServerRefused, Session


def end_sessions(session: Session, username: str) -> ServerRefused | None:
    """End all that log in under this name, but for this one; None where each is gone.

    The list does not say which of the accounts of one name a session has: those that are allowed log in again.
    """
    own = session.value("SELECT CONNECTION_ID()")
    for row in session.named_rows("SHOW PROCESSLIST"):
        if row["User"] == username and row["Id"] != own and (refused := _end(session, int(row["Id"]))):
            return refused
    return None


def _end(session: Session, thread: int) -> ServerRefused | None:
    """By Amazon's procedure, since the master of version 2 has no right to KILL; elsewhere there is none."""
    for statement in (f"CALL mysql.rds_kill({thread})", f"KILL {thread}"):
        try:
            session.run(statement)
        except ServerRefused as refused:
            if refused.number == NO_SUCH_THREAD:
                return None
            if refused.number != NO_SUCH_PROCEDURE:
                return refused
        else:
            return None
    return None
