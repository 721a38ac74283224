"""A stand-in for boto3's rds client on the local Aurora, with nothing written to a wire and read back.

The real adapter runs on it. tests/contract/aws/test_fakes_behave_alike.py compares it, call by call, with the boto3
client over the in-process HTTP face.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from botocore import xform_name
from botocore.exceptions import ConnectionClosedError, ParamValidationError
from botocore.validate import ParamValidator
from tests.fakes.fault_injector import FaultInjector, client_error

from local_aurora import wire
from local_aurora.errors import AwsError, ReplyLostError
from local_aurora.model import OPERATIONS, LocalAurora

ACTIONS: Mapping[str, str] = {xform_name(action): action for action in OPERATIONS}
"""The client's method → the action of RDS."""

_OTHER_STATUSES = {"InternalFailure": 500, "ServiceUnavailable": 503}
_RESPONSE = {"HTTPStatusCode": 200, "RequestId": "simulated", "HTTPHeaders": {}, "RetryAttempts": 0}
_validator = ParamValidator()
_valid_shapes: set[tuple[object, ...]] = set()


class LocalAuroraClient:
    """Has the methods of a boto3 client that the local Aurora implements, `get_paginator` included.

    `on_change` is called after every request that was no mere look. A subclass names its service and its actions by
    method, and performs them.
    """

    service_name: ClassVar[str]
    actions: ClassVar[Mapping[str, str]]
    page_token: ClassVar[str]

    def __init__(
        self,
        aurora: LocalAurora,
        region: str,
        injector: FaultInjector | None = None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._aurora = aurora
        self._region = region
        self._injector = injector or FaultInjector()
        self._on_change = on_change

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        if method not in self.actions:
            raise AttributeError(f"{self.service_name!r} object has no attribute {method!r}")
        return functools.partial(self._request, self.actions[method])

    def get_paginator(self, method: str) -> FakePaginator:
        return FakePaginator(getattr(self, method), self.page_token)

    def _request(self, action: str, /, **parameters: Any) -> dict[str, Any]:
        raise NotImplementedError


class FakeRdsClient(LocalAuroraClient):
    """The client of RDS."""

    service_name = "RDS"
    actions = ACTIONS
    page_token = "Marker"

    def _request(self, action: str, /, **parameters: Any) -> dict[str, Any]:
        _validate(action, parameters)
        sent = _as_sent(action, parameters)
        act = functools.partial(self._perform, action, sent)
        return self._injector.call("rds", action, act)

    def _perform(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._aurora.call(action, self._region, parameters)
        except AwsError as error:
            status = error.http_status or _statuses().get(error.code, 400)
            raise client_error(action, error.code, error.message, status) from error
        except ReplyLostError as error:
            raise ConnectionClosedError(endpoint_url=f"https://rds.{self._region}.amazonaws.com/") from error
        finally:
            if self._on_change and not action.startswith("Describe"):
                self._on_change()
        return {**received(answer), "ResponseMetadata": _RESPONSE}


class FakePaginator:
    """boto3's paginator of an operation that pages by one token, which the request and the answer call alike."""

    def __init__(self, method: Callable[..., dict[str, Any]], token_name: str) -> None:
        self._method = method
        self._token_name = token_name

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            page = self._method(**parameters, **({self._token_name: token} if token else {}))
            yield page
            token = page.get(self._token_name)
            if not token:
                return


class FakeClients:
    """In the place of `aws.clients.Clients`, for the adapter of RDS."""

    def __init__(self, clients: Mapping[str, FakeRdsClient], region: str) -> None:
        self.region = region
        self._clients = dict(clients)

    def rds(self, region: str | None = None) -> FakeRdsClient:
        return self._clients[region or self.region]


@functools.cache
def _statuses() -> dict[str, int]:
    """The HTTP status of every error that botocore's model declares, by wire code."""
    shapes: list[Any] = wire.service_model().error_shapes
    return {
        str(shape.error_code): int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
        for shape in shapes
    } | _OTHER_STATUSES


@functools.cache
def _input_shape(action: str) -> Any:
    return wire.service_model().operation_model(action).input_shape


def _validate(action: str, parameters: Mapping[str, Any]) -> None:
    """What boto3 refuses before anything is sent; the same names and types of plain values are looked at once."""
    shape = (action, *((name, type(value)) for name, value in parameters.items()))
    if shape in _valid_shapes:
        return
    report = _validator.validate(parameters, _input_shape(action))
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())
    if all(isinstance(value, str | bool | int) for value in parameters.values()):
        _valid_shapes.add(shape)


def _as_sent(action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as RDS reads them: a copy; a signed request replaces a source Region."""
    sent = {name: received(value) for name, value in parameters.items()}
    if action == "CopyDBClusterSnapshot" and sent.pop("SourceRegion", None):
        sent.setdefault("PreSignedUrl", "https://rds.amazonaws.com/?presigned")
    return sent


def received(value: Any) -> Any:
    """A copy as it would come off the wire: times in milliseconds, nothing that is None."""
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return value
    if kind is dict:
        return {name: received(inner) for name, inner in value.items() if inner is not None}
    if kind is list or kind is tuple:
        return [received(inner) for inner in value]
    if kind is datetime:
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return {**value} if isinstance(value, Mapping) else value
