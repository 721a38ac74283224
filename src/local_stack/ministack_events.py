"""What ministack's EventBridge lets pass and AWS does not: targets without a permission, calls that are tried once."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import eventbridge, lambda_svc

from local_stack.ministack_hooks import Replacements
from local_stack.ministack_permissions import refusal_of_role
from local_stack.permissions.check import Check

PAUSES_SECONDS = (60.0, 120.0)
"""Between the attempts at a function that ends with an error, as Lambda makes them of an asynchronous call."""

_log = logging.getLogger("local_stack")


_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's EventBridge. Once a process."""
    _replacements.apply()


def missing_role(target: Mapping[str, Any]) -> str | None:
    """Why a target is refused: EventBridge starts an execution only in a role that it is given."""
    arn = str(target.get("Arn", ""))
    is_state_machine = arn.split(":")[2:3] == ["states"]
    return (
        f"RoleArn is required for target {arn}." if is_state_machine and not target.get("RoleArn") else None
    )


def note_creation(rule_name: str, properties: Mapping[str, Any]) -> None:
    """Give a rule of a template the time from which its schedule is counted, also after a restart."""
    bus, _ = eventbridge._event_bus_name_from_ref(properties.get("EventBusName", "default"))
    rule = eventbridge._rules.get(eventbridge._rule_key(rule_name, bus))
    # An update of the rule does not begin its schedule anew.
    if rule is not None:
        rule.setdefault("CreationTime", time.time())


@_replacements.of(eventbridge, "_validate_target_arn")
def _validate_with_role(validate: Callable[[Mapping[str, Any]], Any], target: Mapping[str, Any]) -> Any:
    fault = missing_role(target)
    return error_response_json("ValidationException", fault, 400) if fault else validate(target)


@_replacements.of(eventbridge, "_invoke_target")
def _invoke_if_allowed(
    invoke: Callable[..., None],
    target: Mapping[str, Any],
    event: Any,
    rule: Mapping[str, Any],
    view: Any = None,
) -> None:
    """Only where the function's policy admits the rule, or the target's role may start the execution.

    Otherwise the event is lost, as on AWS.
    """
    arn = str(target.get("Arn", ""))
    if arn.split(":")[2:3] == ["lambda"] and not _admits(arn, str(rule.get("Arn", ""))):
        _log.warning("EventBridge may not call %s for %s: it has no permission", arn, rule.get("Arn"))
        return
    region = str(rule.get("Arn", "")).split(":")[3]
    role = str(target.get("RoleArn") or "")
    if role and (refusal := refusal_of_role(role, "events", region, Check("states:StartExecution", arn))):
        _log.warning("EventBridge may not start %s for %s: %s", arn, rule.get("Arn"), refusal.message)
        return
    invoke(target, event, rule, view)


def _admits(function_arn: str, rule_arn: str) -> bool:
    function, _config, _name = lambda_svc._get_func_record_for_ref(function_arn)
    for statement in (function or {}).get("policy", {}).get("Statement", []):
        condition = statement.get("Condition", {})
        source_arn = condition.get("ArnLike", {}).get("AWS:SourceArn", "*")
        source_account = condition.get("StringEquals", {}).get("AWS:SourceAccount")
        if (
            statement["Principal"] in ({"Service": "events.amazonaws.com"}, "*")
            and fnmatchcase(rule_arn, source_arn)
            and source_account in {None, rule_arn.split(":")[4]}
        ):
            return True
    return False


@_replacements.of(eventbridge, "_dispatch_to_lambda")
def _call_asynchronously(_dispatch: Any, function_arn: str, payload: str) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function or not config:
        _log.warning("EventBridge finds no function %s", function_arn)
        return
    record = lambda_svc._execution_record_for_config(function, config)
    # A thread of its own, with the account and the Region of this one: the caller does not wait for the function.
    threading.Thread(
        target=contextvars.copy_context().run,
        args=(_call_until_it_succeeds, record, name, json.loads(payload)),
        name=f"event-{name}",
        daemon=True,
    ).start()


def _call_until_it_succeeds(record: Any, name: str, event: Any) -> None:
    for pause in (*PAUSES_SECONDS, None):
        # Each attempt counts in AWS/Lambda as calls by the API do.
        started = time.monotonic()
        failed = bool(lambda_svc._execute_function_with_config_scope(record, event).get("error"))
        milliseconds = (time.monotonic() - started) * 1000
        lambda_svc._emit_lambda_metrics(name, duration_ms=milliseconds, error=failed, throttle=False)
        if not failed or pause is None:
            return
        time.sleep(pause)
