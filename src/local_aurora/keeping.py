"""Writes down each change of a world as it happens, and reads the world back after any end of the process."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from local_aurora import state
from local_aurora.journal import Journal
from local_aurora.objects import Event
from local_aurora.world import MAX_EVENTS, Region, World

_Name = tuple[str, ...]
_HEAD: _Name = ("world",)


@dataclass
class _Events:
    """What is written of a Region's events: the last one, and the number of the next."""

    last: Event | None = None
    next_number: int = 0


class WorldKeeper:
    """Keeps one world in a journal. Not thread-safe: the lock of the world's owner guards it.

    Only what changed is written. The pickled fields of an object show whether it changed, which costs a few
    microseconds an object; equal bytes are equal fields, and unequal ones cost no more than a needless write.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seen: dict[str, bytes] = {}
        self._events: dict[str, _Events] = {}

    def saved(self) -> dict[str, Any] | None:
        """What was kept, as `state.load` takes it (passwords included); None where nothing ever was."""
        entries = {tuple(json.loads(name)): json.loads(value) for name, value in self._journal.read().items()}
        if _HEAD not in entries:
            return None
        saved: dict[str, Any] = {**entries.pop(_HEAD), "regions": {}, "transitions": []}
        # Sorted, so that a mapping comes before its entries, and events come in their order.
        for name in sorted(entries):
            if name[0] == "transitions":
                saved["transitions"].append(entries[name])
                continue
            region = saved["regions"].setdefault(name[1], {})
            if len(name) == 3:
                region[name[2]] = entries[name]
            elif name[2] == "events":
                region.setdefault("events", []).append(entries[name])
            else:
                region[name[2]][name[3]] = entries[name]
        return saved

    def keep(self, world: World) -> None:
        """Write what is not as it was written last."""
        changes: dict[str, bytes | None] = {}
        found: dict[str, bytes] = {}
        for name, value in _parts(world):
            key = json.dumps(name)
            held = value
            if is_dataclass(value) and not isinstance(value, type):
                # `work` is what runs for a transition in this very process.
                held = {field: content for field, content in vars(value).items() if field != "work"}
            found[key] = fingerprint = pickle.dumps(held)
            if self._seen.get(key) != fingerprint:
                changes[key] = _encoded(value)
        changes.update(dict.fromkeys(self._seen.keys() - found.keys()))
        for region in world.regions.values():
            changes.update(self._new_events(region))
        self._journal.write(changes)
        self._seen = found

    def _new_events(self, region: Region) -> dict[str, bytes | None]:
        """Events are only ever added, and the oldest ones dropped; so only the new ones are looked at."""
        known = self._events.setdefault(region.name, _Events())
        new = list(itertools.takewhile(lambda event: event is not known.last, reversed(region.events)))[::-1]
        changes: dict[str, bytes | None] = {}
        for event in new:
            changes[_event_name(region, known.next_number)] = _encoded(event)
            # As many as a Region keeps.
            if known.next_number >= MAX_EVENTS:
                changes[_event_name(region, known.next_number - MAX_EVENTS)] = None
            known.last, known.next_number = event, known.next_number + 1
        return changes


def _parts(world: World) -> Iterator[tuple[_Name, Any]]:
    """Everything in a world but the events, each part under a name of its own."""
    yield _HEAD, state.head(world)
    for transition in world.transitions:
        yield ("transitions", f"{transition.number:012d}"), transition
    for region in world.regions.values():
        for entry in fields(region):
            value = getattr(region, entry.name)
            name = ("regions", region.name, entry.name)
            if entry.name == "events":
                continue
            # The mapping comes first, and empty: its entries find their place in it when they are read back.
            if isinstance(value, dict):
                yield name, {}
                for key, held in value.items():
                    yield (*name, str(key)), held
            else:
                yield name, value


def _event_name(region: Region, number: int) -> str:
    return json.dumps(("regions", region.name, "events", f"{number:012d}"))


def _encoded(value: Any) -> bytes:
    return json.dumps(state.plain(value, with_passwords=True)).encode()
