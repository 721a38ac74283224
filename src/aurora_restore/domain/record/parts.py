"""How a part of a record is declared, read and changed.

A part is a class whose fields are those of a map in the record, declared as those of a frozen dataclass are. Reading
is lenient: records are edited by hand and were written by other versions, so that a field which is missing or has a
value of another type is read as its default. A field is read when it is asked for. What a version does not know stays
in the record, since changes name single fields.

    class Retirement(Part, path="retirement"):
        state: RetirementState | None = None
        keep_until: datetime | None = None

    Retirement.read(item["retirement"]).keep_until
    changed(Retirement, state=RetirementState.KEPT, keep_until=until)

`Part` takes the place of `dataclasses`, which compiles the methods of each class when a function is loaded: for all
the parts of a record that costs more than the rest of the function.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, NoReturn, ParamSpec, Self

from aurora_restore.domain.times import format_time, parse_time

P = ParamSpec("P")
# What an update of a record sets: values by their paths.
Changes = dict[str, Any]
# The default of a field that is a map.
NOTHING: Mapping[str, Any] = types.MappingProxyType({})
# Where an instance keeps the map that it was read from; no field of a record begins with an underscore.
_ITEM = "_item"
# None is a value that a record can have, so that it cannot say that there is none to be read.
_UNREADABLE = object()
# Answers a value as the type that it is for, or `_UNREADABLE`.
_Reader = Callable[[Any], Any]


class _Field:
    """A field of a part, and the descriptor that reads it when it is asked for.

    The value is kept in the instance, which hides the descriptor from then on.
    """

    def __init__(
        self,
        default: Any,
        *,
        key: str = "",
        former_keys: tuple[str, ...] = (),
        is_optional: bool = False,
        reader: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        self.name = ""
        self.key = key
        self.default = default
        self.former_keys = former_keys
        self.is_optional = is_optional
        self.reader = reader
        # Made when the field is read first: most functions read few of them.
        self._read_value: _Reader | None = None

    def __set_name__(self, kind: type[Part], name: str) -> None:
        self.name = name
        self.key = self.key or name

    def __get__(self, found: Part | None, kind: type[Part]) -> Any:
        if found is None:
            return self
        # Only a part that was read gets here: one that a program made has all of its values.
        value = found.__dict__[self.name] = self._read(found.__dict__[_ITEM], kind)
        return value

    def _read(self, item: Mapping[str, Any], kind: type[Part]) -> Any:
        if self.reader:
            return self.reader(item)
        if self._read_value is None:
            hint = _hints(kind)[self.name]
            # A part that is always there is empty where the record has nothing of it.
            is_part = isinstance(hint, type) and issubclass(hint, Part)
            self._read_value = hint.read if is_part else _reader_of(hint)
        key = self.key
        if self.former_keys:
            key = next((key for key in (self.key, *self.former_keys) if key in item), self.key)
        value = self._read_value(item.get(key))
        return self.default if value is _UNREADABLE else value


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
class Part:
    """A map of the record, or the record itself."""

    PATH: ClassVar[str | None] = None
    """Where the record has it; empty for the record itself, None for what is a value in another part."""
    FIELDS: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, *, path: str | None = None) -> None:
        """Every field needs a type and a default."""
        cls.PATH = path
        own = {}
        for name in inspect.get_annotations(cls):
            declared = getattr(cls, name)
            own[name] = declared if isinstance(declared, _Field) else _Field(declared)
            # A plain default becomes a descriptor as well: it must not be found before the record's value.
            own[name].__set_name__(cls, name)
            setattr(cls, name, own[name])
        cls.FIELDS = {**cls.FIELDS, **own}

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - self.FIELDS.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update({name: entry.default for name, entry in self.FIELDS.items()} | values)

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
        if item is not None:
            return item
        # Made by a program: what is optional is left out where it has its default.
        return {
            entry.key: plain(getattr(self, name))
            for name, entry in self.FIELDS.items()
            if not (entry.is_optional and getattr(self, name) == entry.default)
        }

    def having(self, **values: Any) -> Self:
        """The same with other values of these fields."""
        return type(self)(**{name: getattr(self, name) for name in self.FIELDS} | values)

    def __bool__(self) -> bool:
        """Whether the record has anything of it."""
        return bool(self.item)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in self.FIELDS
        )

    # Parts hold maps, which have no hash.
    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is not changed in place: make a change with `changed`")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self.item)})"


def stored_as(key: str, *, default: Any = None) -> Any:
    """An optional field that the record has under another name."""
    return _Field(default, key=key, is_optional=True)


def renamed(*former_keys: str, default: Any = None) -> Any:
    """An optional field that earlier versions wrote under another name: their records are still to be read."""
    return _Field(default, former_keys=former_keys, is_optional=True)


def optional(default: Any = None) -> Any:
    """A field that a part which is written whole leaves out where it has its default."""
    return _Field(default, is_optional=True)


def read_by(reader: Callable[[Mapping[str, Any]], Any], default: Any = None) -> Any:
    """A field that takes more to read than its own value; `reader` gets the item of its part."""
    return _Field(default, reader=reader)


def changed(kind: Callable[P, Part], *_: P.args, **values: P.kwargs) -> Changes:
    """The change that sets these fields of a part, and no other."""
    path = getattr(kind, "PATH", None)
    if path is None:
        raise TypeError(f"{kind} is not a part of the record with a place of its own")
    fields = typing.cast("type[Part]", kind).FIELDS
    prefix = f"{path}." if path else ""
    return {f"{prefix}{fields[name].key}": plain(value) for name, value in values.items()}


def sets(changes: Mapping[str, Any], kind: type[Part], field: str) -> bool:
    """Whether a change sets a field of a part."""
    return f"{kind.PATH}.{kind.FIELDS[field].key}" in changes


def written(whole: Part) -> Changes:
    """The change that puts a whole part in the place of what the record has of it."""
    if not whole.PATH:
        raise TypeError(f"{type(whole)} is not a part of the record with a place of its own")
    return {whole.PATH: plain(whole)}


def plain(value: Any) -> Any:
    """A value in the record's form. A part that was read is written as it was, with what this version does not know."""
    if type(value) is str:
        return value
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


# Resolving the names in annotations takes long, and is needed only for the parts that are read.
_hints: Callable[[Any], Mapping[str, Any]] = functools.cache(typing.get_type_hints)


@functools.cache
def _reader_of(hint: Any) -> _Reader:
    """What reads a value of the type that a field declares."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _READERS:
        return _READERS[hint]
    if origin in (types.UnionType, typing.Union):
        # A field is of one type, or of that and None.
        read = _reader_of(next(each for each in arguments if each is not types.NoneType))
        return lambda value: _UNREADABLE if value is None else read(value)
    if origin is tuple:
        return functools.partial(_read_list, arguments[0])
    if origin is not None:
        return functools.partial(_read_map, _reader_of(arguments[1]))
    if issubclass(hint, Part):
        return lambda value: hint.read(value) if isinstance(value, Mapping) else _UNREADABLE
    return functools.partial(_read_with, hint)


def _read_list(hint: Any, value: Any) -> Any:
    """What of a list can be read; a text alone is a list of one."""
    if hint is str and isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list | tuple):
        return _UNREADABLE
    read = _reader_of(hint)
    found = (read(each) for each in value if each is not None)
    return tuple(each for each in found if each is not _UNREADABLE)


def _read_map(read: _Reader, value: Any) -> Any:
    """The entries of a map that can be read."""
    if not isinstance(value, Mapping):
        return _UNREADABLE
    entries = {str(name): read(each) for name, each in value.items()}
    return {name: each for name, each in entries.items() if each is not _UNREADABLE}


def _read_with(reader: Callable[[Any], Any], value: Any) -> Any:
    """What an enum, or the reader of times, makes of a value."""
    try:
        return reader(value)
    except (ValueError, OverflowError):
        return _UNREADABLE


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# A number in place of a text is read as well: a person who edits a record may leave the quotation marks out.
_READERS: Mapping[Any, _Reader] = {
    str: lambda value: str(value) if isinstance(value, str) or _is_number(value) else _UNREADABLE,
    bool: lambda value: value if isinstance(value, bool) else _UNREADABLE,
    int: lambda value: int(value) if _is_number(value) else _UNREADABLE,
    float: lambda value: float(value) if _is_number(value) else _UNREADABLE,
    datetime: lambda value: _read_with(parse_time, value) if isinstance(value, str) else _UNREADABLE,
    Any: lambda value: _UNREADABLE if value is None else value,
}
