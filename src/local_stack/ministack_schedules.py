"""What ministack's EventBridge Scheduler leaves out or lets pass and AWS does not: time zones, expressions that are not
valid, roles that do not admit it, retries, pages; and its clock, which is ours (`schedule_clock.py`)."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import eventbridge, iam, lambda_svc, scheduler
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from local_stack.ministack_hooks import Replacements
from local_stack.ministack_permissions import refusal_of_role
from local_stack.permissions.check import Check
from local_stack.schedule_clock import Key, ScheduleClock
from local_stack.schedule_expressions import parse_expression

SCHEDULE = "AWS::Scheduler::Schedule"
TICK_SECONDS = 1.0
PAGE = 100
NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
# Parameters of AWS's that are neither kept nor acted on here: to take them would be kinder than AWS.
_UNKNOWN = ("StartDate", "EndDate", "KmsKeyArn")

_log = logging.getLogger("local_stack")
_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's Scheduler, and its handlers of templates. Once a process."""
    _replacements.apply()


def refusal(name: str, body: Mapping[str, Any]) -> str | None:
    """Why CreateSchedule and UpdateSchedule refuse a schedule; None where they do not."""
    target = body.get("Target") or {}
    if not NAME.fullmatch(name):
        return f"Value '{name}' at 'name' failed to satisfy constraint."
    try:
        zone = str(body.get("ScheduleExpressionTimezone") or "UTC")
        parse_expression(str(body.get("ScheduleExpression") or ""), zone)
        json.loads(target.get("Input") or "{}")
    except ValueError as error:
        return str(error)
    if fault := _unsupported(body, target):
        return fault
    if str(target.get("Arn", "")).split(":")[2:3] != ["lambda"]:
        return "The local Scheduler calls functions only."
    if not _admits_scheduler(str(target.get("RoleArn", ""))):
        return "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    return None


def _unsupported(body: Mapping[str, Any], target: Mapping[str, Any]) -> str | None:
    unknown = [key for key in _UNKNOWN if body.get(key)]
    unknown += ["DeadLetterConfig"] if target.get("DeadLetterConfig") else []
    if unknown:
        return f"The local Scheduler does not act on {', '.join(unknown)}."
    if (body.get("FlexibleTimeWindow") or {}).get("Mode") != "OFF":
        return "The local Scheduler has no flexible time windows: FlexibleTimeWindow is to be OFF."
    if body.get("ActionAfterCompletion", "NONE") != "NONE":
        return "The local Scheduler deletes no schedule: ActionAfterCompletion is to be NONE."
    if body.get("State", "ENABLED") not in ("ENABLED", "DISABLED"):
        return f"Value '{body['State']}' at 'state' failed to satisfy constraint."
    return None


def _admits_scheduler(role_arn: str) -> bool:
    role = iam._roles.get(role_arn.rpartition("/")[2]) or {}
    document = role.get("AssumeRolePolicyDocument") or ""
    return "scheduler.amazonaws.com" in (document if isinstance(document, str) else json.dumps(document))


@_replacements.of(scheduler, "_create_schedule")
def _create_checked(create: Callable[..., Any], name: str, body: dict[str, Any]) -> Any:
    fault = refusal(name, body)
    return scheduler._error(400, "ValidationException", fault) if fault else create(name, body)


@_replacements.of(scheduler, "_update_schedule")
def _update_checked(update: Callable[..., Any], name: str, body: dict[str, Any]) -> Any:
    fault = refusal(name, body)
    return scheduler._error(400, "ValidationException", fault) if fault else update(name, body)


@_replacements.of(scheduler, "_list_schedules")
def _list_in_pages(list_all: Callable[..., Any], query: dict[str, Any]) -> Any:
    """ministack gives the first page and no token for the next one, and nothing for a group that does not exist."""
    group = query.get("ScheduleGroup")
    if group and group not in scheduler._schedule_groups:
        message = f"Schedule group {group} does not exist."
        return scheduler._error(404, "ResourceNotFoundException", message)
    status, headers, body = list_all({**query, "MaxResults": str(10**9)})
    found = json.loads(body)["Schedules"] if status == 200 else []
    begin, size = int(query.get("NextToken") or 0), int(query.get("MaxResults") or PAGE)
    page: dict[str, Any] = {"Schedules": found[begin : begin + size]}
    if begin + size < len(found):
        page["NextToken"] = str(begin + size)
    return (status, headers, json.dumps(page).encode()) if status == 200 else (status, headers, body)


@_replacements.of(_RESOURCE_HANDLERS[SCHEDULE], "create")
def _create_of_template(
    _create: Any, _logical_id: str, properties: Mapping[str, Any], _stack_name: str
) -> tuple[str, dict[str, Any]]:
    return _of_template(scheduler._create_schedule, properties)


@_replacements.of(_RESOURCE_HANDLERS[SCHEDULE], "update")
def _update_of_template(
    _update: Any, _physical_id: str, _old: Any, new: Mapping[str, Any], *_rest: Any, **_named: Any
) -> tuple[str, dict[str, Any]]:
    return _of_template(scheduler._update_schedule, new)


def _of_template(
    request: Callable[[str, dict[str, Any]], Any], properties: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """With its time zone, and refused where the request is; ministack drops the one and passes over the other."""
    name, body = str(properties.get("Name", "")), {k: v for k, v in properties.items() if k != "Name"}
    status, _headers, answer = request(name, body)
    if status != 200:
        raise ValueError(
            f'Resource handler returned message: "{json.loads(answer).get("Message")} (Service: Scheduler, Status '
            f'Code: {status})" (HandlerErrorCode: InvalidRequest)'
        )
    return name, {"Arn": json.loads(answer)["ScheduleArn"]}


def call_target(key: Key, schedule: Mapping[str, Any], given: str) -> None:
    """Call the function of a schedule, asynchronously as Scheduler does.

    Raises:
        PermissionError: the schedule's role may not.
        LookupError: there is no such function.
    """
    account_id, region, _name = key
    arn, role = str(schedule["Target"]["Arn"]), str(schedule["Target"]["RoleArn"])
    if refusal := refusal_of_role(role, "scheduler", region, Check("lambda:InvokeFunction", arn)):
        raise PermissionError(refusal.message)
    with request_scope(account_id, region):
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            raise LookupError(f"there is no function {arn}")
        eventbridge._dispatch_to_lambda(arn, given)


@_replacements.of(scheduler, "start_scheduler")
def _start_our_clock(_start: Any) -> None:
    """In place of ministack's, which knows UTC alone and delivers once."""
    clock = ScheduleClock(call_target, datetime.now(UTC))

    def run() -> None:
        while True:
            time.sleep(TICK_SECONDS)
            try:
                clock.tick(list(scheduler._schedules._data.items()), datetime.now(UTC))
            except Exception:  # noqa: BLE001 - a clock that stops is worse than an error that it met
                _log.exception("The clock of Scheduler met an error.")

    threading.Thread(target=run, name="scheduler-clock", daemon=True).start()
