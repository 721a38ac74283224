"""How each kind of field of a request is read. Each parser raises `FieldFault` with what is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aurora_restore.domain.naming import AWS_TAG_PREFIXES, OUR_TAG_PREFIX, OUR_TAGS_MOST, TAGS_MOST
from aurora_restore.domain.users import ANY_HOST, Access, DbUser, host_problem, username_problem

DB_USER_FIELDS = ("username", "host", "secret_id", "iam", "access", "databases")
SERVERLESS_FIELDS = ("min_capacity", "max_capacity", "seconds_until_auto_pause")
TEXT_MAX_LENGTH = 2048
Value = TypeVar("Value")


class FieldProblem(ValueError):
    """What is wrong with a field's value, without the field's name; `problems`: each by itself."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldProblem("must be a string")
    if len(value) > TEXT_MAX_LENGTH:
        raise FieldProblem(f"must be at most {TEXT_MAX_LENGTH} characters")
    return value


def identifier(value: Any) -> str:
    """The name of something in RDS, which keeps names in small letters."""
    return text(value).lower()


def region(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", name):
        raise FieldProblem(f"{name!r} is not the name of a Region, such as us-east-1")
    return name


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldProblem("must be a list of strings")
    found = tuple(text(item) for item in value)
    if len(set(found)) != len(found):
        raise FieldProblem("the list names something twice")
    return found


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FieldProblem("must be true or false, without quotation marks")
    return value


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise FieldProblem(f"must be a whole number from {least} to {most}")
        return value

    return parse


def number(least: float, most: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise FieldProblem(f"must be a number from {least:g} to {most:g}")
        return value

    return parse


def one_or_more_of(choices: Sequence[str]) -> Callable[[Any], tuple[str, ...]]:
    def parse(value: Any) -> tuple[str, ...]:
        found = texts(value)
        for name in found:
            if name not in choices:
                nearest = difflib.get_close_matches(name, choices, n=1)
                guess = f"; did you mean {nearest[0]}?" if nearest else f"; there are {', '.join(choices)}"
                raise FieldProblem(f"{name} is not a compared field of a cluster{guess}")
        return found

    return parse


def one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise FieldProblem(f"must be one of {', '.join(choices)}")
        return str(value)

    return parse


def engine_version(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"\d+\.\d+(\.[\w.-]+)?", name):
        raise FieldProblem("must be a version such as 16.4")
    return name


def instance_class(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"db\.[a-z0-9-]+(\.[a-z0-9-]+)?", name):
        raise FieldProblem("must be an instance class such as db.r5.large")
    return name


def tags(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise FieldProblem("must be an object with string values")
    for key in value:
        if key.lower().startswith((*AWS_TAG_PREFIXES, OUR_TAG_PREFIX)):
            raise FieldProblem(f"the tag {key} uses a reserved prefix")
    if len(value) > TAGS_MOST - OUR_TAGS_MOST:
        raise FieldProblem(f"at most {TAGS_MOST - OUR_TAGS_MOST} tags are possible")
    return dict(value)


def serverless_v2(value: Any) -> Mapping[str, float]:
    known(value, SERVERLESS_FIELDS)
    numbers = {name: number for name, number in value.items() if isinstance(number, int | float)}
    if not {"min_capacity", "max_capacity"} <= set(numbers) or len(numbers) != len(value):
        raise FieldProblem("must be an object with the numbers min_capacity and max_capacity")
    if not 0 <= numbers["min_capacity"] <= numbers["max_capacity"] <= 256:
        raise FieldProblem("capacities go from 0 to 256, the smaller first")
    return numbers


def db_users(value: Any) -> tuple[DbUser, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldProblem("must be a list of users")
    users, problems = [], []
    for number, item in enumerate(value, start=1):
        try:
            users.append(_db_user(item))
        except FieldProblem as problem:
            problems += [f"{_which(number, item)}: {text}" for text in problem.problems]
    if problems:
        raise FieldProblem(*problems)
    return tuple(users)


def _which(number: int, item: Any) -> str:
    """A user by its place, and by its name where that can be read."""
    name = item.get("username") if isinstance(item, Mapping) else None
    return f"user {number} ({name!r})" if isinstance(name, str) else f"user {number}"


def known(value: Any, names: Sequence[str]) -> None:
    """Refuse what is not an object, or has a field that is not among `names`."""
    if not isinstance(value, Mapping):
        raise FieldProblem("must be an object")
    for name in value:
        if name not in names:
            nearest = difflib.get_close_matches(str(name), names, n=1)
            guess = f"; did you mean {nearest[0]}?" if nearest else f"; the fields are {', '.join(names)}"
            raise FieldProblem(f"{name} is not a field here{guess}")


def _db_user(value: Any) -> DbUser:
    if not isinstance(value, Mapping):
        raise FieldProblem("must be an object")
    problems = _unknown_names(value)
    # A field with a wrong name is likely to be the one that is missing.
    lacks = not problems
    iam = _read("iam", lambda: flag(value.get("iam", False)), False, problems)
    username = _read("username", lambda: text(value.get("username")), "", problems)
    if username and (reason := username_problem(username, iam=iam)):
        problems.append(f"username {username!r}: {reason}")
    secret_id = _read("secret_id", lambda: _text_or_nothing(value.get("secret_id")), None, problems)
    if iam == (value.get("secret_id") is not None) and lacks:
        problems.append("it needs either secret_id or iam: true")
    access = _read("access", lambda: _access(value.get("access")), Access.READ_ONLY, problems)
    host = _read("host", lambda: _host(value.get("host")), ANY_HOST, problems)
    databases: tuple[str, ...] = ()
    databases = _read("databases", lambda: texts(value.get("databases") or ()), databases, problems)
    if problems:
        raise FieldProblem(*problems)
    return DbUser(username, access, secret_id, iam, databases, host=host)


def _unknown_names(value: Mapping[Any, Any]) -> list[str]:
    problems: list[str] = []
    for name in value:
        try:
            known({name: None}, DB_USER_FIELDS)
        except FieldProblem as problem:
            problems.append(str(problem))
    return problems


def _text_or_nothing(value: Any) -> str | None:
    return None if value is None else text(value)


def _host(value: Any) -> str:
    if value is None:
        return ANY_HOST
    if reason := host_problem(text(value)):
        raise FieldProblem(reason)
    return text(value)


def _access(value: Any) -> Access:
    return Access(one_of(*Access)(Access.READ_ONLY.value if value is None else value))


def _read(name: str, parse: Callable[[], Value], instead: Value, problems: list[str]) -> Value:
    """One field of a user; what is wrong with it is added to the problems, and a default is taken instead."""
    try:
        return parse()
    except FieldProblem as problem:
        problems.append(f"{name}: {problem}" if name else str(problem))
        return instead
