"""Evaluates a query over log events."""

from __future__ import annotations

import math
import operator as operators
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

from local_stack.insights.syntax import (
    AGGREGATIONS,
    MAX_LIMIT,
    MAX_ROWS,
    Binary,
    Call,
    Command,
    Dedup,
    Display,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Literal,
    Named,
    Not,
    Parse,
    Query,
    Sort,
    Stats,
)
from local_stack.insights.values import (
    Value,
    compare,
    discovered_fields,
    natural_key,
    number,
    timestamp,
    written,
)

SHOWN_BY_DEFAULT = ("@timestamp", "@message")


@dataclass(frozen=True)
class LogEvent:
    """One event of a log. `log`: account and log group, as `@log` has it. Times are in epoch milliseconds."""

    time: int
    message: str
    log: str
    log_stream: str
    ptr: str
    ingestion_time: int


SYSTEM_FIELDS: Mapping[str, Callable[[LogEvent], Value]] = {
    "@timestamp": lambda event: event.time,
    "@message": lambda event: event.message,
    "@log": lambda event: event.log,
    "@logStream": lambda event: event.log_stream,
    "@ingestionTime": lambda event: event.ingestion_time,
    "@ptr": lambda event: event.ptr,
}


@dataclass(frozen=True)
class Outcome:
    """`rows`: each column with its text, in their order; what a row does not have is left out."""

    rows: tuple[tuple[tuple[str, str], ...], ...]
    matched: int
    scanned: int
    bytes_scanned: int


class Row:
    """An event, or a row that `stats` made, with the fields that the query adds."""

    def __init__(self, event: LogEvent | None, fields: Mapping[str, Value] | None = None) -> None:
        self.event = event
        self.fields: dict[str, Value] = dict(fields or {})
        self._discovered: dict[str, Value] | None = None

    def get(self, name: str) -> Value:
        if name in self.fields:
            return self.fields[name]
        if self.event is None:
            return None
        if name in SYSTEM_FIELDS:
            return SYSTEM_FIELDS[name](self.event)
        if self._discovered is None:
            self._discovered = discovered_fields(self.event.message)
        return self._discovered.get(name)

    def shown(self, name: str) -> str | None:
        value = self.get(name)
        if value is None:
            return None
        is_time = self.event is not None and name in ("@timestamp", "@ingestionTime")
        return timestamp(float(value)) if is_time and name not in self.fields else written(value)


def run(query: Query, events: Iterable[LogEvent], now: float, limit: int | None = None) -> Outcome:
    """Evaluate a query.

    Args:
        now: epoch seconds, for `now()`.
        limit: of StartQuery; the smaller of it and of the query's own holds.
    """
    rows = [Row(event) for event in events]
    size = sum(len(row.event.message.encode()) for row in rows if row.event)
    # The newest first, as the console shows events that nothing sorts.
    rows.sort(key=lambda row: row.event.time if row.event else 0, reverse=True)
    work = _Run(rows, now, most=limit, matched=len(rows))
    for command in query.commands:
        work.apply(command)
    most = MAX_ROWS if work.most is None else min(work.most, MAX_LIMIT)
    shown = tuple(_shown(row, work.shown) for row in work.rows[:most])
    return Outcome(shown, work.matched, len(rows), size)


@dataclass
class _Run:
    """What a query has come to: its rows, the columns that are shown, and how many rows there may be."""

    rows: list[Row]
    now: float
    most: int | None
    matched: int
    shown: list[str] = field(default_factory=list)
    is_grouped: bool = False

    def apply(self, command: Command) -> None:
        match command:
            case Filter(condition):
                self.rows = [row for row in self.rows if _is_true(_value(condition, row, self.now))]
                # What comes after `stats` are no events any more.
                self.matched = self.matched if self.is_grouped else len(self.rows)
            case Fields(columns) | Display(columns):
                for column in columns:
                    _add(column, self.rows, self.now)
                names = [column.name for column in columns]
                # Only the last `display` counts; `fields` come one after another.
                self.shown = names if isinstance(command, Display) else [*self.shown, *names]
            case Parse():
                for row in self.rows:
                    _parse(command, row, self.now)
            case Stats():
                self.rows, self.is_grouped = _grouped(command, self.rows, self.now), True
                self.shown = [column.name for column in (*command.by, *command.columns)]
            case Sort(keys):
                self.rows = _sorted(self.rows, keys, self.now)
            case Dedup(fields):
                self.rows = _without_doubles(self.rows, fields, self.now)
            case Limit(count):
                self.most = count if self.most is None else min(count, self.most)


def _shown(row: Row, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    columns = list(names or SHOWN_BY_DEFAULT)
    # The pointer leads to the event, which a row of `stats` does not have.
    if row.event is not None and "@ptr" not in columns:
        columns.append("@ptr")
    texts = ((name, row.shown(name)) for name in columns)
    return tuple((name, text) for name, text in texts if text is not None)


def _add(column: Named, rows: Sequence[Row], now: float) -> None:
    if column.expression == Field(column.name):
        return
    for row in rows:
        value = _value(column.expression, row, now)
        if value is not None:
            row.fields[column.name] = value


def _parse(command: Parse, row: Row, now: float) -> None:
    """An event that does not match stays, without the fields."""
    text = _value(command.source, row, now)
    found = command.pattern.search(written(text)) if text is not None else None
    if found:
        row.fields.update(zip(command.names, found.groups(), strict=False))


def _grouped(command: Stats, rows: Sequence[Row], now: float) -> list[Row]:
    groups: dict[tuple[Value, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_value(each.expression, row, now) for each in command.by), []).append(row)
    # Without `by` there is one group, also of no events at all.
    if not command.by:
        groups.setdefault((), [])
    made = []
    for key, members in groups.items():
        values = {each.name: value for each, value in zip(command.by, key, strict=True) if value is not None}
        for column in command.columns:
            value = _aggregated(column.expression, members, now)
            if value is not None:
                values[column.name] = value
        made.append(Row(None, {name: _as_time(name, command, value) for name, value in values.items()}))
    return made


def _as_time(name: str, command: Stats, value: Value) -> Value:
    """A bin is shown as a time, as `@timestamp` is."""
    of_bin = any(
        each.name == name and isinstance(each.expression, Call) and each.expression.function == "bin"
        for each in command.by
    )
    return timestamp(float(value)) if of_bin and value is not None else value


def _sorted(rows: Sequence[Row], keys: Sequence[tuple[Expression, bool]], now: float) -> list[Row]:
    # From the last key to the first: each sorting keeps the order of what is equal to it.
    ordered = list(rows)
    for expression, goes_down in reversed(keys):
        ordered.sort(key=lambda row: natural_key(_value(expression, row, now)), reverse=goes_down)
    return ordered


def _without_doubles(rows: Sequence[Row], fields: Sequence[Expression], now: float) -> list[Row]:
    seen: set[tuple[Value, ...]] = set()
    kept = []
    for row in rows:
        key = tuple(_value(each, row, now) for each in fields)
        # "Null values are not considered duplicates" (CWL_QuerySyntax-Dedup).
        if None in key or key not in seen:
            kept.append(row)
        seen.add(key)
    return kept


def _aggregated(expression: Expression, rows: Sequence[Row], now: float) -> Value:
    match expression:
        case Literal(value):
            return value  # type: ignore[no-any-return]
        case Binary(operator, left, right):
            return _calculated(operator, _aggregated(left, rows, now), _aggregated(right, rows, now))
        case Call(function, arguments) if function in AGGREGATIONS:
            return _of_group(function, arguments, rows, now)
        case Call(function, arguments):
            return _FUNCTIONS[function]([_aggregated(each, rows, now) for each in arguments])
    return None


def _of_group(function: str, arguments: Sequence[Expression], rows: Sequence[Row], now: float) -> Value:
    if function == "count" and not arguments:
        return len(rows)
    with_values = [(row, value) for row in rows if (value := _value(arguments[0], row, now)) is not None]
    values = [value for _, value in with_values]
    if function == "count":
        return len(values)
    if function == "countdistinct":
        return len({written(value) for value in values})
    if function in ("earliest", "latest") and values:
        by_time = sorted(with_values, key=lambda pair: pair[0].event.time if pair[0].event else 0)
        return by_time[0 if function == "earliest" else -1][1]
    if function in ("min", "max") and values:
        ordered = sorted(values, key=cmp_to_key(_order))
        picked = ordered[0 if function == "min" else -1]
        size = number(picked)
        return picked if size is None else size
    numbers = [size for value in values if (size := number(value)) is not None]
    percent = _value(arguments[1], rows[0], now) if function == "pct" and rows else None
    return _of_numbers(function, numbers, number(percent) or 0) if numbers else None


def _order(left: Value, right: Value) -> int:
    return compare(left, right) or 0


def _of_numbers(function: str, numbers: Sequence[float], percent: float) -> float:
    if function == "pct":
        return _percentile(numbers, percent)
    work: Mapping[str, Callable[[Sequence[float]], float]] = {
        "avg": statistics.fmean,
        "sum": math.fsum,
        "stddev": statistics.pstdev,
    }
    return work[function](numbers)


def _percentile(numbers: Sequence[float], percent: float) -> float:
    """The smallest value that as many percent of them do not exceed. AWS estimates it where there are many."""
    ordered = sorted(numbers)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _value(expression: Expression, row: Row, now: float) -> Value:
    match expression:
        case Literal(value):
            return value  # type: ignore[no-any-return]
        case Field(name):
            return row.get(name)
        case Not(inner):
            return not _is_true(_value(inner, row, now))
        case Binary():
            return _of_two(expression, row, now)
        case Call():
            return _called(expression, row, now)


def _of_two(expression: Binary, row: Row, now: float) -> Value:
    left = _value(expression.left, row, now)
    if expression.operator == "and":
        return _is_true(left) and _is_true(_value(expression.right, row, now))
    if expression.operator == "or":
        return _is_true(left) or _is_true(_value(expression.right, row, now))
    if expression.operator == "like" and isinstance(expression.right, Literal):
        return left is not None and expression.right.value.search(written(left)) is not None
    return _calculated(expression.operator, left, _value(expression.right, row, now))


def _called(call: Call, row: Row, now: float) -> Value:
    match call:
        case Call("now"):
            return int(now)
        case Call("bin", (Literal(seconds),)):
            step, time = int(float(seconds) * 1000), number(row.get("@timestamp"))
            return None if time is None else int(time) // step * step
        case Call(function, arguments) if function in _FUNCTIONS:
            return _FUNCTIONS[function]([_value(each, row, now) for each in arguments])
    return None


def _is_true(value: Value) -> bool:
    return value is True or (not isinstance(value, bool | str) and bool(value))


def _calculated(operator: str, left: Value, right: Value) -> Value:
    order = _ORDERS.get(operator)
    if order is not None:
        compared = compare(left, right)
        return compared is not None and order(compared)
    first, second = number(left), number(right)
    if first is None or second is None or (operator in "/%" and second == 0):
        return None
    work: Mapping[str, Callable[[float, float], float]] = {
        "+": operators.add,
        "-": operators.sub,
        "*": operators.mul,
        "/": operators.truediv,
        "%": math.fmod,
        "^": operators.pow,
    }
    return work[operator](first, second)


_ORDERS: Mapping[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def _of_number(work: Callable[..., Any]) -> Callable[[list[Value]], Value]:
    def call(arguments: list[Value]) -> Value:
        numbers = [number(each) for each in arguments]
        return None if None in numbers else work(*numbers)

    return call


def _of_text(work: Callable[..., Any]) -> Callable[[list[Value]], Value]:
    def call(arguments: list[Value]) -> Value:
        return None if arguments[0] is None else work(*map(written, arguments))

    return call


_FUNCTIONS: Mapping[str, Callable[[list[Value]], Value]] = {
    "abs": _of_number(abs),
    "ceil": _of_number(math.ceil),
    "floor": _of_number(math.floor),
    "greatest": _of_number(lambda *numbers: max(numbers)),
    "least": _of_number(lambda *numbers: min(numbers)),
    "sqrt": _of_number(math.sqrt),
    "round": _of_number(lambda value, places=0: round(value, int(places))),
    "tomillis": _of_number(int),
    "frommillis": _of_number(int),
    "ispresent": lambda arguments: arguments[0] is not None,
    "coalesce": lambda arguments: next((each for each in arguments if each is not None), None),
    "isempty": lambda arguments: int(written(arguments[0]) == ""),
    "isblank": lambda arguments: int(written(arguments[0]).strip() == ""),
    "concat": lambda arguments: "".join(map(written, arguments)),
    "trim": _of_text(str.strip),
    "strlen": _of_text(len),
    "toupper": _of_text(str.upper),
    "tolower": _of_text(str.lower),
    "strcontains": _of_text(lambda text, part: int(part in text)),
    "substr": _of_text(
        lambda text, start, length=None: text[int(start) :][: None if length is None else int(length)]
    ),
    "replace": _of_text(lambda text, old, new: text.replace(old, new)),
}
