"""How each kind of field of a request is read. Each parser raises `FieldProblem` with what is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aurora_restore.domain.naming import AWS_TAG_PREFIXES, OUR_TAG_PREFIX, OUR_TAGS_MOST, TAGS_MOST

SERVERLESS_FIELDS = ("min_capacity", "max_capacity", "seconds_until_auto_pause")
# No name and no ARN of AWS is longer.
TEXT_MAX_LENGTH = 2048
Choice = TypeVar("Choice", str, int)
AnyParser = Callable[[Any], Any]


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
    # A string is a sequence, too: of its letters.
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
        # In Python `true` is a whole number, in JSON it is not.
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


def one_of(*choices: Choice) -> Callable[[Any], Choice]:
    def parse(value: Any) -> Choice:
        # `true` equals 1, and would be found among numbers.
        if value not in choices or isinstance(value, bool):
            raise FieldProblem(f"must be one of {', '.join(map(str, choices))}")
        return choices[choices.index(value)]

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
    # The pipeline's own tags need room beside them, at the restore and at a later replacement.
    if len(value) > TAGS_MOST - OUR_TAGS_MOST:
        raise FieldProblem(f"at most {TAGS_MOST - OUR_TAGS_MOST} tags are possible")
    return dict(value)


def serverless_v2(value: Any) -> Mapping[str, float]:
    known(value, SERVERLESS_FIELDS)
    numbers = {name: number for name, number in value.items() if isinstance(number, int | float)}
    if not {"min_capacity", "max_capacity"} <= set(numbers) or len(numbers) != len(value):
        raise FieldProblem("must be an object with the numbers min_capacity and max_capacity")
    # 0 lets the instances pause, and Aurora has at most 256 capacity units.
    if not 0 <= numbers["min_capacity"] <= numbers["max_capacity"] <= 256:
        raise FieldProblem("capacities go from 0 to 256, the smaller first")
    return numbers


def known(value: Any, names: Sequence[str]) -> None:
    """Refuse what is not an object, or has a field that is not among `names`."""
    if not isinstance(value, Mapping):
        raise FieldProblem("must be an object")
    for name in value:
        if name not in names:
            nearest = difflib.get_close_matches(str(name), names, n=1)
            guess = f"; did you mean {nearest[0]}?" if nearest else f"; the fields are {', '.join(names)}"
            raise FieldProblem(f"{name} is not a field here{guess}")
