"""The border between the pipeline and AWS: every request of a fake crosses it, and faults happen there.

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
    """One request as it crossed the border. `service` is the IAM prefix: `rds`, `dynamodb`, `states`, …"""

    index: int
    service: str
    operation: str

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it does not matter if it acted."""
        return self.operation.startswith(READING_VERBS)

    def __str__(self) -> str:
        return f"{self.index} ({self.service}:{self.operation})"


Interruption = Callable[[], None]


class Border:
    """Counts the requests, and lets happen to them what it was reported.

    Attributes:
        count: how many requests have crossed.
        requests: those of them that were noted, since `notes` was set.
        faults: what happens to the request of an index.
        before, after: what else happens in the world just before that request acts, or just after it.
        struck: the requests that met a fault or an interruption, each with the operation of the one before it.
    """

    def __init__(self, on_request: Callable[[], None] | None = None) -> None:
        self.count = 0
        self.notes = False
        self.requests: list[Request] = []
        self.faults: dict[int, FaultKind] = {}
        self.before: dict[int, Interruption] = {}
        self.after: dict[int, Interruption] = {}
        self.struck: list[tuple[Request, str]] = []
        self._last_operation = ""
        self._on_request = on_request

    def cross(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """Let one request pass. Raises what its fault says, and what `act` raises."""
        index = self.count
        self.count += 1
        if self._on_request:
            self._on_request()
        if self.notes:
            self.requests.append(Request(index, service, operation))
        last, self._last_operation = self._last_operation, operation
        if index in self.faults or index in self.before or index in self.after:
            return self._cross_with_fault(Request(index, service, operation), last, act)
        return act()

    def ask(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """The same for an adapter: what botocore would raise comes as the error of the domain."""
        try:
            return self.cross(service, operation, act)
        except AWS_ERRORS as error:
            raise translate(service, error) from error

    def __getstate__(self) -> dict[str, Any]:
        """Notes are not kept: they belong to the test that takes them."""
        return {**vars(self), "notes": False, "requests": []}

    def _cross_with_fault(self, request: Request, last: str, act: Callable[[], T]) -> T:
        self.struck.append((request, last))
        interruption = self.before.get(request.index)
        if interruption:
            interruption()
        fault = self.faults.get(request.index)
        if fault in BEFORE_ACTING:
            raise what_is_raised(fault, request.service, request.operation)
        answer = act()
        interruption = self.after.get(request.index)
        if interruption:
            interruption()
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
