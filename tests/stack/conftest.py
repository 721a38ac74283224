"""A local stack of our own, deployed and seeded once for all tests that ask for it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from tests.stack.polling import POLL_SECONDS
from tests.stack.resetting import reset_to_seed

from aurora_restore.demo import seed_aws
from aurora_restore.demo.setup import set_up
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

STATE_MACHINE = "aurora-restore-state-machine"
RUN_TIMEOUT_SECONDS = 480.0
QUICK = {"copy": 1.0, "restore": 1.0, "create": 0.5, "instance": 1.0, "password_change": 0.5, "delete": 0.5}
"""Seconds: shorter than the demo's, long enough that a status on the way is seen."""
KEPT_WORKERS: dict[str, Any] = {"idle_worker_seconds": 120.0, "maximum_workers": 24}
"""Lambda workers are kept between calls, files of tests included: most of what a run costs is the start of new ones.
Each takes 65 MB, and a test run has many stacks: those of a stack that is not used are ended."""

Clients = Callable[..., Any]
"""`boto("rds")`, `boto("rds", "us-east-1")`: a client of the stack, by default in its own Region."""


@dataclass(frozen=True)
class FinishedRun:
    """An execution at its end: what DescribeExecution says, and its history."""

    operation_id: str
    execution_arn: str
    status: str
    error: str | None
    cause: str | None
    events: tuple[Mapping[str, Any], ...]

    @property
    def states_entered(self) -> list[str]:
        entered = (event.get("stateEnteredEventDetails") for event in self.events)
        return [details["name"] for details in entered if details]


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """The whole local stack, in a directory with a space in its name; gone with everything at the end."""
    home = tmp_path_factory.mktemp("local stack")
    yield lifecycle.up(
        lifecycle.UpOptions(home=home, fresh=True, durations=QUICK, **KEPT_WORKERS),
        find_set_up=lambda: set_up,
    )
    lifecycle.down(home)


@pytest.fixture(scope="session")
def shared_clients(shared_stack: StackInfo) -> Clients:
    return clients_of(shared_stack)


@pytest.fixture(scope="module")
def stack(shared_stack: StackInfo, shared_clients: Clients) -> Iterator[StackInfo]:
    """The stack of all files of tests; each of them finds in it what was seeded, and leaves nothing to the next."""
    yield shared_stack
    reset_to_seed(shared_stack, shared_clients("rds"), QUICK)


@pytest.fixture(scope="module")
def boto(stack: StackInfo, shared_clients: Clients) -> Clients:
    """Goes with `stack`, so that a test that changes something finds it put back."""
    return shared_clients


@pytest.fixture(scope="session")
def empty_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """A local stack in which nothing is deployed and nothing seeded."""
    home = tmp_path_factory.mktemp("empty stack")
    yield lifecycle.up(lifecycle.UpOptions(home=home, fresh=True))
    lifecycle.down(home)


@pytest.fixture(scope="session")
def empty_boto(empty_stack: StackInfo) -> Clients:
    return clients_of(empty_stack)


@pytest.fixture
def start_run(stack: StackInfo, boto: Clients) -> Callable[..., str]:
    """`start_run(request)` starts the pipeline and gives the execution's ARN; the name is one of its own."""

    def start(request: Mapping[str, Any], name: str | None = None) -> str:
        machine = f"arn:aws:states:{stack.region}:{stack.account_id}:stateMachine:{STATE_MACHINE}"
        started = boto("stepfunctions").start_execution(
            stateMachineArn=machine, name=name or new_operation_id(), input=json.dumps(request)
        )
        return str(started["executionArn"])

    return start


@pytest.fixture
def await_run(boto: Clients) -> Callable[..., FinishedRun]:
    """`await_run(execution_arn)` waits, within bounds, until an execution has ended."""
    return lambda execution_arn, timeout_seconds=RUN_TIMEOUT_SECONDS: await_execution(
        boto("stepfunctions"), execution_arn, timeout_seconds
    )


@pytest.fixture
def run_to_end(
    start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> Callable[..., FinishedRun]:
    """`run_to_end(request)` starts the pipeline and waits for its end."""
    return lambda request, name=None: await_run(start_run(request, name))


def clients_of(info: StackInfo) -> Clients:
    session: boto3.Session = seed_aws.session_for(info)

    @cache
    def make(service: str, region: str | None = None) -> Any:
        return seed_aws.client(session, info, service, region)

    return make


def selected(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """The values of a parameter of a file's tests, as far as the tests are run: for what begins them all at once."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    found: list[Any] = []
    for call in calls:
        if call and name in call.params and call.params[name] not in found:
            found.append(call.params[name])
    return found


def new_operation_id() -> str:
    return f"restore-test-{uuid.uuid4().hex[:12]}"


def await_execution(stepfunctions: Any, execution_arn: str, timeout_seconds: float) -> FinishedRun:
    deadline = time.monotonic() + timeout_seconds
    while (seen := stepfunctions.describe_execution(executionArn=execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, f"{execution_arn} still runs after {timeout_seconds} s"
        time.sleep(POLL_SECONDS)
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    events = tuple(event for page in pages for event in page["events"])
    return FinishedRun(
        seen["name"], execution_arn, seen["status"], seen.get("error"), seen.get("cause"), events
    )


def end_idle_workers(stack: StackInfo) -> None:
    """As the stack does by itself once a worker has been without work for `idle_worker_seconds`."""
    for worker in stack.control.workers():
        if not worker["busy"]:
            stack.control.kill_worker(worker["pid"])
