"""What of a restored copy would act by itself, what is done about it, and how it is taken back.

A fuse is written into the record before it is taken out. Its statements are those of one transaction, so that
it is seen either as it came along or as it was left, and never in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.came_along import CameAlong, Kind
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.outward import OutwardConnections
from aurora_restore.domain.visible_text import storable

FUSES_PER_CALL = 100
"""How many are taken out in one call of the step: the next call goes on."""

_NAMES_IN_A_MESSAGE = 5


QUIETED = frozenset({Kind.SUBSCRIPTION, Kind.LOGICAL_SLOT, Kind.CRON_JOB})


@dataclass(frozen=True)
class Fuse:
    """One thing to be defused.

    `database` and `name` are for people; `before` is its state as it came along. `connect_to`: the database in
    which the statements are run, empty where any will do; `owner`: the role that may run them, empty for the
    master itself. `acts`: whether it does something by itself in this cluster. `unreachable`: why it cannot be
    taken out at all.
    """

    kind: Kind
    database: str
    name: str
    before: Mapping[str, Any]
    statements: tuple[str, ...]
    take_back: tuple[str, ...]
    connect_to: str = ""
    owner: str = ""
    acts: bool = False
    unreachable: str = ""

    @property
    def key(self) -> str:
        """The same for the same thing in the same state: writing it twice changes nothing."""
        parts = "\0".join([self.kind, self.database, self.name, *self.take_back])
        return "f" + hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def to_item(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "database": self.database,
            "name": self.name,
            "acts": self.acts,
            "before": dict(self.before),
            "done_with": [storable(each) for each in self.statements],
            "take_back": list(self.take_back),
        }


@dataclass(frozen=True)
class Refusal:
    """A fuse that could not be taken out, and the server's words."""

    fuse: Fuse
    reason: str

    @property
    def sentence(self) -> str:
        where = f" in {self.fuse.database}" if self.fuse.database else ""
        return f"{self.fuse.kind.replace('_', ' ')} {self.fuse.name}{where}: {self.reason}"


@dataclass(frozen=True)
class Survey:
    """All that was seen, and the fuses that are in it now."""

    came_along: CameAlong
    fuses: tuple[Fuse, ...] = ()


def chosen_fuses(
    fuses: Sequence[Fuse], *, quiet_start: bool, outward_connections: OutwardConnections
) -> tuple[Fuse, ...]:
    """Those that this run takes out, what acts before what does not."""
    kinds = set(QUIETED) if quiet_start else set()
    if outward_connections is OutwardConnections.CUT:
        kinds.add(Kind.USER_MAPPING)
    chosen = [fuse for fuse in fuses if fuse.kind in kinds]
    return tuple(sorted(chosen, key=lambda fuse: not fuse.acts))


def written(fuses: Iterable[Fuse], record: Mapping[str, Any], time: str) -> dict[str, Any]:
    """The changes of the record that say what is about to be done. What is written already stays as it is.

    `record` is the record's section `defused`.
    """
    standing = record.get("written") or {}
    return {
        f"defused.written.{fuse.key}": {**fuse.to_item(), "time": time}
        for fuse in fuses
        if fuse.key not in standing
    }


def first_states(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was written down in the section `defused`, in its order: the first state of each thing, and no later one."""
    first: dict[tuple[str, str, str], dict[str, Any]] = {}
    for item in sorted((record.get("written") or {}).values(), key=lambda item: str(item["time"])):
        first.setdefault((item["kind"], item["database"], item["name"]), dict(item))
    return list(first.values())


def rest_lines(record: Mapping[str, Any], names_most: int = 3) -> list[str]:
    """One short line for each kind that was put to rest, from a record's section `defused`."""
    refused = record.get("refused") or {}
    names: dict[str, list[str]] = {}
    for state in first_states({"written": _without(record.get("written") or {}, refused)}):
        names.setdefault(state["kind"].replace("_", " "), []).append(state["name"])
    return [
        f"{kind}: {', '.join(of_kind[:names_most])}"
        + (f" and {len(of_kind) - names_most} more" if len(of_kind) > names_most else "")
        for kind, of_kind in names.items()
    ]


def _without(entries: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: entry for key, entry in entries.items() if key not in set(keys)}


def refuse_what_still_acts(refusals: Sequence[Refusal]) -> None:
    """Refuse a copy that would act by itself although it was to be quiet.

    Raises:
        CopyNotQuiet: names what still acts, with the server's words.
    """
    acting = [refusal for refusal in refusals if refusal.fuse.acts]
    if not acting:
        return
    named = "; ".join(refusal.sentence for refusal in acting[:_NAMES_IN_A_MESSAGE])
    more = len(acting) - _NAMES_IN_A_MESSAGE
    raise CopyNotQuiet(
        f"The copy would act by itself, and this could not be ended: {named}"
        + (f"; and {more} more." if more > 0 else ".")
    )
