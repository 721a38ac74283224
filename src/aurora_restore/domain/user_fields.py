"""How the users of a request are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aurora_restore.domain.request_fields import FieldProblem, flag, known, one_of, text, texts
from aurora_restore.domain.users import ANY_HOST, Access, DbUser, host_problem, username_problem

DB_USER_FIELDS = ("username", "host", "secret_id", "iam", "access", "databases")
Value = TypeVar("Value")


def db_users(value: Any) -> tuple[DbUser, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldProblem("must be a list of users")
    users, problems = [], []
    for number, item in enumerate(value, start=1):
        try:
            users.append(_db_user(item))
        except FieldProblem as problem:
            # A user by its place, and by its name where that can be read.
            name = item.get("username") if isinstance(item, Mapping) else None
            which = f"user {number} ({name!r})" if isinstance(name, str) else f"user {number}"
            problems += [f"{which}: {text}" for text in problem.problems]
    if problems:
        raise FieldProblem(*problems)
    return tuple(users)


def _db_user(value: Any) -> DbUser:
    if not isinstance(value, Mapping):
        raise FieldProblem("must be an object")
    problems: list[str] = []
    for name in value:
        # One by one, so that each is reported.
        try:
            known({name: None}, DB_USER_FIELDS)
        except FieldProblem as problem:
            problems.append(str(problem))
    # A field with a wrong name is likely to be the one that is missing.
    lacks = not problems
    iam = _read("iam", lambda: flag(value.get("iam", False)), False, problems)
    username = _read("username", lambda: text(value.get("username")), "", problems)
    if username and (reason := username_problem(username, iam=iam)):
        problems.append(f"username {username!r}: {reason}")
    has_secret = value.get("secret_id") is not None
    secret_id = _read("secret_id", lambda: text(value["secret_id"]), None, problems) if has_secret else None
    if iam == has_secret and lacks:
        problems.append("it needs either secret_id or iam: true")
    # null is the same as no field at all.
    access = Access.READ_ONLY
    if value.get("access") is not None:
        access = _read("access", lambda: Access(one_of(*Access)(value["access"])), access, problems)
    host = ANY_HOST
    # In small letters, as MySQL keeps it.
    if value.get("host") is not None:
        host = _read("host", lambda: text(value["host"]).lower(), host, problems)
    if reason := host_problem(host):
        problems.append(f"host: {reason}")
    databases: tuple[str, ...] = ()
    databases = _read("databases", lambda: texts(value.get("databases") or ()), databases, problems)
    if problems:
        raise FieldProblem(*problems)
    return DbUser(username, access, secret_id, iam, databases, host=host)


def _read(name: str, parse: Callable[[], Value], instead: Value, problems: list[str]) -> Value:
    """One field of a user; what is wrong with it is added to the problems, and a default is taken instead."""
    try:
        return parse()
    except FieldProblem as problem:
        problems.append(f"{name}: {problem}")
        return instead
