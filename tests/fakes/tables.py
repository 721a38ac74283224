"""The audit and the lock table in memory. Held to the adapters by tests/contract/aws/test_fakes_behave_alike.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.fakes.fault_injector import FaultInjector
from tests.fakes.records import plain_copy, stored


class FakeAudit:
    """The `Audit` port. `entries`: operation id → event id → entry."""

    def __init__(self, injector: FaultInjector | None = None) -> None:
        self.entries: dict[str, dict[str, dict[str, Any]]] = {}
        self._injector = injector or FaultInjector()

    def append(self, item: Mapping[str, Any]) -> None:
        entry = stored(item)

        def act() -> None:
            self.entries.setdefault(entry["operation_id"], {}).setdefault(entry["event_id"], entry)

        self._injector.call_translated("dynamodb", "PutItem", act)

    def trail(self, operation_id: str) -> Sequence[dict[str, Any]]:
        return self._injector.call_translated("dynamodb", "Query", lambda: self._trail(operation_id))

    def events_of_day(self, event_date: str) -> Sequence[dict[str, Any]]:
        def act() -> list[dict[str, Any]]:
            found = [
                entry
                for entries in self.entries.values()
                for entry in entries.values()
                if entry["event_date"] == event_date
            ]
            return [plain_copy(entry) for entry in sorted(found, key=lambda entry: str(entry["event_id"]))]

        return self._injector.call_translated("dynamodb", "Query", act)

    def _trail(self, operation_id: str) -> list[dict[str, Any]]:
        entries = self.entries.get(operation_id, {})
        return [plain_copy(entries[event_id]) for event_id in sorted(entries)]


class FakeLocks:
    """The `Locks` port. `owners`: target → operation id."""

    def __init__(self, injector: FaultInjector | None = None) -> None:
        self.owners: dict[str, str] = {}
        self._injector = injector or FaultInjector()

    def acquire(
        self, target_cluster_id: str, operation_id: str, now: datetime, replaces: str | None = None
    ) -> bool:
        def act() -> bool:
            owner = self.owners.get(target_cluster_id)
            if owner is not None and owner not in (operation_id, replaces):
                return False
            self.owners[target_cluster_id] = operation_id
            return True

        return self._injector.call_translated("dynamodb", "PutItem", act)

    def owner(self, target_cluster_id: str) -> str | None:
        return self._injector.call_translated(
            "dynamodb", "GetItem", lambda: self.owners.get(target_cluster_id)
        )

    def list_owners(self) -> dict[str, str]:
        return self._injector.call_translated("dynamodb", "Scan", lambda: dict(self.owners))

    def release(self, target_cluster_id: str, operation_id: str) -> None:
        def act() -> None:
            if self.owners.get(target_cluster_id) == operation_id:
                del self.owners[target_cluster_id]

        self._injector.call_translated("dynamodb", "DeleteItem", act)
