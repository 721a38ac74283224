"""The clock of the local EventBridge: a schedule calls its function when it is due, and only where it is enabled.

The minutes are let pass by setting the time of the last call back; ministack runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import json, sys, time
from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS
from local_stack import ministack_cloudformation, ministack_events, ministack_hooks

ministack_hooks.require_hooks()
ministack_cloudformation.apply()
ministack_events.apply()
ministack_events.PAUSES_SECONDS = (0.0, 0.0)
minutes, state, failures = json.loads(sys.argv[1])
calls = []

def execute(record, event):
    calls.append(event)
    return {"error": len(calls) <= failures}

lambda_svc._execute_function_with_config_scope = execute
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:sweep"
with request_scope("123456789012", "us-west-2"):
    lambda_svc._functions["sweep"] = {
        "config": {"FunctionName": "sweep", "FunctionArn": FUNCTION}, "versions": {}, "aliases": {},
        "policy": {"Statement": []},
    }
    eventbridge._ensure_default_bus()
    made = _RESOURCE_HANDLERS["AWS::Events::Rule"]["create"]("Sweep", {
        "Name": "sweep", "ScheduleExpression": "rate(5 minutes)", "State": state,
        "Targets": [{"Id": "sweep", "Arn": FUNCTION}],
    }, "stack")
    lambda_svc._add_permission("sweep", {
        "StatementId": "rule", "Principal": "events.amazonaws.com", "SourceArn": made[1]["Arn"],
    })
    rule = eventbridge._rules[eventbridge._rule_key("sweep", "default")]
    rule["CreationTime"] -= minutes * 60
eventbridge._tick_scheduled_rules()
eventbridge._tick_scheduled_rules()
end = time.monotonic() + 10
wanted = 1 + failures
while len(calls) < wanted and time.monotonic() < end and minutes >= 5 and state == "ENABLED":
    time.sleep(0.01)
print(json.dumps(calls))
"""


def calls(minutes: float, state: str = "ENABLED", failures: int = 0) -> list[dict[str, Any]]:
    """The events that a function was called with, so many minutes after the rule of five minutes was made."""
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([minutes, state, failures])],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found: list[dict[str, Any]] = json.loads(finished.stdout)
    return found


def test_a_schedule_calls_when_it_is_due_and_once() -> None:
    (event,) = calls(minutes=5.1)

    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == ["arn:aws:events:us-west-2:123456789012:rule/sweep"]


@pytest.mark.parametrize(("minutes", "state"), [(4.9, "ENABLED"), (60, "DISABLED")])
def test_a_schedule_that_is_not_due_or_disabled_calls_nothing(minutes: float, state: str) -> None:
    assert calls(minutes, state) == []


@pytest.mark.parametrize(("failures", "attempts"), [(1, 2), (2, 3)])
def test_a_call_that_fails_is_repeated_as_lambda_repeats_an_asynchronous_one(
    failures: int, attempts: int
) -> None:
    assert len(calls(minutes=5.1, failures=failures)) == attempts
