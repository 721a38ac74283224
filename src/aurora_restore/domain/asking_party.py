"""Who asked for something: as a claim, since Step Functions tells no function who started or stopped an execution.

Its context object holds no caller (docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html). So
the command line writes the identity of its credentials, as AWS STS names it, into the request of an operation, and
behind the reason of a cancellation. Another client may write anything there, or nothing. The proof is CloudTrail's
event of that StartExecution or StopExecution, which the event history of every account keeps for 90 days
(docs.aws.amazon.com/step-functions/latest/dg/procedure-cloud-trail.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REQUEST_FIELD = "requested_by"
_BEHIND_A_REASON = re.compile(r"\[requested by ([^\]\s]+)\]$")


def request_of(request: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """The request with who asks, unless it says that already."""
    return dict(request) if request.get(REQUEST_FIELD) else {**request, REQUEST_FIELD: identity}


def reason_of(reason: str, identity: str) -> str:
    """The reason of a cancellation with who asks for it."""
    return f"{reason} [requested by {identity}]"


def asker_in(reason: str | None) -> str | None:
    """Who asked for a cancellation, where its reason says so."""
    found = _BEHIND_A_REASON.search(reason or "")
    return found[1] if found else None
