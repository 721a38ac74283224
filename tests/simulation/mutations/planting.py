"""Planting a bug into the pipeline while it is loaded: a function, a method, a property or a constant is replaced.

A bug names what it replaces (`module:qualified.name`, below `aurora_restore`), so that it outlives changes of lines;
one that finds nothing there, or changes nothing, is refused. What is planted stays: plant in a process of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

PACKAGE = "aurora_restore"


class NothingPlantedError(Exception):
    """A bug that has no place in the code any more: what it replaces has another name, or is what it makes of it."""


@dataclass
class Planted:
    """What was planted. `calls`: how often it was reached; None for a constant, whose reads are not seen."""

    place: str
    calls: int | None

    def require_reached(self) -> None:
        """Raises NothingPlantedError."""
        if self.calls == 0:
            raise NothingPlantedError(f"{self.place} was replaced, and never called.")


def plant(place: str, make: Callable[[Any], Any]) -> Planted:
    """Replace what is at a place by what `make` makes of it.

    For a function, `make` is given the original and gives what is called instead, by everyone who refers to it.

    Raises:
        NothingPlantedError: there is nothing at the place, or `make` changes nothing.
    """
    found = found_at(place)
    function = _function_in(found)
    if function is not None:
        return _plant_function(place, function, make)
    _plant_constant(place, place.replace(":", ".").rpartition(".")[2], found, make(found))
    return Planted(place, None)


def found_at(place: str) -> Any:
    """The function or constant at a place. Raises NothingPlantedError where there is none."""
    module_name, _, path = place.partition(":")
    try:
        holder: Any = importlib.import_module(f"{PACKAGE}.{module_name}")
        *outer, name = path.split(".")
        for each in outer:
            holder = getattr(holder, each)
        return vars(holder)[name]
    except (ImportError, AttributeError, KeyError) as missing:
        raise NothingPlantedError(f"{place} does not exist: {missing!r}") from missing


def _function_in(found: Any) -> FunctionType | None:
    """The function itself, or that of a property, a class method or a static method."""
    inner = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    return inner if isinstance(inner, FunctionType) else None


def _plant_function(place: str, function: FunctionType, make: Callable[[Any], Any]) -> Planted:
    """The code is replaced, and not the name, so that it is another one also where the function was imported before."""
    if function.__closure__:
        raise NothingPlantedError(f"{place} is made by another function, which is where to plant.")
    original = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__
    replacement, planted = make(original), Planted(place, 0)

    def counted(*args: Any, **kwargs: Any) -> Any:
        assert planted.calls is not None
        planted.calls += 1
        return replacement(*args, **kwargs)

    name = f"_planted_at_{id(function)}"
    function.__globals__[name] = counted
    function.__code__ = _calls_planted.__code__.replace(co_names=(name,))
    function.__defaults__ = function.__kwdefaults__ = None
    return planted


def _calls_planted(*args: Any, **kwargs: Any) -> Any:
    """Its code is given to the replaced function, with the name under which the other one lies in its module."""
    return planted(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821


def _plant_constant(place: str, name: str, found: Any, other: Any) -> None:
    if other == found:
        raise NothingPlantedError(f"{place} would be what it is already.")
    if isinstance(found, dict):
        found.clear()
        found.update(other)
        return
    for module in [each for each in sys.modules.values() if each.__name__.startswith(PACKAGE)]:
        if vars(module).get(name) is found:
            setattr(module, name, other)
