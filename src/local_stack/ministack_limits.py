"""What AWS refuses by its mere form and ministack takes: names and inputs of executions, subjects of messages, reserved
words in expressions of DynamoDB."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb, sns, stepfunctions
from ministack.services._dynamodb_keywords import AWS_KEYWORDS

from local_stack.ministack_hooks import Replacements

MAX_NAME_CHARACTERS = 80
MAX_INPUT_BYTES = 262_144
MAX_SUBJECT_CHARACTERS = 100

_FORBIDDEN_IN_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_SUBJECT = re.compile(r"[!-~][ -~]*")
# A name as it is, and not the name of a function, a value (`:v`) or a stand-in for a name (`#n`).
_BARE_NAME = re.compile(r"(?<![#:\w])[A-Za-z_]\w*\b(?!\s*\()")
_OPERATORS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
# An UpdateExpression has words of its own (SET, REMOVE); ministack looks at it before it changes anything.
_EXPRESSIONS = ("KeyConditionExpression", "FilterExpression", "ConditionExpression", "ProjectionExpression")

Refusal = tuple[str, str]
"""The code of an error, and its message."""


_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's Step Functions, SNS and DynamoDB. Once a process."""
    _replacements.apply()


@_replacements.of(stepfunctions, "_start_execution")
def _start_within_limits(start: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    refusal = name_refusal(data.get("name")) or input_refusal(data.get("input", "{}"))
    return error_response_json(*refusal, 400) if refusal else start(data)


@_replacements.of(sns, "_publish")
def _publish_with_a_valid_subject(publish: Callable[[Any], Any], params: Any) -> Any:
    refusal = subject_refusal(sns._p(params, "Subject"))
    return sns._error(*refusal, 400) if refusal else publish(params)


def _refuse_reserved_words(answer: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    refusal = expression_refusal(data)
    return error_response_json(*refusal, 400) if refusal else answer(data)


for _operation in ("_scan", "_query", "_get_item", "_put_item", "_update_item", "_delete_item"):
    _replacements.of(dynamodb, _operation)(_refuse_reserved_words)


def expression_refusal(data: Mapping[str, Any]) -> Refusal | None:
    """Why DynamoDB refuses an expression by its words. It does so before it looks at an item; ministack does so
    only where it compares one.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html; the
    text is that of the field, as in dynamoose/dynamoose#902.
    """
    for slot in _EXPRESSIONS:
        for name in _BARE_NAME.findall(data.get(slot) or ""):
            if name.upper() in AWS_KEYWORDS - _OPERATORS:
                words = f"Attribute name is a reserved keyword; reserved keyword: {name}"
                return "ValidationException", f"Invalid {slot}: {words}"
    return None


def name_refusal(name: str | None) -> Refusal | None:
    """Why StartExecution refuses a name; None where it does not.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html; AWS
    answers a name that is too long with the ValidationException of all services, which is not documented.
    """
    # Step Functions then makes a name of its own.
    if not name:
        return None
    if len(name) > MAX_NAME_CHARACTERS:
        return "ValidationException", _too_long(f"Value '{name}' at 'name'", MAX_NAME_CHARACTERS)
    return ("InvalidName", f"Invalid Name: '{name}'") if _FORBIDDEN_IN_NAME.search(name) else None


def input_refusal(given: str) -> Refusal | None:
    """Why StartExecution refuses an input: its bytes in UTF-8, or that it is not JSON."""
    if len(given.encode()) > MAX_INPUT_BYTES:
        return "ValidationException", _too_long("Value at 'input'", MAX_INPUT_BYTES)
    try:
        json.loads(given)
    except ValueError as error:
        return "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
    return None


def subject_refusal(subject: str) -> Refusal | None:
    """Why Publish refuses a subject: ASCII in one line that does not begin with a space, of at most 100 characters.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html says fewer than 100; AWS takes 100.
    """
    if not subject or (len(subject) <= MAX_SUBJECT_CHARACTERS and _SUBJECT.fullmatch(subject)):
        return None
    return "InvalidParameter", "Invalid parameter: Subject"


def _too_long(value: str, limit: int) -> str:
    return (
        f"1 validation error detected: {value} failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}"
    )
