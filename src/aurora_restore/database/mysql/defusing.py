"""Takes out what a survey found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aurora_restore.database.mysql.session import Server, ServerRefused
from aurora_restore.domain.defusing import Fuse, Outcome, Refusal
from aurora_restore.domain.errors import DatabaseBusy
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import storable


def take_out(
    server: Server, master: Credentials, fuses: Sequence[Fuse], has_time: Callable[[], bool]
) -> Outcome:
    """Each with its own statements, of which the last one counts: it is seen as it came along, or as it was left.

    Raises as `Server.open`, and DatabaseBusy where something that acts could not be taken out now, and can be later.
    """
    refusals: list[Refusal] = []
    left: list[Fuse] = []
    passing: DatabaseBusy | None = None
    with server.open(master) as session:
        for number, fuse in enumerate(fuses):
            # A call that comes late still does something, so that every call gets further.
            if number and not has_time():
                left.append(fuse)
                continue
            if fuse.unreachable:
                refusals.append(Refusal(fuse, fuse.unreachable))
                continue
            try:
                for statement in fuse.statements:
                    session.run(statement)
            except ServerRefused as refused:
                refusals.append(Refusal(fuse, storable(str(refused))))
            except DatabaseBusy as busy:
                refusals.append(Refusal(fuse, busy.message))
                passing = busy if fuse.acts else passing
            # The settings of an event are not those of the next statement.
            for statement in server.limits.settings():
                session.run(statement)
    if passing is not None:
        raise passing
    return Outcome(tuple(refusals), tuple(left))
