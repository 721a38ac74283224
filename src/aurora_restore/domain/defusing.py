"""What of a restored copy would act by itself, what is done about it, and how it is taken back.

A fuse is written into the record before it is taken out. Its statements are those of one transaction, so that
it is seen either as it came along or as it was left, and never in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aurora_restore.domain.came_along import (
    LONGEST_WORDS,
    PARTS_THAT_ACT,
    PARTS_WITH_JOBS,
    CameAlong,
    Kind,
    shortened,
)
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.outward import OutwardConnections
from aurora_restore.domain.record import (
    CameAlongRecord,
    Changes,
    DefusedItem,
    DefusedRecord,
    InTrail,
    changed,
    defused_refused,
    defused_written,
    plain,
)
from aurora_restore.domain.record import written as written_whole
from aurora_restore.domain.visible_text import storable

# How many are taken out in one call of the step: the next call goes on.
FUSES_PER_CALL = 100
# What the record, which has 400 kB, keeps of the way back; what comes later goes into the audit trail.
WRITTEN_BYTES_MOST = 150_000
# Beyond these the record keeps that a fuse was refused, and not the words of the server.
REFUSALS_IN_WORDS_MOST = 20
LOGINS_NAMED = 3
_NAMES_IN_A_MESSAGE = 5

# What acts by itself, or holds back WAL for a consumer that is not there.
QUIETED = frozenset(
    {Kind.SUBSCRIPTION, Kind.REPLICATION_CHANNEL, Kind.LOGICAL_SLOT, Kind.CRON_JOB, Kind.EVENT}
)


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
        # Names in a database hold no NUL character, so that two different fuses never make the same text.
        parts = "\0".join([self.kind, self.database, self.name, *self.take_back])
        return "f" + hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def written_at(self, time: datetime) -> DefusedItem:
        """What the record has of it before it is taken out."""
        return DefusedItem(
            kind=self.kind.value,
            database=self.database,
            name=self.name,
            acts=self.acts,
            before=self.before,
            done_with=tuple(map(storable, self.statements)),
            take_back=self.take_back,
            time=time,
        )


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
class Outcome:
    """The result of taking fuses out: those that were refused, and those that the time did not suffice for."""

    refusals: tuple[Refusal, ...] = ()
    left: tuple[Fuse, ...] = ()


@dataclass(frozen=True)
class SurveyProgress:
    """How far a survey has come, and what it has found in the databases so far.

    The database with the jobs of pg_cron comes first, the others in the order of their oids, up to `after_oid`; `done`
    of `total` are processed. `acting`: how many things in them act by themselves; `logins`: how many logins to other
    servers are stored in them.
    """

    after_oid: int = 0
    done: int = 0
    total: int = 0
    came_along: CameAlong = field(default_factory=CameAlong)
    acting: int = 0
    logins: int = 0
    login_names: tuple[str, ...] = ()

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    def to_item(self) -> dict[str, Any]:
        """Its form in the record, under `came_along.unfinished`; the list itself is beside it."""
        return {
            "after_oid": self.after_oid,
            "done": self.done,
            "total": self.total,
            "acting": self.acting,
            "logins": self.logins,
            "login_names": list(self.login_names),
        }

    @classmethod
    def of_record(cls, listed: CameAlongRecord) -> SurveyProgress | None:
        """From what a record has listed so far; None where no survey is under way."""
        state = listed.unfinished
        if not state:
            return None
        return cls(
            state.after_oid,
            state.done,
            state.total,
            CameAlong.of_record(listed).in_databases,
            state.acting,
            state.logins,
            state.login_names,
        )


@dataclass(frozen=True)
class Survey:
    """All that was seen so far, and the fuses that were seen in this call.

    `begun`: what the calls before had reported. `unfinished`: what the next call goes on from, up to the first database
    in which something is to be taken out; what was seen beyond it is not in `came_along` yet. None where all of them
    are processed and nothing is to be taken out.
    """

    came_along: CameAlong
    fuses: tuple[Fuse, ...] = ()
    begun: SurveyProgress = field(default_factory=SurveyProgress)
    unfinished: SurveyProgress | None = None

    @property
    def acting(self) -> int:
        return self.begun.acting + sum(fuse.acts for fuse in self.fuses)

    @property
    def logins(self) -> int:
        """How many logins to other servers are stored in the databases."""
        return self.begun.logins + len(self._logins)

    @property
    def login_names(self) -> tuple[str, ...]:
        """Of the first of these."""
        here = (f"{fuse.name} in {fuse.database}" for fuse in self._logins)
        return (*self.begun.login_names, *here)[:LOGINS_NAMED]

    @property
    def _logins(self) -> list[Fuse]:
        return [fuse for fuse in self.fuses if fuse.kind is Kind.USER_MAPPING]

    def to_item(self) -> dict[str, Any]:
        """Its form in the record, under `came_along`."""
        going_on = {"unfinished": self.unfinished.to_item()} if self.unfinished else {}
        return self.came_along.to_item() | going_on


def is_enough(found: Sequence[Fuse]) -> bool:
    """Whether a look has found enough to be taken out first: what acts does not go on while others are looked for."""
    return len(found) >= FUSES_PER_CALL or any(fuse.acts for fuse in found)


def chosen_fuses(
    fuses: Sequence[Fuse], *, quiet_start: bool, outward_connections: OutwardConnections
) -> tuple[Fuse, ...]:
    """Those that this run takes out, what acts before what does not."""
    kinds = set(QUIETED) if quiet_start else set()
    if outward_connections is OutwardConnections.CUT:
        kinds.add(Kind.USER_MAPPING)
    chosen = [fuse for fuse in fuses if fuse.kind in kinds]
    return tuple(sorted(chosen, key=lambda fuse: not fuse.acts))


@dataclass(frozen=True)
class WrittenDown:
    """The way back of what is about to be taken out: the changes of the record, and what goes into the audit trail."""

    changes: Changes
    in_trail: dict[str, Any]
    keys: frozenset[str] = frozenset()


def written(fuses: Iterable[Fuse], record: DefusedRecord, time: datetime, bytes_most: int) -> WrittenDown:
    """What has to be written down before these fuses are taken out. What is written already stays as it is.

    The record keeps the first `bytes_most`; of the rest it keeps the number, and the keys of the last ones, so that a
    call that died between writing and doing has nothing written twice.
    """
    existing, before = record.written, record.in_trail
    keys = set(before.keys)
    room = bytes_most - sum(_size(plain(item)) for item in existing.values())
    changes: Changes = {}
    in_trail: dict[str, Any] = {}
    in_record: set[str] = set()
    kept: list[str] = []
    for fuse in fuses:
        if fuse.key in existing:
            continue
        if fuse.key in keys:
            # Written into the audit trail by a call that died before it was taken out.
            kept.append(fuse.key)
            continue
        item = fuse.written_at(time)
        room -= _size(plain(item))
        if room >= 0:
            changes |= defused_written(fuse.key, item)
            in_record.add(fuse.key)
        else:
            in_trail[fuse.key] = plain(item)
    if in_trail:
        count = before.count + len(in_trail)
        changes |= written_whole(before.having(count=count, keys=(*kept, *in_trail)))
    return WrittenDown(changes, in_trail, frozenset(in_record))


def _size(item: Mapping[str, Any]) -> int:
    return len(json.dumps(item, ensure_ascii=False).encode())


def refused(refusals: Sequence[Refusal], record: DefusedRecord, down: WrittenDown) -> Changes:
    """The changes of the record that say what was refused: the words of the first ones, and that the others were."""
    with_words = sum(1 for sentence in record.refused.values() if sentence)
    changes: Changes = {}
    for number, refusal in enumerate(refusals, with_words):
        words = shortened(refusal.sentence, LONGEST_WORDS) if number < REFUSALS_IN_WORDS_MOST else ""
        changes |= defused_refused(refusal.fuse.key, words)
    # A refused fuse whose way back is in the audit trail alone is counted, since the record does not name it.
    in_record = record.written.keys() | down.keys
    beyond = [refusal for refusal in refusals if refusal.fuse.key not in in_record]
    if beyond:
        changes |= changed(InTrail, refused=record.in_trail.refused + len(beyond))
    return changes


def refused_sentences(record: DefusedRecord) -> list[str]:
    """What could not be put to rest."""
    every = record.refused.values()
    kept = [sentence for sentence in every if sentence]
    return [*kept, f"{len(every) - len(kept)} more"] if len(every) > len(kept) else kept


def first_states(record: DefusedRecord) -> list[DefusedItem]:
    """What was written down, in its order: the first state of each thing, and no later one."""
    # A later call may have written down a state that an earlier one had brought about.
    first: dict[tuple[str, str, str], DefusedItem] = {}
    for item in sorted(record.written.values(), key=lambda item: item.time.timestamp() if item.time else 0.0):
        first.setdefault((item.kind, item.database, item.name), item)
    return list(first.values())


def at_rest_by_trail(record: DefusedRecord) -> int:
    """How many were put to rest whose way back is in the audit trail alone."""
    return record.in_trail.count - record.in_trail.refused


def rest_lines(record: DefusedRecord, names_most: int = 3) -> list[str]:
    """One short line for each kind that was put to rest."""
    names: dict[str, list[str]] = {}
    at_rest = {key: item for key, item in record.written.items() if key not in record.refused}
    for state in first_states(DefusedRecord(written=at_rest)):
        names.setdefault(state.kind.replace("_", " "), []).append(state.name)
    more = at_rest_by_trail(record)
    lines = [
        f"{kind}: {', '.join(of_kind[:names_most])}"
        + (f" and {len(of_kind) - names_most} more" if len(of_kind) > names_most else "")
        for kind, of_kind in names.items()
    ]
    return [*lines, f"{more} more, written down in the audit trail"] if more else lines


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


def survey_warnings(
    survey: Survey, defused: DefusedRecord, *, quiet_start: bool, outward_connections: OutwardConnections
) -> list[str]:
    """What is left that acts, or may act; and stored logins, by which production can be reached."""
    warnings = [f"not put to rest: {sentence}" for sentence in refused_sentences(defused)]
    if quiet_start:
        # What would act, and could not be looked for: it is not claimed that nothing does.
        unseen = survey.came_along.not_looked_into
        warnings += [
            f"{left.what}s may act by themselves: {left.reason}"
            for left in unseen
            if not left.database and left.what in PARTS_THAT_ACT
        ]
        warnings += [
            f"jobs of pg_cron in {left.database} may act by themselves: {left.reason}"
            for left in unseen
            if left.what in PARTS_WITH_JOBS
        ]
    if survey.logins and outward_connections is OutwardConnections.REPORT:
        more = survey.logins - len(survey.login_names)
        named = ", ".join(survey.login_names) + (f" and {more} more" if more else "")
        warnings.append(
            f"logins to other servers are stored in the copy ({named}): who may use their foreign tables reaches "
            "production where nothing was changed; `outward_connections: cut` removes them, `keep` omits this warning"
        )
    return warnings
