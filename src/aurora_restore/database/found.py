"""What a survey gathers, whichever the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from aurora_restore.domain.came_along import Finding, Kind, NotLookedInto
from aurora_restore.domain.defusing import Fuse


@dataclass
class Found:
    """What a question found: things by name, their number beyond what is named, fuses, and what it could not see."""

    things: list[Finding] = field(default_factory=list)
    unnamed: dict[Kind, int] = field(default_factory=dict)
    fuses: list[Fuse] = field(default_factory=list)
    not_seen: list[NotLookedInto] = field(default_factory=list)

    def count_rest(self, kind: Kind, total: int, named: int) -> None:
        if total > named:
            self.unnamed[kind] = self.unnamed.get(kind, 0) + total - named

    def add(self, other: Found) -> None:
        self.things += other.things
        self.fuses += other.fuses
        self.not_seen += other.not_seen
        for kind, count in other.unnamed.items():
            self.unnamed[kind] = self.unnamed.get(kind, 0) + count
