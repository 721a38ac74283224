"""The world as JSON, and back: what is shown of it, and what is kept between two runs of the local stack."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar

from local_aurora.objects import GlobalCluster
from local_aurora.timing import Durations, Habits, Transition
from local_aurora.world import Quotas, Region, World

FORMAT = 2
_PASSWORDS = frozenset({"master_password", "pending_password"})
_LEFT_OUT = frozenset({"work"})
_TIME = "$time"

_Made = TypeVar("_Made")


def save(world: World) -> dict[str, Any]:
    """Everything but passwords."""
    return {
        **head(world),
        "regions": plain(world.regions),
        "transitions": plain(world.transitions),
    }


def head(world: World) -> dict[str, Any]:
    """What belongs to no Region, and is not under way."""
    return {
        "format": FORMAT,
        "account_id": world.account_id,
        "seed": world.ids.seed,
        "ids_made": world.ids.made,
        "begun": world.begun,
        "durations": plain(world.durations),
        "quotas": plain(world.quotas),
        "habits": plain(world.habits),
        "global_clusters": plain(world.global_clusters),
    }


def load(world: World, saved: Mapping[str, Any]) -> None:
    """Replace what `world` holds.

    Raises:
        ValueError: saved in another format, or for another account.
    """
    if saved.get("format") != FORMAT or saved.get("account_id") != world.account_id:
        raise ValueError(
            f"The saved state has format {saved.get('format')} and account {saved.get('account_id')}; this local "
            f"Aurora reads format {FORMAT} of account {world.account_id}. Start afresh without it."
        )
    world.ids.seed, world.ids.made, world.begun = saved["seed"], saved["ids_made"], saved["begun"]
    world.durations = _made(Durations, saved["durations"])
    world.quotas = _made(Quotas, saved["quotas"])
    world.habits = _made(Habits, saved["habits"])
    world.regions.update({name: _made(Region, region) for name, region in saved["regions"].items()})
    world.global_clusters = {
        name: _made(GlobalCluster, group) for name, group in saved["global_clusters"].items()
    }
    world.transitions = [_made(Transition, transition) for transition in saved["transitions"]]


def plain(value: Any, with_passwords: bool = False) -> Any:
    """As JSON takes it. With passwords it is for the stack's own files, and never shown."""
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    if is_dataclass(value) and not isinstance(value, type):
        left_out = _LEFT_OUT if with_passwords else _LEFT_OUT | _PASSWORDS
        kept = [entry.name for entry in fields(value) if entry.name not in left_out]
        return {name: plain(getattr(value, name), with_passwords) for name in kept}
    if isinstance(value, Mapping):
        return {str(key): plain(entry, with_passwords) for key, entry in value.items()}
    # Sorted, so that equal worlds have equal states.
    if isinstance(value, set | frozenset):
        return [plain(entry, with_passwords) for entry in sorted(value)]
    if isinstance(value, list | tuple):
        return [plain(entry, with_passwords) for entry in value]
    return value


def _made(kind: type[_Made], saved: Mapping[str, Any]) -> _Made:
    # A field that was added since has its default.
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in saved.items()})


def _value(hint: Any, saved: Any) -> Any:
    """`saved` as the type that a field of a dataclass declares."""
    if isinstance(saved, Mapping) and _TIME in saved:
        return datetime.fromisoformat(saved[_TIME])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if saved is None:
        return None
    # All unions in the fields are with None.
    if origin in (types.UnionType, typing.Union):
        return _value(next(kind for kind in arguments if kind is not type(None)), saved)
    if is_dataclass(hint) and isinstance(hint, type):
        return _made(hint, saved)
    if origin in (list, set, tuple):
        return origin(_value(arguments[0], entry) for entry in saved)
    if origin is dict:
        return {key: _value(arguments[1], entry) for key, entry in saved.items()}
    if isinstance(saved, list):
        return [_value(Any, entry) for entry in saved]
    return hint(saved) if isinstance(hint, type) and issubclass(hint, str) else saved
