"""Frozen values that are cheap to load, instead of `dataclass`, which compiles six methods for each class.

A function pays for that at every cold start: for the acts alone, a tenth of what loading boto3 costs.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, field
from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value:
    """Its fields are declared as those of a dataclass, and given by position or by name."""

    FIELDS: ClassVar[Mapping[str, Any]] = {}
    POSITIONAL: ClassVar[tuple[str, ...]] = ()
    # Acts hold maps, which have no hash.
    __hash__ = None  # type: ignore[assignment]

    def __init_subclass__(cls) -> None:
        """Collect the fields: what is annotated, and not as a ClassVar."""
        own: dict[str, Any] = {}
        for name, hint in inspect.get_annotations(cls).items():
            if not str(hint).startswith("ClassVar"):
                declared = cls.__dict__.get(name, MISSING)
                own[name] = declared if isinstance(declared, Field) else field(default=declared)
        cls.FIELDS = {**cls.FIELDS, **own}
        cls.POSITIONAL = tuple(name for name, each in cls.FIELDS.items() if each.kw_only is not True)

    def __init__(self, *values: Any, **named: Any) -> None:
        kind, given = type(self), {**dict(zip(self.POSITIONAL, values, strict=False)), **named}
        unknown = len(values) > len(self.POSITIONAL) or given.keys() - self.FIELDS.keys()
        defaults = {
            name: each.default if each.default_factory is MISSING else each.default_factory()
            for name, each in self.FIELDS.items()
            if name not in given
        }
        # A field that is given by position and by name is in `given` once.
        is_given_twice = len(given) != len(values) + len(named)
        if unknown or is_given_twice or any(value is MISSING for value in defaults.values()):
            raise TypeError(f"{kind.__name__}{(*values, *named)} is not made of {list(self.FIELDS)}")
        self.__dict__.update(defaults | given)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is not changed in place")

    def __repr__(self) -> str:
        """Without what is secret."""
        shown = (f"{name}={getattr(self, name)!r}" for name, each in self.FIELDS.items() if each.repr)
        return f"{type(self).__name__}({', '.join(shown)})"
