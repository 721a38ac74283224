"""Faults of the requests that the fakes get: each fake sends its requests through a fault injector.

A fault comes in the place of the request (nothing has acted) or of the reply (it has acted), as what botocore
would raise; the fakes translate it as their adapters do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import BEFORE_ACTING, DEATHS, FaultKind, refusal

from aurora_restore.aws.failures import AWS_ERRORS, translate

T = TypeVar("T")

READING_VERBS = ("Describe", "Get", "List", "Query")


@dataclass(frozen=True)
class Request:
    """One request as it was sent. `service` is the IAM prefix: `rds`, `dynamodb`, `states`, …"""

    index: int
    service: str
    operation: str

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it does not matter if it acted."""
        return self.operation.startswith(READING_VERBS)

    def __str__(self) -> str:
        return f"{self.index} ({self.service}:{self.operation})"


Action = Callable[[], None]


class FaultInjector:
    """Counts the requests, and injects the faults that were planned for them.

    Attributes:
        count: how many requests there were.
        requests: those of them that were noted, since `notes` was set.
        faults: the fault of the request of an index.
        before, after: what else happens in the world just before that request acts, or just after it.
        hits: the requests that met a fault or an interruption, each with the operation of the one before it.
    """

    def __init__(self, on_request: Callable[[], None] | None = None) -> None:
        self.count = 0
        self.notes = False
        self.requests: list[Request] = []
        self.faults: dict[int, FaultKind] = {}
        self.before: dict[int, Action] = {}
        self.after: dict[int, Action] = {}
        self.hits: list[tuple[Request, str]] = []
        self._last_operation = ""
        self._on_request = on_request

    def call(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """Send one request. Raises what its fault says, and what `act` raises."""
        index = self.count
        self.count += 1
        if self._on_request:
            self._on_request()
        if self.notes:
            self.requests.append(Request(index, service, operation))
        last, self._last_operation = self._last_operation, operation
        if index in self.faults or index in self.before or index in self.after:
            return self._call_with_fault(Request(index, service, operation), last, act)
        return act()

    def call_translated(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """The same for an adapter: what botocore would raise comes as the error of the domain."""
        try:
            return self.call(service, operation, act)
        except AWS_ERRORS as error:
            raise translate(service, error) from error

    def __getstate__(self) -> dict[str, Any]:
        """Notes are not kept: they belong to the test that takes them."""
        return {**vars(self), "notes": False, "requests": []}

    def _call_with_fault(self, request: Request, last: str, act: Callable[[], T]) -> T:
        self.hits.append((request, last))
        action = self.before.get(request.index)
        if action:
            action()
        fault = self.faults.get(request.index)
        if fault in BEFORE_ACTING:
            raise what_is_raised(fault, request.service, request.operation)
        answer = act()
        action = self.after.get(request.index)
        if action:
            action()
        if fault:
            raise what_is_raised(fault, request.service, request.operation)
        return answer


def what_is_raised(fault: FaultKind, service: str, operation: str) -> BaseException:
    """What a caller through boto3 would get."""
    if fault in DEATHS:
        return ProcessDied(f"{fault} {service}:{operation}")
    if fault is FaultKind.REPLY_LOST:
        return ConnectionClosedError(endpoint_url=f"https://{service}.us-west-2.amazonaws.com/")
    refused = refusal(fault, service)
    return client_error(operation, refused.code, refused.message, refused.http_status)


def client_error(operation: str, code: str, message: str, http_status: int = 400) -> ClientError:
    """An answer of AWS that is an error, as botocore raises it."""
    return ClientError(
        {
            "Error": {
                "Code": code,
                "Message": message,
                "Type": "Receiver" if http_status >= 500 else "Sender",  # type: ignore[typeddict-unknown-key]
            },
            "ResponseMetadata": {
                "HTTPStatusCode": http_status,
                "RequestId": "simulated",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        operation,
    )
