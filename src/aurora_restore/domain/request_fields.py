"""How each kind of field of a request is read. Each parser raises `FieldFault` with what is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aurora_restore.domain.naming import AWS_TAG_PREFIXES, OUR_TAG_PREFIX, OUR_TAGS_MOST, TAGS_MOST
from aurora_restore.domain.users import Access, DbUser, username_fault

DB_USER_FIELDS = ("username", "secret_id", "iam", "access", "databases")
SERVERLESS_FIELDS = ("min_capacity", "max_capacity", "seconds_until_auto_pause")
TEXT_MAX_LENGTH = 2048


class FieldFault(ValueError):
    """What is wrong with a field's value, without the field's name."""


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldFault("a text is wanted")
    if len(value) > TEXT_MAX_LENGTH:
        raise FieldFault(f"{TEXT_MAX_LENGTH} characters are the most")
    return value


def identifier(value: Any) -> str:
    """The name of something in RDS, which keeps names in small letters."""
    return text(value).lower()


def region(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", name):
        raise FieldFault(f"{name!r} is no name of a Region, such as us-east-1")
    return name


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldFault("a list of texts is wanted")
    found = tuple(text(item) for item in value)
    if len(set(found)) != len(found):
        raise FieldFault("the list names something twice")
    return found


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FieldFault("true or false is wanted, without quotation marks")
    return value


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise FieldFault(f"a whole number from {least} to {most} is wanted")
        return value

    return parse


def number(least: float, most: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise FieldFault(f"a number from {least:g} to {most:g} is wanted")
        return value

    return parse


def one_or_more_of(choices: Sequence[str]) -> Callable[[Any], tuple[str, ...]]:
    def parse(value: Any) -> tuple[str, ...]:
        found = texts(value)
        for name in found:
            if name not in choices:
                nearest = difflib.get_close_matches(name, choices, n=1)
                guess = f"; did you mean {nearest[0]}?" if nearest else f"; there are {', '.join(choices)}"
                raise FieldFault(f"{name} is no field of a cluster that is compared{guess}")
        return found

    return parse


def one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise FieldFault(f"one of {', '.join(choices)} is wanted")
        return str(value)

    return parse


def engine_version(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"\d+\.\d+(\.[\w.-]+)?", name):
        raise FieldFault("a version such as 16.4 is wanted")
    return name


def instance_class(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"db\.[a-z0-9-]+(\.[a-z0-9-]+)?", name):
        raise FieldFault("an instance class such as db.r5.large is wanted")
    return name


def tags(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise FieldFault("an object of texts is wanted")
    for key in value:
        if key.lower().startswith((*AWS_TAG_PREFIXES, OUR_TAG_PREFIX)):
            raise FieldFault(f"the tag {key} begins with a prefix that is not yours to give")
    if len(value) > TAGS_MOST - OUR_TAGS_MOST:
        raise FieldFault(f"at most {TAGS_MOST - OUR_TAGS_MOST} tags are possible")
    return dict(value)


def serverless_v2(value: Any) -> Mapping[str, float]:
    known(value, SERVERLESS_FIELDS)
    numbers = {name: number for name, number in value.items() if isinstance(number, int | float)}
    if not {"min_capacity", "max_capacity"} <= set(numbers) or len(numbers) != len(value):
        raise FieldFault("an object with the numbers min_capacity and max_capacity is wanted")
    if not 0 <= numbers["min_capacity"] <= numbers["max_capacity"] <= 256:
        raise FieldFault("capacities go from 0 to 256, the smaller first")
    return numbers


def db_users(value: Any) -> tuple[DbUser, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldFault("a list of users is wanted")
    return tuple(_db_user(item) for item in value)


def known(value: Any, names: Sequence[str]) -> None:
    """Refuse what is no object, or has a field that is not among `names`."""
    if not isinstance(value, Mapping):
        raise FieldFault("an object is wanted")
    for name in value:
        if name not in names:
            nearest = difflib.get_close_matches(str(name), names, n=1)
            guess = f"; did you mean {nearest[0]}?" if nearest else f"; the fields are {', '.join(names)}"
            raise FieldFault(f"{name} is not a field here{guess}")


def _db_user(value: Any) -> DbUser:
    known(value, DB_USER_FIELDS)
    iam = flag(value.get("iam", False))
    username = text(value.get("username"))
    if reason := username_fault(username, iam=iam):
        raise FieldFault(f"username {username!r}: {reason}")
    secret_id = text(value["secret_id"]) if value.get("secret_id") is not None else None
    if iam == (secret_id is not None):
        raise FieldFault(f"user {username!r} needs either secret_id or iam: true")
    access = one_of(*Access)(value.get("access", Access.READ_ONLY.value))
    return DbUser(username, Access(access), secret_id, iam, texts(value.get("databases") or ()))
