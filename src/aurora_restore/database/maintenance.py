"""A session for what belongs to the whole cluster, in whichever database lets the master in."""

from __future__ import annotations

from aurora_restore.database.session import (
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    LoginRefused,
    Server,
    Session,
)
from aurora_restore.domain.errors import DatabaseUnreachable, MasterLoginRefused
from aurora_restore.domain.observed import Credentials


def open_somewhere(server: Server, master: Credentials) -> Session:
    """Log in to `postgres`, or to `template1` where that one does not take the master.

    Raises:
        MasterLoginRefused: user or password is wrong.
        DatabaseUnreachable: no database lets the master in; in the words of the last one.
    """
    words = ""
    for database in MAINTENANCE_DATABASES:
        try:
            return server.open(master, database)
        except LoginRefused as refused:
            raise MasterLoginRefused(
                f"The server refused the master user {master.username}: {refused}."
            ) from None
        except DatabaseRefused as refused:
            words = f"{database}: {refused}"
        except DatabaseUnreachable as unreachable:
            words = unreachable.message
    raise DatabaseUnreachable(
        f"No database lets the master user {master.username} in; the last answer: {words}"
    )


def make_sure_it_answers(server: Server, master: Credentials) -> None:
    """After one database gave no answer: is it that database, or the server? Raises as `open_somewhere`."""
    open_somewhere(server, master).close()
