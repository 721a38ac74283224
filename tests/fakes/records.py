"""The state table in memory. Held to the adapter by tests/contract/aws/test_fakes_behave_alike.py."""

from __future__ import annotations

import marshal
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.fakes.fault_injector import FaultInjector

from aurora_restore.aws.records import FoundRecords
from aurora_restore.domain.errors import AwsRequestFailed, RecordTooLarge
from aurora_restore.domain.record import Record
from aurora_restore.domain.times import format_time

ITEM_BYTES = 400 * 1024
PAGE_ITEMS = 100
Path = tuple[str, ...]
STATES: tuple[Path, ...] = (("status",), ("retirement", "state"))


@dataclass(frozen=True)
class Move:
    """A state of a record was changed. `is_from_hand`: an operator had written the status that was there before."""

    operation_id: str
    path: Path
    before: str | None
    after: str
    is_from_hand: bool


class FakeRecords:
    """The `Records` port with DynamoDB's ways. `items` is the table, to be looked at and not to be touched.

    An update whose maps are missing takes several requests, as the adapter's does. `moves` has every change of a state.
    """

    def __init__(self, injector: FaultInjector | None = None) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.moves: list[Move] = []
        self._injector = injector or FaultInjector()
        self._bytes: dict[str, int] = {}
        self._frozen: dict[str, bytes] = {}

    def create(self, item: Mapping[str, Any]) -> bool:
        written = {name: stored(value) for name, value in item.items()}

        def act() -> bool:
            key = written["operation_id"]
            if key in self.items:
                return self.items[key] == written
            self._put(key, written, _size_at_most(written))
            return True

        return self._injector.call_translated("dynamodb", "PutItem", act)

    def load(self, operation_id: str) -> dict[str, Any] | None:
        return self._injector.call_translated("dynamodb", "GetItem", lambda: self._copy(operation_id))

    def update(
        self,
        operation_id: str,
        changes: Mapping[str, Any],
        only_if_status: str | None = None,
        only_if: Mapping[str, Any] | None = None,
    ) -> bool:
        if not changes:
            return True
        conditions: dict[Path, Any] = {
            tuple(path.split(".")): value for path, value in (only_if or {}).items()
        }
        if only_if_status is not None:
            conditions["status",] = only_if_status
        values = {tuple(path.split(".")): stored(value) for path, value in changes.items()}
        _refuse_overlap(values)
        outcome = self._set(operation_id, values, conditions)
        if outcome is None:
            for level in _parents_by_depth(values):
                if not self._make_maps(operation_id, level, conditions, values):
                    return False
            outcome = self._set(operation_id, values, conditions)
        if outcome is None:
            raise AwsRequestFailed(
                f"the record {operation_id} has a value where a map is to be: {sorted(changes)}"
            )
        return outcome

    def list_by_status(self, status: str, since: datetime | None, limit: int) -> Sequence[dict[str, Any]]:
        earliest = format_time(since) if since else ""
        found = [
            item
            for item in self.items.values()
            if item.get("status") == status and str(item.get("start_time", "")) >= earliest
        ]
        found.sort(key=lambda item: str(item.get("start_time", "")), reverse=True)
        items: list[dict[str, Any]] = []
        while len(items) < limit:
            size = min(PAGE_ITEMS, limit - len(items))
            page = found[len(items) : len(items) + size]
            self._injector.call_translated("dynamodb", "Query", lambda: None)
            items += [plain_copy(item) for item in page]
            if len(page) < size or len(items) == len(found):
                break
        return items

    def find(
        self,
        statuses: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        target_cluster_id: str | None,
        limit: int,
    ) -> FoundRecords:
        latest = format_time(until) if until else "~"
        found = [
            item
            for status in statuses
            for item in self.list_by_status(status, since, len(self.items))
            if str(item.get("start_time", "")) <= latest
            and target_cluster_id in {None, item.get("target_cluster_id")}
        ]
        found.sort(key=lambda item: str(item.get("start_time", "")), reverse=True)
        return FoundRecords(found[:limit], len(found) <= limit)

    def _copy(self, operation_id: str) -> dict[str, Any] | None:
        """A copy of its own for every caller, from one that is made once after each change."""
        if operation_id not in self.items:
            return None
        if operation_id not in self._frozen:
            self._frozen[operation_id] = marshal.dumps(self.items[operation_id])
        found: dict[str, Any] = marshal.loads(self._frozen[operation_id])  # noqa: S302 - our own
        return found

    def _set(
        self, operation_id: str, values: Mapping[Path, Any], conditions: Mapping[Path, Any]
    ) -> bool | None:
        """True where it is done, False where the condition fails, None where a map on the way is missing."""

        def act() -> bool | None:
            item = self.items.get(operation_id)
            if not _meets(item, conditions):
                return _holds(item, values)
            assert item is not None
            holders = {path: _map_at(item, path[:-1]) for path in values}
            if any(holder is None for holder in holders.values()):
                return None
            self._make_room(operation_id, values)
            self._frozen.pop(operation_id, None)
            self._note_moves(operation_id, item, values)
            for path, value in values.items():
                holder = holders[path]
                assert holder is not None
                holder[path[-1]] = value
            return True

        return self._injector.call_translated("dynamodb", "UpdateItem", act)

    def _note_moves(self, operation_id: str, item: Mapping[str, Any], values: Mapping[Path, Any]) -> None:
        for path in STATES:
            holder = _map_at(dict(item), path[:-1])
            before = holder.get(path[-1]) if holder else None
            if path in values and values[path] != before:
                move = Move(operation_id, path, before, values[path], Record.read(item).is_marked_by_hand)
                self.moves.append(move)

    def _make_maps(
        self,
        operation_id: str,
        parents: Sequence[Path],
        conditions: Mapping[Path, Any],
        values: Mapping[Path, Any],
    ) -> bool | None:
        def act() -> bool | None:
            item = self.items.get(operation_id)
            if not _meets(item, conditions):
                return _holds(item, values)
            assert item is not None
            holders = [_map_at(item, parent[:-1]) for parent in parents]
            if any(holder is None for holder in holders):
                return None
            for parent, holder in zip(parents, holders, strict=True):
                assert holder is not None
                holder.setdefault(parent[-1], {})
            self._frozen.pop(operation_id, None)
            return True

        return self._injector.call_translated("dynamodb", "UpdateItem", act)

    def _put(self, operation_id: str, item: dict[str, Any], size: int) -> None:
        if size > ITEM_BYTES:
            size = size_of(item)
        _refuse_size(size)
        self.items[operation_id], self._bytes[operation_id] = item, size
        self._frozen.pop(operation_id, None)

    def write_by_hand(self, operation_id: str, changes: Mapping[str, Any]) -> None:
        """What an operator with the AWS CLI does: no condition, and no request of ours."""
        self.items[operation_id] |= stored(changes)
        self._frozen.pop(operation_id, None)

    def _make_room(self, operation_id: str, values: Mapping[Path, Any]) -> None:
        """Count what is written; only where that would not fit is the whole counted, as it would be."""
        written = sum(sum(map(len, path)) + _size_at_most(value) for path, value in values.items())
        size = self._bytes[operation_id] + written
        if size > ITEM_BYTES:
            changed = plain_copy(self.items[operation_id])
            for path, value in values.items():
                holder = _map_at(changed, path[:-1])
                assert holder is not None
                holder[path[-1]] = value
            size = size_of(changed)
            _refuse_size(size)
        self._bytes[operation_id] = size


def _refuse_size(size: int) -> None:
    if size > ITEM_BYTES:
        raise RecordTooLarge(
            "the record does not fit into one item: Item size has exceeded the maximum allowed size"
        )


def _size_at_most(value: Any) -> int:
    """Quickly, and rather too much."""
    return 2 * len(marshal.dumps(value))


def plain_copy(value: Any) -> Any:
    """A deep copy of plain JSON-like values, quickly."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own values, a moment old


def stored(value: Any) -> Any:
    """A value as it comes back from DynamoDB.

    Raises:
        TypeError: it is none that JSON knows. ValueError: a number that is not finite.
    """
    if value is None or value is True or value is False or type(value) in (str, int):
        return value
    if type(value) is dict:
        return {str(name): stored(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a record cannot hold the number {value}")
        # By its shortest text, which is what is sent.
        return int(Decimal(repr(value))) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): stored(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [stored(inner) for inner in value]
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def size_of(value: Any) -> int:
    """About the bytes that DynamoDB counts for a value."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping):
        return 3 + sum(len(name.encode()) + 1 + size_of(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return 3 + sum(1 + size_of(inner) for inner in value)
    return 1 if value is None or isinstance(value, bool) else 1 + len(repr(value)) // 2


def _refuse_overlap(values: Mapping[Path, Any]) -> None:
    """DynamoDB refuses an expression that sets a map and a field inside it."""
    for path in values:
        if any(path[:depth] in values for depth in range(1, len(path))):
            raise AwsRequestFailed(
                "dynamodb:UpdateItem: ValidationException: Two document paths overlap with each other"
            )


def _parents_by_depth(values: Mapping[Path, Any]) -> list[list[Path]]:
    parents = {path[:depth] for path in values for depth in range(1, len(path))}
    deepest = max((len(parent) for parent in parents), default=0)
    return [sorted(p for p in parents if len(p) == depth) for depth in range(1, deepest + 1)]


def _meets(item: Mapping[str, Any] | None, conditions: Mapping[Path, Any]) -> bool:
    """None stands for a field that is missing; a field that holds null does not meet it, as in DynamoDB."""
    return item is not None and all(
        not _is_there(item, path) if value is None else _at(item, path) == value
        for path, value in conditions.items()
    )


def _is_there(item: dict[str, Any] | Mapping[str, Any], path: Path) -> bool:
    holder = _map_at(dict(item), path[:-1])
    return holder is not None and path[-1] in holder


def _holds(item: Mapping[str, Any] | None, values: Mapping[Path, Any]) -> bool:
    """Whether a record holds all of the changes already: our own request, repeated after its reply was lost."""
    return item is not None and all(_at(item, path) == value for path, value in values.items())


def _at(item: Mapping[str, Any], path: Path) -> Any:
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _map_at(item: dict[str, Any], path: Path) -> dict[str, Any] | None:
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
