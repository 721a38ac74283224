"""How a part of a record is declared, read and changed.

A part is a frozen dataclass whose fields are those of a map in the record. Reading is lenient: records are edited by
hand and were written by other versions, so that a field which is missing or has a value of another type is read as
its default. A field is read when it is asked for. What a version does not know stays in the record, since changes
name single fields.

    @part("retirement")
    class Retirement(Part):
        state: RetirementState | None = None
        keep_until: datetime | None = None

    Retirement.read(item["retirement"]).keep_until
    changed(Retirement, state=RetirementState.KEPT, keep_until=until)
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, ParamSpec, Self, TypeVar

from aurora_restore.domain.times import format_time, parse_time

P = ParamSpec("P")
T = TypeVar("T")
Made = TypeVar("Made", bound="Part")
Changes = dict[str, Any]
"""What an update of a record sets: values by their paths."""

_KEY, _FORMER, _OPTIONAL, _READ = "key", "former", "optional", "read"
_ITEM = "_item"
_UNREADABLE = object()


class Part:
    """A map of the record, or the record itself."""

    PATH: ClassVar[str | None] = None
    """Where the record has it; empty for the record itself, None for what is a value in another part."""

    @classmethod
    def read(cls, item: object) -> Self:
        """From what the record has, whatever that is."""
        found = object.__new__(cls)
        found.__dict__[_ITEM] = item if isinstance(item, Mapping) else {}
        return found

    @property
    def item(self) -> Mapping[str, Any]:
        """As the record has it, with fields that this version does not know."""
        item: Mapping[str, Any] | None = self.__dict__.get(_ITEM)
        return _fields_as_item(self) if item is None else item

    def __bool__(self) -> bool:
        """Whether the record has anything of it."""
        return bool(self.item)


@typing.dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def part(path: str | None = None) -> Callable[[type[Made]], type[Made]]:
    """A part of the record, at a path; a part without one is a value in another part."""

    def declare(kind: type[Made]) -> type[Made]:
        made = dataclasses.dataclass(frozen=True)(kind)
        made.PATH = path
        for entry in dataclasses.fields(made):  # type: ignore[arg-type]
            setattr(made, entry.name, _ReadWhenAskedFor(entry))
        return made

    return declare


class _ReadWhenAskedFor:
    """A field of a part that was read. The value is kept in the instance, which hides this descriptor from then on."""

    def __init__(self, entry: dataclasses.Field[Any]) -> None:
        self._entry = entry

    def __get__(self, found: Part | None, kind: type[Part]) -> Any:
        if found is None:
            raise AttributeError(self._entry.name)
        value = _read_field(kind, self._entry, found.item)
        found.__dict__[self._entry.name] = value
        return value


def stored_as(key: str, *, former: tuple[str, ...] = (), default: Any = None) -> Any:
    """An optional field that the record has under another name; `former`: its names in earlier versions."""
    return _field(default, {_KEY: key, _FORMER: former, _OPTIONAL: True})


def optional(default: Any = None) -> Any:
    """A field that a part which is written whole leaves out where it has its default."""
    return _field(default, {_OPTIONAL: True})


def read_by(reader: Callable[[Mapping[str, Any]], Any], default: Any = None) -> Any:
    """A field that takes more to read than its own value; `reader` gets the item of its part."""
    return _field(default, {_READ: reader})


def _field(default: Any, metadata: Mapping[str, Any]) -> Any:
    if default is dict:
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _default(entry: dataclasses.Field[Any]) -> Any:
    return entry.default_factory() if callable(entry.default_factory) else entry.default


def changed(kind: Callable[P, Part], *_: P.args, **values: P.kwargs) -> Changes:
    """The change that sets these fields of a part, and no other."""
    path = getattr(kind, "PATH", None)
    if path is None:
        raise TypeError(f"{kind} is not a part of the record with a place of its own")
    keys = _keys(kind)
    return {f"{path}.{keys[name]}" if path else keys[name]: plain(value) for name, value in values.items()}


def written(whole: Part) -> Changes:
    """The change that puts a whole part in the place of what the record has of it."""
    if not whole.PATH:
        raise TypeError(f"{type(whole)} is not a part of the record with a place of its own")
    return {whole.PATH: plain(whole)}


def plain(value: Any) -> Any:
    """A value in the record's form. A part that was read is written as it was, with what this version does not know."""
    if isinstance(value, Part):
        return dict(value.item)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(inner) for inner in value]
    return value


def _fields_as_item(made: Part) -> dict[str, Any]:
    item = {}
    for entry in dataclasses.fields(made):  # type: ignore[arg-type]
        value = getattr(made, entry.name)
        is_left_out = entry.metadata.get(_OPTIONAL) and value == _default(entry)
        if not is_left_out:
            item[entry.metadata.get(_KEY, entry.name)] = plain(value)
    return item


@functools.cache
def _keys(kind: Any) -> Mapping[str, str]:
    """The names under which the record has the fields of a part."""
    return {entry.name: entry.metadata.get(_KEY, entry.name) for entry in dataclasses.fields(kind)}


@functools.cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _read_field(kind: Any, entry: dataclasses.Field[Any], item: Mapping[str, Any]) -> Any:
    if reader := entry.metadata.get(_READ):
        return reader(item)
    names = (entry.metadata.get(_KEY, entry.name), *entry.metadata.get(_FORMER, ()))
    name = next((name for name in names if name in item), None)
    value, hint = None if name is None else item[name], _hints(kind)[entry.name]
    if isinstance(hint, type) and issubclass(hint, Part):
        # A part that is always there is empty where the record has nothing of it.
        return hint.read(value)
    value = _read_value(hint, value)
    return _default(entry) if value is _UNREADABLE else value


def _read_value(hint: Any, value: Any) -> Any:
    """A value as the type that a field declares, or `_UNREADABLE`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        present = [each for each in arguments if each is not types.NoneType]
        return _read_value(present[0], value) if value is not None else _UNREADABLE
    if origin is tuple:
        return _read_list(arguments[0], value)
    if origin is not None:
        return _read_map(arguments[1], value)
    if hint in _READERS:
        return _READERS[hint](value)
    if issubclass(hint, Part):
        return hint.read(value) if isinstance(value, Mapping) else _UNREADABLE
    return _read_enum(hint, value)


def _read_list(hint: Any, value: Any) -> Any:
    """What of a list can be read; a text alone is a list of one."""
    if hint is str and isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list | tuple):
        return _UNREADABLE
    found = (_read_value(hint, each) for each in value if each is not None)
    return tuple(each for each in found if each is not _UNREADABLE)


def _read_map(hint: Any, value: Any) -> Any:
    """What of a map can be read."""
    if not isinstance(value, Mapping):
        return _UNREADABLE
    found = {str(name): _read_value(hint, each) for name, each in value.items()}
    return {name: each for name, each in found.items() if each is not _UNREADABLE}


def _read_enum(kind: type[Enum], value: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        return _UNREADABLE


def _read_text(value: Any) -> Any:
    return str(value) if isinstance(value, str) or _is_number(value) else _UNREADABLE


def _read_flag(value: Any) -> Any:
    return value if isinstance(value, bool) else _UNREADABLE


def _read_time(value: Any) -> Any:
    try:
        return parse_time(value) if isinstance(value, str) else _UNREADABLE
    except (ValueError, OverflowError):
        return _UNREADABLE


def _read_whole_number(value: Any) -> Any:
    return int(value) if _is_number(value) else _UNREADABLE


def _read_number(value: Any) -> Any:
    return float(value) if _is_number(value) else _UNREADABLE


def _is_number(value: Any) -> bool:
    """DynamoDB's numbers may be decimals."""
    return hasattr(value, "as_integer_ratio") and not isinstance(value, bool)


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _read_text,
    bool: _read_flag,
    int: _read_whole_number,
    float: _read_number,
    datetime: _read_time,
    Any: lambda value: _UNREADABLE if value is None else value,
}
