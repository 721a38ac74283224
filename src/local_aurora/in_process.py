"""The in-process face: a boto3 rds client whose calls go straight into the model, no socket involved."""

from __future__ import annotations

from typing import Any, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError

from local_aurora import wire
from local_aurora.errors import ReplyLostError
from local_aurora.model import LocalAurora
from local_aurora.scope import region_of_request

_EVENT = "before-send.rds"
_UNIQUE_ID = "aurora-restore-local"


class HasEvents(Protocol):
    """A boto3 Session (`events`) reaches all its clients; so does one client through its `meta`."""

    @property
    def events(self) -> Any: ...


def connect(session_or_client: Any, aurora: LocalAurora) -> None:
    """Route the rds calls of a boto3 session (clients made afterwards) or of one client into `aurora`.

    The Region is the one that a call is signed for. A reply that a fault rule loses is a ReadTimeoutError, as
    on a network; give the client `retries={"total_max_attempts": 1}` where its retries should not show.
    """
    meta = getattr(session_or_client, "meta", None)
    holder: HasEvents = meta if meta is not None else session_or_client
    events = holder.events

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return _respond(aurora, request)

    # An earlier connection would win otherwise.
    events.unregister(_EVENT, unique_id=_UNIQUE_ID)
    events.register(_EVENT, send, unique_id=_UNIQUE_ID)


def _respond(aurora: LocalAurora, request: AWSPreparedRequest) -> AWSResponse:
    region = region_of_request(request.headers.get("Authorization"), request.url)
    body = request.body or b""
    if not isinstance(body, str | bytes):
        raise TypeError(f"A request of the query protocol carries a form, not {type(body).__name__}.")
    try:
        answer = wire.answer(body, lambda action, params: aurora.call(action, region, params))
    except ReplyLostError as error:
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
    headers = HTTPHeaders()
    headers["Content-Type"] = answer.content_type
    response = AWSResponse(request.url, answer.status, headers, None)
    # botocore's own way for a response that needs no socket; its stubs do not know the attribute
    response._content = answer.body  # type: ignore[attr-defined]
    return response
