"""The states of a machine, read from its definition. What is not known is refused, and never passed over.

Known is what the pipeline's definitions use of the Amazon States Language (https://states-language.net), with
JSONPath of plain names, and the optimized integration `arn:aws:states:::lambda:invoke`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"
UNCATCHABLE = frozenset({"States.Runtime", "States.DataLimitExceeded"})
"""Errors that States.ALL does not match."""

_PATH = re.compile(r"\$(\$)?((?:\.[A-Za-z_][A-Za-z0-9_]*)*)")
_KNOWN_RESERVED_ERRORS = frozenset({"States.ALL", "States.Timeout"})


class UnknownDefinition(ValueError):
    """The definition has something that the interpreter does not know."""


class RuntimeFault(Exception):
    """The execution cannot go on: States.Runtime, which nothing catches."""


@dataclass(frozen=True)
class Scope:
    """Where paths lead: `data` for `$`, `context` for `$$`."""

    data: Any
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Path:
    text: str
    in_context: bool
    names: tuple[str, ...]

    def find(self, scope: Scope) -> tuple[bool, Any]:
        value: Any = scope.context if self.in_context else scope.data
        for name in self.names:
            if not isinstance(value, Mapping) or name not in value:
                return False, None
            value = value[name]
        return True, value

    def get(self, scope: Scope) -> Any:
        """Raises RuntimeFault where it leads nowhere."""
        found, value = self.find(scope)
        if not found:
            raise RuntimeFault(f"The JSONPath '{self.text}' could not be found in the input.")
        return value


Template = Callable[[Scope], Any]
Condition = Callable[[Scope], bool]


@dataclass(frozen=True)
class Retrier:
    errors: frozenset[str]
    interval_seconds: float
    backoff_rate: float
    max_attempts: int
    max_delay_seconds: float | None
    full_jitter: bool

    def delay_seconds(self, attempts_before: int) -> float:
        """Without jitter, the wait before the next attempt."""
        delay = self.interval_seconds * self.backoff_rate**attempts_before
        return delay if self.max_delay_seconds is None else min(delay, self.max_delay_seconds)


@dataclass(frozen=True)
class Catcher:
    errors: frozenset[str]
    next: str
    result_path: Path | None


@dataclass(frozen=True)
class Task:
    name: str
    function_name: str
    payload: Template
    next: str | None
    result_selector: Template | None
    result_path: Path | None
    timeout_seconds: float | None
    retriers: tuple[Retrier, ...]
    catchers: tuple[Catcher, ...]


@dataclass(frozen=True)
class Choice:
    name: str
    rules: tuple[tuple[Condition, str], ...]
    default: str | None


@dataclass(frozen=True)
class Wait:
    name: str
    seconds: float | Path
    next: str | None


@dataclass(frozen=True)
class Pass:
    name: str
    result: Any
    result_path: Path | None
    next: str | None


@dataclass(frozen=True)
class Succeed:
    name: str


@dataclass(frozen=True)
class Fail:
    name: str
    error: str | Path | None
    cause: str | Path | None


State = Task | Choice | Wait | Pass | Succeed | Fail


@dataclass(frozen=True)
class Machine:
    name: str
    start_at: str
    timeout_seconds: float | None
    states: Mapping[str, State]


def read_machine(name: str, definition: Mapping[str, Any]) -> Machine:
    """Raises UnknownDefinition."""
    _only("the state machine", definition, "StartAt States", "Comment TimeoutSeconds")
    states = {key: _read_state(key, state) for key, state in definition["States"].items()}
    machine = Machine(name, definition["StartAt"], definition.get("TimeoutSeconds"), states)
    missing = sorted({machine.start_at, *_transitions(states)} - set(states))
    if missing:
        raise UnknownDefinition(f"{name}: no state {', '.join(missing)}")
    return machine


def matches(errors: frozenset[str], error: str) -> bool:
    return error in errors or ("States.ALL" in errors and error not in UNCATCHABLE)


def _transitions(states: Mapping[str, State]) -> set[str]:
    found: set[str] = set()
    for state in states.values():
        if isinstance(state, Task | Wait | Pass) and state.next:
            found.add(state.next)
        if isinstance(state, Task):
            found |= {catcher.next for catcher in state.catchers}
        if isinstance(state, Choice):
            found |= {target for _, target in state.rules} | ({state.default} if state.default else set())
    return found


def _only(what: str, given: Mapping[str, Any], required: str, optional: str = "") -> None:
    known = {*required.split(), *optional.split()}
    unknown = sorted(set(given) - known)
    missing = sorted(set(required.split()) - set(given))
    if unknown or missing:
        raise UnknownDefinition(f"{what}: unknown {unknown or 'nothing'}, missing {missing or 'nothing'}")


def _read_state(name: str, state: Mapping[str, Any]) -> State:
    reader = _READERS.get(str(state.get("Type")))
    if reader is None:
        raise UnknownDefinition(f"{name}: the type {state.get('Type')} is not known")
    return reader(name, state)


def _next_of(name: str, state: Mapping[str, Any]) -> str | None:
    if ("Next" in state) == (state.get("End") is True):
        raise UnknownDefinition(f"{name}: exactly one of Next and End is needed")
    return state.get("Next")


def _read_task(name: str, state: Mapping[str, Any]) -> Task:
    _only(
        name, state, "Type Resource Parameters",
        "Comment Next End ResultSelector ResultPath TimeoutSeconds Retry Catch",
    )  # fmt: skip
    if state["Resource"] != LAMBDA_INVOKE:
        raise UnknownDefinition(f"{name}: the resource {state['Resource']} is not known")
    parameters = state["Parameters"]
    payload = "Payload.$" if "Payload.$" in parameters else "Payload"
    _only(f"{name}.Parameters", parameters, f"FunctionName {payload}")
    selector = state.get("ResultSelector")
    return Task(
        name=name,
        function_name=parameters["FunctionName"],
        payload=_payload(f"{name}.Parameters", payload, parameters[payload]),
        next=_next_of(name, state),
        result_selector=_template(f"{name}.ResultSelector", selector) if selector is not None else None,
        result_path=_result_path(name, state),
        timeout_seconds=state.get("TimeoutSeconds"),
        retriers=tuple(_read_retrier(name, entry) for entry in state.get("Retry", ())),
        catchers=tuple(_read_catcher(name, entry) for entry in state.get("Catch", ())),
    )


def _payload(where: str, name: str, value: Any) -> Template:
    fill = _template(where, {name: value})
    return lambda scope: fill(scope)["Payload"]


def _read_retrier(name: str, entry: Mapping[str, Any]) -> Retrier:
    _only(
        f"{name}.Retry", entry, "ErrorEquals IntervalSeconds BackoffRate MaxAttempts",
        "Comment MaxDelaySeconds JitterStrategy",
    )  # fmt: skip
    jitter = entry.get("JitterStrategy", "NONE")
    if jitter not in ("NONE", "FULL"):
        raise UnknownDefinition(f"{name}.Retry: the jitter strategy {jitter} is not known")
    return Retrier(
        errors=_errors(name, entry),
        interval_seconds=entry["IntervalSeconds"],
        backoff_rate=entry["BackoffRate"],
        max_attempts=entry["MaxAttempts"],
        max_delay_seconds=entry.get("MaxDelaySeconds"),
        full_jitter=jitter == "FULL",
    )


def _read_catcher(name: str, entry: Mapping[str, Any]) -> Catcher:
    _only(f"{name}.Catch", entry, "ErrorEquals Next", "Comment ResultPath")
    return Catcher(_errors(name, entry), entry["Next"], _result_path(f"{name}.Catch", entry))


def _errors(name: str, entry: Mapping[str, Any]) -> frozenset[str]:
    errors = frozenset(entry["ErrorEquals"])
    unknown = sorted(e for e in errors if e.startswith("States.") and e not in _KNOWN_RESERVED_ERRORS)
    if unknown or ("States.ALL" in errors and len(errors) > 1):
        raise UnknownDefinition(f"{name}: ErrorEquals {sorted(errors)} is not known")
    return errors


def _read_choice(name: str, state: Mapping[str, Any]) -> Choice:
    _only(name, state, "Type Choices", "Comment Default")
    rules = []
    for rule in state["Choices"]:
        condition = {key: value for key, value in rule.items() if key not in ("Next", "Comment")}
        if "Next" not in rule:
            raise UnknownDefinition(f"{name}: a choice has no Next")
        rules.append((_condition(name, condition), str(rule["Next"])))
    return Choice(name, tuple(rules), state.get("Default"))


def _condition(name: str, rule: Mapping[str, Any]) -> Condition:
    if set(rule) == {"Or"}:
        parts = [_condition(name, part) for part in rule["Or"]]
        return lambda scope: any(part(scope) for part in parts)
    operators = set(rule) - {"Variable"}
    if "Variable" not in rule or len(operators) != 1 or not operators <= set(_OPERATORS):
        raise UnknownDefinition(f"{name}: the condition {sorted(rule)} is not known")
    operator = operators.pop()
    return _OPERATORS[operator](_path(name, rule["Variable"]), rule[operator])


def _is_present(path: Path, expected: Any) -> Condition:
    return lambda scope: path.find(scope)[0] is expected


def _is_null(path: Path, expected: Any) -> Condition:
    return lambda scope: (path.get(scope) is None) is expected


def _equals(path: Path, expected: Any) -> Condition:
    return lambda scope: type(value := path.get(scope)) is type(expected) and value == expected


_OPERATORS: Mapping[str, Callable[[Path, Any], Condition]] = {
    "StringEquals": _equals,
    "BooleanEquals": _equals,
    "IsPresent": _is_present,
    "IsNull": _is_null,
}


def _read_wait(name: str, state: Mapping[str, Any]) -> Wait:
    by = "SecondsPath" if "SecondsPath" in state else "Seconds"
    _only(name, state, f"Type {by}", "Comment Next End")
    seconds = _path(name, state[by]) if by == "SecondsPath" else state[by]
    return Wait(name, seconds, _next_of(name, state))


def _read_pass(name: str, state: Mapping[str, Any]) -> Pass:
    _only(name, state, "Type Result", "Comment ResultPath Next End")
    return Pass(name, state["Result"], _result_path(name, state), _next_of(name, state))


def _read_succeed(name: str, state: Mapping[str, Any]) -> Succeed:
    _only(name, state, "Type", "Comment")
    return Succeed(name)


def _read_fail(name: str, state: Mapping[str, Any]) -> Fail:
    _only(name, state, "Type", "Comment Error ErrorPath Cause CausePath")
    if {"Error", "ErrorPath"} <= set(state) or {"Cause", "CausePath"} <= set(state):
        raise UnknownDefinition(f"{name}: a text and a path for the same thing")
    return Fail(name, _text_or_path(name, state, "Error"), _text_or_path(name, state, "Cause"))


def _text_or_path(name: str, state: Mapping[str, Any], field: str) -> str | Path | None:
    if f"{field}Path" in state:
        return _path(name, state[f"{field}Path"])
    return state.get(field)


_READERS: Mapping[str, Callable[[str, Mapping[str, Any]], State]] = {
    "Task": _read_task,
    "Choice": _read_choice,
    "Wait": _read_wait,
    "Pass": _read_pass,
    "Succeed": _read_succeed,
    "Fail": _read_fail,
}


def _result_path(name: str, holder: Mapping[str, Any]) -> Path | None:
    """None where the result is dropped (`"ResultPath": null`)."""
    if "ResultPath" in holder and holder["ResultPath"] is None:
        return None
    path = _path(name, holder.get("ResultPath", "$"))
    if path.in_context:
        raise UnknownDefinition(f"{name}: ResultPath cannot lead into the context")
    return path


def _path(name: str, text: Any) -> Path:
    found = _PATH.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UnknownDefinition(f"{name}: the path {text!r} is not known")
    names = tuple(found.group(2).split(".")[1:])
    if found.group(1) and names[:1] not in (("Execution",), ("StateMachine",)):
        raise UnknownDefinition(f"{name}: the path {text!r} into the context is not known")
    return Path(text, bool(found.group(1)), names)


def _template(name: str, value: Any) -> Template:
    """A payload template: names that end in `.$` hold paths."""
    if not isinstance(value, Mapping):
        if isinstance(value, list):
            raise UnknownDefinition(f"{name}: lists in templates are not known")
        return lambda _scope: value
    fixed = {key: _template(name, inner) for key, inner in value.items() if not key.endswith(".$")}
    paths = {key[:-2]: _path(name, text) for key, text in value.items() if key.endswith(".$")}

    def fill(scope: Scope) -> dict[str, Any]:
        filled = {key: inner(scope) for key, inner in fixed.items()}
        return filled | {key: path.get(scope) for key, path in paths.items()}

    return fill
