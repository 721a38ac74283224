"""An operation as a whole, its record and its audit events: what an archive and a backup keep of it, and its seal.

The seal of an operation says by hashes what it was: of the record, of the events, and of the last event of the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aurora_restore.domain.audit_chain import canonical
from aurora_restore.domain.audit_verification import ChainState, Verification, verify
from aurora_restore.domain.backup_errors import BackupDamaged
from aurora_restore.domain.record import AuditEntry, Record
from aurora_restore.domain.states import RetirementState

Item = Mapping[str, Any]
# Of the old cluster something exists still, or is on its way out.
HOLDS_A_CLUSTER = (RetirementState.KEPT, RetirementState.BEGUN)
# DynamoDB removes nothing of what is kept elsewhere: there a missing event was never removed by its time being over.
BEFORE_ANY_EXPIRY = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class KeptOperation:
    """`record`: None where there is none. `events`: oldest first."""

    operation_id: str
    record: Item | None
    events: tuple[Item, ...]

    @classmethod
    def of(cls, operation_id: str, record: Item | None, events: Iterable[Item]) -> KeptOperation:
        ordered = sorted(events, key=lambda event: str(event.get("event_id")))
        return cls(operation_id, record, tuple(ordered))

    def verification(self) -> Verification:
        """Of the events as they are kept, of which none may be missing."""
        return verify(self.record, self.events, BEFORE_ANY_EXPIRY)

    def is_expired(self, now: datetime) -> bool:
        """Whether DynamoDB may remove it, so that there is nothing to load."""
        of_events = (AuditEntry.read(event).expires_at for event in self.events)
        times = of_events if self.record is None else [Record.read(self.record).expires_at]
        return all(time is not None and time <= now.timestamp() for time in times)

    def to_line(self) -> bytes:
        """One line of JSON, the same for the same operation."""
        return canonical(
            {"operation_id": self.operation_id, "record": self.record, "events": list(self.events)}
        )

    @classmethod
    def from_line(cls, line: bytes) -> KeptOperation:
        """Raises BackupDamaged where it is not such a line."""
        try:
            item = json.loads(line)
            return cls(str(item["operation_id"]), item["record"], tuple(item["events"]))
        except (ValueError, TypeError, KeyError) as error:
            raise BackupDamaged(f"A kept operation cannot be read: {error!r}") from error


@dataclass(frozen=True)
class Seal:
    """`last_hash`: of the last event of the chain, by the record; empty where there is no chain."""

    operation_id: str
    sha256: str
    event_count: int
    last_hash: str
    chain: ChainState

    @classmethod
    def of(cls, operation: KeptOperation) -> Seal:
        head = Record.read(operation.record).audit_head
        return cls(
            operation.operation_id,
            hashlib.sha256(operation.to_line()).hexdigest(),
            len(operation.events),
            head.hash,
            operation.verification().state,
        )

    def to_line(self) -> bytes:
        return json.dumps(self.to_item(), sort_keys=True).encode()

    def to_item(self) -> dict[str, Any]:
        return {
            "operation_id": self.operation_id,
            "sha256": self.sha256,
            "event_count": self.event_count,
            "last_hash": self.last_hash,
            "chain": self.chain.value,
        }

    @classmethod
    def read(cls, item: Any) -> Seal:
        """Raises BackupDamaged where it is not one."""
        try:
            return cls(
                str(item["operation_id"]),
                str(item["sha256"]),
                int(item["event_count"]),
                str(item["last_hash"]),
                ChainState(item["chain"]),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BackupDamaged(f"The seal of an operation cannot be read: {error!r}") from error


def gathered(records: Iterable[Item], events: Iterable[Item]) -> dict[str, KeptOperation]:
    """The operations of two tables, by their ids."""
    by_id: dict[str, list[Item]] = defaultdict(list)
    for event in events:
        by_id[str(event.get("operation_id"))].append(event)
    record_of = {Record.read(record).operation_id: record for record in records}
    names = sorted({*by_id, *record_of})
    return {name: KeptOperation.of(name, record_of.get(name), by_id.get(name, ())) for name in names}


def needs_another_look(operation: KeptOperation) -> bool:
    """Whether its record and its events may be of two moments: two tables are not exported at once.

    What broke its chain otherwise breaks it in the other look as well.
    """
    return operation.verification().state is ChainState.BROKEN or not Record.read(operation.record).is_settled
