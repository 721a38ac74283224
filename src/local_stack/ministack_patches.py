"""Puts our parts into ministack: the Lambda runtime, its logs, and what its services leave out."""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack import app as gateway
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, ec2, lambda_svc

from local_aurora.server import Guard
from local_aurora.world import Subnet, SubnetLookup
from local_stack import (
    ministack_cloudformation,
    ministack_events,
    ministack_exports,
    ministack_limits,
    ministack_metrics,
    ministack_permissions,
    ministack_queries,
    ministack_resuming,
    ministack_schedules,
    ministack_states,
    ministack_subscriptions,
)
from local_stack.lambda_function import DeployedFunction
from local_stack.lambda_runtime import LambdaRuntime
from local_stack.ministack_hooks import GROUP_ID_TAG, Replacements, require_hooks
from local_stack.ministack_keeping import MinistackKeeper, answering_what_is_kept

_log = logging.getLogger("local_stack")
_replacements = Replacements()
_given_group_id: contextvars.ContextVar[str] = contextvars.ContextVar("given_group_id", default="")


def apply(runtime: LambdaRuntime, state_directory: Path) -> MinistackState:
    """Check ministack, then replace what has to be. Once a process, before the first request.

    Raises:
        MinistackMismatch: the installed ministack is not the one that we know.
    """
    require_hooks()
    ministack_permissions.apply()
    ministack_cloudformation.apply()
    ministack_states.apply()
    ministack_events.apply()
    ministack_schedules.apply()
    ministack_exports.apply()
    ministack_limits.apply()
    ministack_subscriptions.apply()
    ministack_metrics.apply()
    ministack_queries.apply()
    _run_functions_with(runtime)
    _replacements.apply()
    return MinistackState(state_directory)


class MinistackState:
    """What ministack holds: on disk before it is answered, and there again in the next process."""

    def __init__(self, state_directory: Path) -> None:
        self._keeper = MinistackKeeper(state_directory / "aws" / "journal.db")
        self.notes: list[str] = []

        def load() -> None:
            self.notes += ministack_resuming.load_what_was_kept(self._keeper)

        gateway._load_persisted_state = load
        gateway.save_all = lambda _services: self._keeper.keep_all()
        # Outermost of the replacements: an event is on disk before its execution goes on.
        self._keeper.keep_events_of_executions()
        self.app = answering_what_is_kept(gateway.app, self._keeper)

    def go_on(self) -> None:
        """Let go on what was interrupted, once everything answers that it needs."""
        self._keeper.keep_all()
        self.notes += ministack_resuming.go_on()
        self._keeper.keep_in_background()

    def running_executions(self) -> list[str]:
        return ministack_resuming.running()

    def close(self) -> None:
        """Keep everything as it is now; what ends from here on goes on in the next process."""
        self._keeper.keep_all()
        self._keeper.close()


@_replacements.of(ec2._ACTION_MAP, "CreateSecurityGroup")
def _create_with_given_id(create: Callable[[Any], Any], parameters: Any) -> Any:
    given = ""
    for name in parameters:
        is_key = name.startswith("TagSpecification.") and name.endswith(".Key")
        if is_key and ec2._p(parameters, name) == GROUP_ID_TAG:
            given = str(ec2._p(parameters, f"{name.removesuffix('.Key')}.Value"))
            break
    # A context variable, since the id is made far below, and other requests make groups at the same time.
    token = _given_group_id.set(given)
    try:
        return create(parameters)
    finally:
        _given_group_id.reset(token)


@_replacements.of(ec2, "_new_sg_id")
def _given_id_or_new_one(new_id: Callable[[], str]) -> str:
    return _given_group_id.get() or new_id()


def subnet_lookup(account_id: str) -> SubnetLookup:
    """How the local Aurora finds the subnets of the account's networks."""

    def find(region: str, subnet_id: str, _place: int) -> Subnet | None:
        with request_scope(account_id, region):
            ec2._ensure_defaults_initialized()
            found = ec2._subnets.get(subnet_id)
        return Subnet(subnet_id, found["AvailabilityZone"], found["VpcId"]) if found else None

    return find


def credentials_of(function: DeployedFunction) -> Mapping[str, str]:
    """The session of its role that a function finds in its environment."""
    return ministack_permissions.credentials_of(function).environment()


def aurora_guard(account_id: str, tags_of: Callable[[str, str], Mapping[str, str]]) -> Guard:
    """Who asks IAM about the requests to the local Aurora."""
    return ministack_permissions.AuroraGuard(account_id, tags_of).refuse


def write_log_events(function: DeployedFunction, stream_name: str, lines: list[str]) -> None:
    """One event a line into CloudWatch Logs; group and stream are made where they are missing, as Lambda does.

    Lambda writes in the function's role: one that may not write has no log.
    """
    if not lines:
        return
    if refusal := ministack_permissions.refusal_of_logging(function, stream_name):
        _log.warning("The log of %s is not written: %s", function.name, refusal.message)
        return
    now = int(time.time() * 1000)
    if function.log_group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._log_groups[function.log_group] = {
            "arn": cloudwatch_logs._make_group_arn(function.log_group),
            "creationTime": now,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    new_stream = {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }
    stream = cloudwatch_logs._log_groups[function.log_group]["streams"].setdefault(stream_name, new_stream)
    events = [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
    cloudwatch_logs._append_log_events(stream, events)
    sent = [{"timestamp": now, "message": line} for line in lines]
    cloudwatch_logs._fanout_to_subscription_filters(function.log_group, stream_name, sent)


def _run_functions_with(runtime: LambdaRuntime) -> None:
    def execute(func: Mapping[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        if not func.get("code_zip"):
            payload = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": "the function has no code"}
            return {"body": payload, "error": True, "log": ""}
        function = DeployedFunction(func.get("config") or func, func["code_zip"])
        outcome = runtime.invoke(function, event, request_id)
        if outcome.is_error and outcome.payload.get("errorType") == "TooManyRequestsException":
            throttled: dict[str, Any] = lambda_svc._throttle_response(
                reason_code="ConcurrentInvocationLimitExceeded", msg=outcome.payload["errorMessage"]
            )
            # Step Functions shows a throttled function under this name.
            throttled["body"]["errorType"] = "Lambda.TooManyRequestsException"
            return throttled
        return {"body": outcome.payload, "error": outcome.is_error, "log": "\n".join(outcome.lines)}

    def write_nothing(*_args: Any, **_named: Any) -> None:
        """The runtime has written the log already, into the stream of the worker."""

    lambda_svc._execute_function_warm = execute
    lambda_svc._emit_lambda_logs = write_nothing
