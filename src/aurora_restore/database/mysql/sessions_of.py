"""Ending the sessions of an account."""

from __future__ import annotations

from aurora_restore.database.mysql.session import NO_SUCH_PROCEDURE, NO_SUCH_THREAD, ServerRefused, Session


def end_sessions(session: Session, username: str) -> None:
    """End all that log in under this name, but for this one.

    The list does not say which of the accounts of one name a session has: those that are allowed log in again.

    Raises:
        ServerRefused: a session could not be ended.
    """
    own = session.value("SELECT CONNECTION_ID()")
    for row in session.named_rows("SHOW PROCESSLIST"):
        if row["User"] == username and row["Id"] != own:
            _end(session, int(row["Id"]))


def _end(session: Session, thread: int) -> None:
    """By Amazon's procedure, since the master of version 2 has no right to KILL; elsewhere there is none."""
    try:
        try:
            session.run(f"CALL mysql.rds_kill({thread})")
        except ServerRefused as refused:
            if refused.number != NO_SUCH_PROCEDURE:
                raise
            session.run(f"KILL {thread}")
    except ServerRefused as refused:
        if refused.number != NO_SUCH_THREAD:
            raise
