"""What came along with a snapshot apart from rows: things that act, that lead out, or that hold something up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora_restore.domain.record import CameAlongRecord, FindingState

# How many of a kind are named: the record has room for 400 kB, and a list is for reading.
NAMED_PER_KIND = 12
# In letters: one signature with a hundred arguments, or one long answer, would fill the record.
LONGEST_NAME, LONGEST_WORDS, LONGEST_STATEMENT = 200, 300, 600
# A part of a database that is not looked into: row security hides them from the master user.
HIDDEN_JOBS = "jobs of other users"


class Kind(StrEnum):
    """In the order in which they are listed: first what acts by itself, last what only waits to be found."""

    SUBSCRIPTION = "subscription"
    REPLICATION_CHANNEL = "replication_channel"
    CRON_JOB = "cron_job"
    EVENT = "event"
    LOGICAL_SLOT = "logical_slot"
    PHYSICAL_SLOT = "physical_slot"
    PREPARED_TRANSACTION = "prepared_transaction"
    FOREIGN_SERVER = "foreign_server"
    USER_MAPPING = "user_mapping"
    CALLING_EXTENSION = "calling_extension"
    PUBLICATION = "publication"
    EVENT_TRIGGER = "event_trigger"
    DEFINER_FUNCTION = "definer_function"
    DEFINER_ROUTINE = "definer_routine"
    MISSING_DEFINER = "missing_definer"
    SETTING = "setting"
    CLOSED_DATABASE = "closed_database"
    LARGE_OBJECTS = "large_objects"
    INVALID_INDEX = "invalid_index"
    COLLATION = "collation"


# Seen from any database, and so asked for in each call of a survey; all others are seen in one database each.
OF_THE_CLUSTER = frozenset(
    {
        Kind.SUBSCRIPTION,
        Kind.REPLICATION_CHANNEL,
        Kind.LOGICAL_SLOT,
        Kind.PHYSICAL_SLOT,
        Kind.PREPARED_TRANSACTION,
        Kind.SETTING,
        Kind.CLOSED_DATABASE,
    }
)
_KINDS = frozenset(kind.value for kind in Kind)
# Parts of a database that were not seen, and in which there could be jobs that act.
PARTS_WITH_JOBS = (HIDDEN_JOBS, Kind.CRON_JOB.replace("_", " "))
# What acts by itself and belongs to the whole cluster, as a part that was not seen.
PARTS_THAT_ACT = frozenset(
    kind.replace("_", " ") for kind in (Kind.SUBSCRIPTION, Kind.REPLICATION_CHANNEL, Kind.EVENT)
)

# One of a kind, and several of it.
_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.SUBSCRIPTION: ("subscription", "subscriptions"),
    Kind.REPLICATION_CHANNEL: ("replication channel", "replication channels"),
    Kind.CRON_JOB: ("job of pg_cron", "jobs of pg_cron"),
    Kind.EVENT: ("enabled event", "enabled events"),
    Kind.LOGICAL_SLOT: ("logical replication slot", "logical replication slots"),
    Kind.PHYSICAL_SLOT: ("physical replication slot", "physical replication slots"),
    Kind.PREPARED_TRANSACTION: ("prepared transaction", "prepared transactions"),
    Kind.FOREIGN_SERVER: ("foreign server", "foreign servers"),
    Kind.USER_MAPPING: ("user mapping", "user mappings"),
    Kind.CALLING_EXTENSION: ("extension that can call out", "extensions that can call out"),
    Kind.PUBLICATION: ("publication", "publications"),
    Kind.EVENT_TRIGGER: ("event trigger", "event triggers"),
    Kind.DEFINER_FUNCTION: (
        "SECURITY DEFINER function open to PUBLIC",
        "SECURITY DEFINER functions open to PUBLIC",
    ),
    Kind.DEFINER_ROUTINE: ("SQL SECURITY DEFINER routine", "SQL SECURITY DEFINER routines"),
    Kind.MISSING_DEFINER: ("object of a missing definer", "objects of missing definers"),
    Kind.SETTING: ("setting of a role or database", "settings of roles or databases"),
    Kind.CLOSED_DATABASE: ("database that takes no connections", "databases that take no connections"),
    Kind.LARGE_OBJECTS: ("database with large objects", "databases with large objects"),
    Kind.INVALID_INDEX: ("invalid index", "invalid indexes"),
    Kind.COLLATION: ("collation of another version", "collations of another version"),
}

# What one of a kind means, in one sentence.
MEANINGS: Mapping[Kind, str] = {
    Kind.SUBSCRIPTION: "An enabled one connects to its publisher by itself and takes changes from production's slot, "
    "which the real subscriber then misses.",
    Kind.REPLICATION_CHANNEL: "It reads the binary log of another server, production's where it was not changed, and "
    "applies it here.",
    Kind.EVENT: "It runs by itself wherever the event scheduler is on, with the rights of its definer.",
    Kind.CRON_JOB: "An active one runs by itself wherever pg_cron is loaded, with the rights of the user it names.",
    Kind.LOGICAL_SLOT: "It keeps WAL until a consumer reads it, and a consumer that is led here takes the copy for "
    "production.",
    Kind.PHYSICAL_SLOT: "It keeps WAL until a standby reads it.",
    Kind.PREPARED_TRANSACTION: "It holds its locks until it is committed or rolled back, across every restart.",
    Kind.FOREIGN_SERVER: "Its foreign tables read and write another server, which is production's where the options "
    "were not changed.",
    Kind.USER_MAPPING: "The login to the other server is stored here: who uses the foreign tables needs no password.",
    Kind.CALLING_EXTENSION: "Its functions reach other servers or services from inside the database.",
    Kind.PUBLICATION: "A subscriber that is led here is given the changes of the copy.",
    Kind.EVENT_TRIGGER: "It runs at DDL, and can refuse it.",
    Kind.DEFINER_FUNCTION: "Every login may call it and then acts with its owner's rights, a read_only user as well.",
    Kind.DEFINER_ROUTINE: "Who may execute it acts with its definer's rights, a read_write user as well.",
    Kind.MISSING_DEFINER: "The account whose rights it runs with does not exist, so that it fails when it is used.",
    Kind.SETTING: "Sessions begin with it, so that a login can behave as it did in production.",
    Kind.CLOSED_DATABASE: "What is in it could not be looked at.",
    Kind.LARGE_OBJECTS: "They have owners and grants of their own, which no access level covers: "
    "`GRANT SELECT ON LARGE OBJECT <oid> TO <user>` opens one.",
    Kind.INVALID_INDEX: "It is kept up at every write and used by no query.",
    Kind.COLLATION: "The order of texts may have changed, so that indexes on them can miss rows.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that came along.

    `database` is empty for what belongs to the whole cluster. `name` and `detail` are made visible already: what is
    not UTF-8 or does not print is escaped. `ends_with` is the SQL that ends it, run in that database.
    """

    kind: Kind
    database: str
    name: str
    ends_with: str
    detail: str = ""

    def to_item(self) -> dict[str, Any]:
        is_long = len(self.ends_with) > LONGEST_STATEMENT
        return {
            "kind": self.kind.value,
            "database": self.database,
            "name": shortened(self.name, LONGEST_NAME),
            "detail": shortened(self.detail, LONGEST_WORDS),
            # Half a statement would be another statement.
            "ends_with": "-- the statement is too long to be kept here" if is_long else self.ends_with,
        }

    @classmethod
    def of_record(cls, found: FindingState) -> Finding:
        return cls(Kind(found.kind), found.database, found.name, found.ends_with, found.detail)


@dataclass(frozen=True)
class NotLookedInto:
    """A database, or a part of one (`what`), that the survey could not see, and why."""

    database: str
    reason: str
    what: str = ""

    @property
    def sentence(self) -> str:
        return f"the database {self.database} was not looked into: {self.reason}"

    def to_item(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "what": self.what,
            "reason": shortened(self.reason, LONGEST_WORDS),
        }


@dataclass(frozen=True)
class CameAlong:
    """The list. `more`: how many of a kind there are besides those that are named.

    `unseen_more`: how many databases, or parts of them, were not looked into besides those that are named.
    """

    found: tuple[Finding, ...] = ()
    more: Mapping[Kind, int] | None = None
    not_looked_into: tuple[NotLookedInto, ...] = ()
    unseen_more: int = 0

    def to_item(self) -> dict[str, Any]:
        """Its form in the record, under `came_along`."""
        kinds = {finding.kind for finding in self.found}
        return {
            "found": [finding.to_item() for finding in self.found],
            "more": {kind.value: count for kind, count in (self.more or {}).items()},
            "meanings": {kind.value: MEANINGS[kind] for kind in Kind if kind in kinds},
            "not_looked_into": [each.to_item() for each in self.not_looked_into],
            "not_looked_into_more": self.unseen_more,
        }

    @classmethod
    def of_record(cls, listed: CameAlongRecord) -> CameAlong:
        """Read back what `to_item` wrote; a kind that this version does not know is left out."""
        return cls(
            tuple(Finding.of_record(each) for each in listed.found if each.kind in _KINDS),
            {Kind(kind): count for kind, count in listed.more.items() if kind in _KINDS},
            tuple(NotLookedInto(each.database, each.reason, each.what) for each in listed.not_looked_into),
            listed.not_looked_into_more,
        )

    @property
    def in_databases(self) -> CameAlong:
        """The part that is seen in one database each."""
        return CameAlong(
            tuple(each for each in self.found if each.kind not in OF_THE_CLUSTER),
            {kind: count for kind, count in (self.more or {}).items() if kind not in OF_THE_CLUSTER},
            tuple(each for each in self.not_looked_into if each.database),
            self.unseen_more,
        )


def shortened(text: str, most: int) -> str:
    """The beginning of a long text, and a sign that it goes on."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def bounded(
    found: Iterable[Finding],
    unnamed: Mapping[Kind, int],
    not_looked_into: Iterable[NotLookedInto],
    most: int = NAMED_PER_KIND,
    unseen_more: int = 0,
) -> CameAlong:
    """At most `most` of a kind by name, in the order of the kinds; `unnamed` are counted besides them already.

    `unseen_more`: what is counted besides `not_looked_into` already.
    """
    by_kind: dict[Kind, list[Finding]] = {}
    for finding in found:
        by_kind.setdefault(finding.kind, []).append(finding)
    more = Counter(dict(unnamed))
    kept: list[Finding] = []
    for kind in Kind:
        of_kind = by_kind.get(kind, [])
        kept += of_kind[:most]
        more[kind] += max(0, len(of_kind) - most)
    # What belongs to the whole cluster, or may hide what acts, is not to be lost among hundreds of closed databases.
    left = sorted(
        not_looked_into,
        key=lambda each: (bool(each.database) and each.what not in PARTS_WITH_JOBS, each.database, each.what),
    )
    return CameAlong(
        tuple(kept),
        {kind: more[kind] for kind in Kind if more[kind]},
        tuple(left[:most]),
        unseen_more + max(0, len(left) - most),
    )


def databases_named(listed: CameAlongRecord) -> frozenset[str]:
    """The databases that a record names already as closed or as not looked into."""
    closed = {each.name for each in listed.found if each.kind == Kind.CLOSED_DATABASE.value}
    unseen = {each.database for each in listed.not_looked_into if not each.what}
    return frozenset(closed | unseen)


def summary_lines(listed: CameAlongRecord, names_most: int = 3) -> list[str]:
    """One short line for each kind in a record; nothing where nothing came along."""
    names: dict[str, list[str]] = {}
    for finding in listed.found:
        where = f" in {finding.database}" if finding.database else ""
        names.setdefault(finding.kind, []).append(f"{finding.name}{where}")
    lines = []
    for kind in Kind:
        of_kind = names.get(kind.value, [])
        count = len(of_kind) + listed.more.get(kind.value, 0)
        if count:
            rest = count - min(len(of_kind), names_most)
            shown = ", ".join(of_kind[:names_most]) + (f" and {rest} more" if rest else "")
            lines.append(f"{count} {_WORDS[kind][count != 1]}: {shown}")
    for each in listed.not_looked_into:
        # Whatever belongs to the whole cluster has no database.
        where = ", ".join(part for part in (each.database, each.what) if part)
        lines.append(
            f"not looked into: {where}: {each.reason}" if where else f"not looked into: {each.reason}"
        )
    if listed.not_looked_into_more:
        lines.append(f"not looked into: {listed.not_looked_into_more} more")
    if left := listed.unfinished:
        lines.append(f"not looked into yet: {left.total - left.done} of {left.total} databases")
    return lines
