"""How far the set-up of database users has come: what the next call goes on from, and what the record keeps of it.

A cluster can have hundreds of databases, and a record has room for 400 KB (DynamoDB's limit for an item), so that the
sentences of the first databases are kept and the others are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.visible_text import storable

DATABASES_IN_FULL_MOST = 20
NAMES_MOST = 100
NOTES_MOST = 100
_LEFT_OUT = "there are more notes than are kept here"


def always() -> bool:
    """For a caller that gives a call all the time that it takes."""
    return True


@dataclass(frozen=True)
class UserProgress:
    """What was done and seen for one user so far.

    Attributes:
        action: created, changed or unchanged.
        database_count: the databases that were processed; `databases` are the names of the first ones.
        checks: what was tried in the first databases, a sentence each.
        refused_count: how many of the databases did not let the user in.
        first_refusal: the first of these databases, and the server's words.
    """

    action: str
    database_count: int = 0
    databases: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused_count: int = 0
    first_refusal: tuple[str, str] | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> UserProgress:
        """Read back what the record of the progress has of one user."""
        refusal = item["first_refusal"]
        return cls(
            action=item["action"],
            database_count=int(item["database_count"]),
            databases=tuple(item["databases"]),
            checks=tuple(item["checks"]),
            notes=tuple(item["notes"]),
            refused_count=int(item["refused_count"]),
            first_refusal=(refusal[0], refusal[1]) if refusal else None,
        )

    def with_notes(self, notes: Iterable[str]) -> UserProgress:
        """The same with these notes too, as far as there is room; a note that is known is not repeated."""
        every = tuple(dict.fromkeys((*self.notes, *map(storable, notes))))
        if len(every) > NOTES_MOST:
            # The last one says that there are more; it was among them already where this is not the first time.
            every = (*[note for note in every if note != _LEFT_OUT][:NOTES_MOST], _LEFT_OUT)
        return replace(self, notes=every)

    def with_database(self, database: str, checks: Iterable[str]) -> UserProgress:
        """The same with one more database that was processed."""
        kept = tuple(map(storable, checks)) if self.database_count < DATABASES_IN_FULL_MOST else ()
        return replace(
            self,
            database_count=self.database_count + 1,
            databases=(*self.databases, storable(database))[:NAMES_MOST],
            checks=self.checks + kept,
        )

    def with_refusal(self, database: str, words: str) -> UserProgress:
        """The same with one more database that did not let the user in."""
        first = self.first_refusal or (storable(database), storable(words))
        return replace(self, refused_count=self.refused_count + 1, first_refusal=first)

    @property
    def database_words(self) -> str:
        """`shop, books and 398 more`."""
        more = self.database_count - len(self.databases)
        return ", ".join(self.databases) + (f" and {more} more" if more else "")

    @property
    def words_for_the_others(self) -> tuple[str, ...]:
        """A sentence for the databases whose checks are not kept one by one."""
        others = self.database_count - DATABASES_IN_FULL_MOST
        return (f"the same was tried in {others} more databases, and held",) if others > 0 else ()


@dataclass(frozen=True)
class SetupProgress:
    """Databases are processed in the order of their oids, up to `after_oid`; `done` of `total` are done.

    Where databases have no oids they are processed in the order of their names, up to `after_name`.
    Each is processed twice: first for the rights of the users, then (`checking`) for the checks by their logins.
    """

    after_oid: int = 0
    done: int = 0
    total: int = 0
    users: Mapping[str, UserProgress] = field(default_factory=dict)
    not_looked_into: tuple[NotLookedInto, ...] = ()
    checking: bool = False
    after_name: str = ""

    @property
    def percent(self) -> int:
        seen = 50 * self.done // self.total if self.total else 0
        return 50 + seen if self.checking else seen

    def with_database_left(self, left: NotLookedInto) -> SetupProgress:
        """The same with one more database in which no user is set up, as far as there is room."""
        kept = NotLookedInto(storable(left.database), storable(left.reason), left.what)
        if kept in self.not_looked_into or len(self.not_looked_into) >= NOTES_MOST:
            return self
        return replace(self, not_looked_into=(*self.not_looked_into, kept))

    def with_user(self, username: str, progress: UserProgress) -> SetupProgress:
        return replace(self, users={**self.users, username: progress})

    def to_item(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> SetupProgress | None:
        """Read back what `to_item` wrote; None where that cannot be read, so that the set-up begins again."""
        # The set-up can be done twice: what was granted is granted again.
        try:
            users = {name: UserProgress.from_item(user) for name, user in item["users"].items()}
            after, done, total = (int(item[name]) for name in ("after_oid", "done", "total"))
            left = tuple(NotLookedInto(**each) for each in item["not_looked_into"])
            return cls(after, done, total, users, left, bool(item["checking"]), item.get("after_name", ""))
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
