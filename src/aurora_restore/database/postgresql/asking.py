"""One question of the survey: a statement that gets no answer in its time is a part that was not seen, no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aurora_restore.database.postgresql.session import ServerRefused, Session
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable

T = TypeVar("T")


class NotSeen(Exception):
    """The server did not answer a question; the text says why, in its words. `passing`: a later try may be answered."""

    def __init__(self, reason: str, passing: DatabaseBusy | None = None) -> None:
        super().__init__(reason)
        self.passing = passing


def asked(session: Session, question: Callable[[], T]) -> T:
    """Ask, and tell a statement that the server ended from a server that has gone.

    Raises:
        NotSeen: this statement got no answer, and the session is still open.
        DatabaseUnreachable: the connection is lost.
    """
    try:
        return question()
    except ServerRefused as refused:
        not_seen = NotSeen(str(refused))
    except DatabaseBusy as busy:
        not_seen = NotSeen(busy.message, busy)
    except DatabaseUnreachable as lost:
        not_seen = NotSeen(lost.message)
    # A transaction that the error left open would refuse everything that follows.
    session.run("ROLLBACK")
    raise not_seen
