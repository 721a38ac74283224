"""What tests let go wrong: one vocabulary for the account in the test's process, the fakes, the simulation and the
databases.

RDS's own faults, of objects and of calls, are those of the local Aurora (`local_aurora.faults`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

QUERY_SERVICES = frozenset({"cloudformation", "rds", "sns", "sts"})


class FaultKind(StrEnum):
    """What goes wrong with one request."""

    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    DENIED = "denied"
    DIES_BEFORE = "dies-before"
    REPLY_LOST = "reply-lost"
    DIES_AFTER = "dies-after"


BEFORE_ACTING = frozenset(
    {FaultKind.UNAVAILABLE, FaultKind.THROTTLED, FaultKind.DENIED, FaultKind.DIES_BEFORE}
)
DEATHS = frozenset({FaultKind.DIES_BEFORE, FaultKind.DIES_AFTER})


class InterruptionKind(StrEnum):
    """What another party does to an operation: it stops the execution, marks the record FAILED by hand, or its time
    limit is over."""

    STOP = "stop"
    MARK = "mark"
    TIME_OUT = "time_out"


class RequestInterruption(StrEnum):
    """An interruption in the middle of a function, just before or after one of its requests acts.

    Meanwhile: it is done, and everything else goes on for a while before the request acts.
    """

    STOP_BEFORE = "stop-before"
    STOP_AFTER = "stop-after"
    STOP_MEANWHILE = "stop-meanwhile"
    MARK_BEFORE = "mark-before"
    MARK_AFTER = "mark-after"
    MARK_MEANWHILE = "mark-meanwhile"
    TIME_OUT_BEFORE = "time-out-before"

    @property
    def kind(self) -> InterruptionKind:
        return InterruptionKind(self.value.rpartition("-")[0].replace("-", "_"))


class StatementFault(StrEnum):
    """What happens instead of a statement that is sent to a database; or, for `REPLY_LOST`, after it."""

    REFUSED = "refused"
    PASSING = "passing"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    DIES = "dies"


class EventFault(StrEnum):
    """What can happen to an event, which is delivered at best effort."""

    LOST = "event-lost"
    DOUBLED = "event-doubled"
    LATE = "event-late"


@dataclass(frozen=True)
class Refusal:
    """AWS's own refusal of a request."""

    code: str
    message: str
    http_status: int = 400


_NO_RIGHT = "User: arn:aws:sts::123456789012:assumed-role/r is not authorized to perform this action"
_REFUSALS: Mapping[FaultKind, tuple[Refusal, Refusal]] = {
    FaultKind.UNAVAILABLE: (
        Refusal("InternalServerError", "Internal server error", 500),
        Refusal("InternalFailure", "An internal error has occurred. Please try your query again.", 500),
    ),
    FaultKind.THROTTLED: (
        Refusal("ThrottlingException", "Rate exceeded"),
        Refusal("Throttling", "Rate exceeded"),
    ),
    FaultKind.DENIED: (
        Refusal("AccessDeniedException", _NO_RIGHT),
        Refusal("AccessDenied", _NO_RIGHT, 403),
    ),
}
"""In the JSON protocol and in the query protocol."""


def refusal(kind: FaultKind, service: str) -> Refusal:
    """How a service refuses a request; KeyError for what is not a refusal."""
    return _REFUSALS[kind][service in QUERY_SERVICES]
