"""The survey of a restored server: all that came along, in every database, in one call.

A question that the server does not answer is a part that was not seen, and fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from aurora_restore.database.found import Found
from aurora_restore.database.mysql import findings
from aurora_restore.database.mysql.replication import channels
from aurora_restore.database.mysql.session import Server, ServerRefused, Session
from aurora_restore.domain.came_along import Kind, NotLookedInto, bounded
from aurora_restore.domain.defusing import Fuse, Survey, SurveyProgress
from aurora_restore.domain.errors import DatabaseBusy
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import visible

_QUESTIONS: tuple[tuple[Kind, Callable[[Session], Found]], ...] = (
    (Kind.REPLICATION_CHANNEL, channels),
    (Kind.EVENT, findings.events),
    (Kind.DEFINER_ROUTINE, findings.definer_routines),
    (Kind.MISSING_DEFINER, findings.missing_definers),
)


def survey(server: Server, master: Credentials, is_wanted: Callable[[Fuse], bool] | None = None) -> Survey:
    """Look at everything. Raises as `Server.open`."""
    found = Found()
    with server.open(master) as session:
        for kind, question in _QUESTIONS:
            try:
                found.add(question(session))
            except ServerRefused as refused:
                found.not_seen.append(NotLookedInto("", visible(str(refused)), kind.replace("_", " ")))
            except DatabaseBusy as busy:
                found.not_seen.append(NotLookedInto("", visible(busy.message), kind.replace("_", " ")))
    came_along = bounded(found.things, found.unnamed, found.not_seen)
    # What is to be taken out is taken out first, and then looked for again.
    unfinished = SurveyProgress(total=1) if is_wanted and any(map(is_wanted, found.fuses)) else None
    return Survey(came_along, tuple(found.fuses), unfinished=unfinished)
