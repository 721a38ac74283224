"""The state table: one item an operation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aurora_restore.aws.attribute_values import from_item, to_attribute_value, to_item
from aurora_restore.aws.failures import (
    AWS_ERRORS,
    CONDITION_FAILED,
    Translating,
    error_code,
    error_message,
    translate,
)
from aurora_restore.domain.errors import AwsRequestFailed, RecordTooLarge, RestoreError
from aurora_restore.domain.record import Record
from aurora_restore.domain.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from aurora_restore.aws.clients import Clients

STATUS_INDEX = "status-start_time-index"
PAGE_ITEMS = 100
# Of one status, where a filter has to be met: some years of nightly restores.
LOOKED_AT_MOST = 5000
MISSING_PARENT_TEXT = "document path provided in the update expression is invalid for update"


@dataclass(frozen=True)
class FoundRecords:
    """`is_complete`: whether there are no more than these."""

    items: Sequence[dict[str, Any]]
    is_complete: bool


class AwsRecords:
    """Implements the port `Records`. The caller sets `last_updated_time` and `expires_at`.

    Raises, in every method: RecordTooLarge (an item holds 400 KB), AwsThrottled, AwsUnavailable,
    AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients, table_name: str, region: str | None = None) -> None:
        self._clients = clients
        self._table = table_name
        self._region = region

    @property
    def _dynamodb(self) -> DynamoDBClient:
        return self._clients.dynamodb(self._region)

    def create(self, item: Mapping[str, Any]) -> bool:
        """Write a new record; False where another one has its `operation_id`.

        The very same item in the table counts as written: that is our own request, repeated after its reply
        was lost.
        """
        wire_item = to_item(item)
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=wire_item,
                ConditionExpression="attribute_not_exists(operation_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AWS_ERRORS as error:
            if error_code(error) == CONDITION_FAILED:
                # Compared as it comes back from the wire, where 1.0 has become 1.
                return _existing_item(error) == from_item(wire_item)
            raise _translated(error) from error
        return True

    def load(self, operation_id: str) -> dict[str, Any] | None:
        """Consistent read; None where there is no such record."""
        with Translating("dynamodb"):
            response = self._dynamodb.get_item(
                TableName=self._table, Key={"operation_id": {"S": operation_id}}, ConsistentRead=True
            )
        item = response.get("Item")
        return from_item(item) if item else None

    def update(
        self,
        operation_id: str,
        changes: Mapping[str, Any],
        only_if_status: str | None = None,
        only_if: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set fields of a record that exists; a dotted path reaches into maps, and missing maps are made.

        False where there is no such record, its status is not `only_if_status`, or a field is not as `only_if` says
        (None: missing); then nothing was changed. A record that holds all of the changes already counts as changed:
        that is our own request, repeated after its reply was lost.
        """
        if not changes:
            return True
        request = _UpdateRequest(operation_id, changes, only_if_status, only_if or {})
        outcome = self._try(request, request.set_values())
        if outcome is None:
            # Level by level: one expression cannot set a map and a field inside it.
            if not all(self._try(request, request.make_maps(level)) for level in request.parents_by_depth()):
                return False
            outcome = self._try(request, request.set_values())
        if outcome is None:
            raise AwsRequestFailed(
                f"the record {operation_id} has a value where a map is to be: {sorted(changes)}"
            )
        return outcome

    def list_by_status(self, status: str, since: datetime | None, limit: int) -> Sequence[dict[str, Any]]:
        """Records of a status that began at `since` or later, newest first, at most `limit`.

        The index follows the table within moments: a change just made may not show yet.
        """
        return self._of_status(status, since, None, None, limit).items

    def find(
        self,
        statuses: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        target_cluster_id: str | None,
        limit: int,
    ) -> FoundRecords:
        """Records that began from `since` to `until`, of one target where it is given, newest first, at most `limit`.

        Each status is a query of its own, since it is the key of the index. At most `LOOKED_AT_MOST` records of each
        are looked at.
        """
        # One more than is wanted says whether there are more.
        found = [self._of_status(status, since, until, target_cluster_id, limit + 1) for status in statuses]
        items = sorted(
            (item for each in found for item in each.items),
            key=lambda item: Record.read(item).start_text,
            reverse=True,
        )
        return FoundRecords(items[:limit], all(each.is_complete for each in found) and len(items) <= limit)

    def _of_status(
        self,
        status: str,
        since: datetime | None,
        until: datetime | None,
        target_cluster_id: str | None,
        limit: int,
    ) -> FoundRecords:
        query = _query_of(self._table, status, since, until, target_cluster_id)
        items: list[dict[str, Any]] = []
        looked_at = 0
        while len(items) < limit:
            # DynamoDB counts what it looks at, and not what a filter leaves of it.
            query["Limit"] = PAGE_ITEMS if target_cluster_id else min(PAGE_ITEMS, limit - len(items))
            with Translating("dynamodb"):
                page = self._dynamodb.query(**query)
            items += [from_item(item) for item in page["Items"]]
            looked_at += page.get("ScannedCount", len(page["Items"]))
            if not page.get("LastEvaluatedKey"):
                return FoundRecords(items[:limit], len(items) <= limit)
            if looked_at >= LOOKED_AT_MOST:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return FoundRecords(items[:limit], is_complete=False)

    def _try(self, request: _UpdateRequest, expressions: Mapping[str, Any]) -> bool | None:
        """True where it is done, False where the condition fails, None where a map on the way is missing."""
        try:
            self._dynamodb.update_item(TableName=self._table, **expressions)
        except AWS_ERRORS as error:
            if error_code(error) == CONDITION_FAILED:
                # A record that holds the changes shows that an earlier try of this very request did succeed.
                return request.is_held_by(_existing_item(error))
            # DynamoDB has one code for every bad expression; only the text distinguishes this case.
            if error_code(error) == "ValidationException" and MISSING_PARENT_TEXT in error_message(error):
                return None
            raise _translated(error) from error
        return True


def _query_of(
    table: str, status: str, since: datetime | None, until: datetime | None, target_cluster_id: str | None
) -> dict[str, Any]:
    """The query of one status through the index, newest first. By aliases: `status` is a reserved word."""
    condition, names, values = "#status = :status", {"#status": "status"}, {":status": {"S": status}}
    if since is not None or until is not None:
        names["#start_time"] = "start_time"
    if since is not None:
        values[":since"] = {"S": format_time(since)}
    if until is not None:
        values[":until"] = {"S": format_time(until)}
    # DynamoDB takes one condition on the sort key.
    if since is not None and until is not None:
        condition += " AND #start_time BETWEEN :since AND :until"
    elif since is not None:
        condition += " AND #start_time >= :since"
    elif until is not None:
        condition += " AND #start_time <= :until"
    query: dict[str, Any] = {
        "TableName": table,
        "IndexName": STATUS_INDEX,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
    }
    if target_cluster_id is not None:
        names["#target"], values[":target"] = "target_cluster_id", {"S": target_cluster_id}
        query["FilterExpression"] = "#target = :target"
    return query


class _UpdateRequest:
    """The expressions of one update. Every name goes by an alias: `status`, `error`, … are reserved words."""

    def __init__(
        self,
        operation_id: str,
        changes: Mapping[str, Any],
        only_if_status: str | None,
        only_if: Mapping[str, Any],
    ) -> None:
        self._key = {"operation_id": {"S": operation_id}}
        self._changes = {tuple(path.split(".")): value for path, value in changes.items()}
        self._only_if = {tuple(path.split(".")): value for path, value in only_if.items()}
        if only_if_status is not None:
            self._only_if["status",] = only_if_status
        named = {name for path in (*self._changes, *self._only_if) for name in path}
        names = sorted(named | {"operation_id"})
        self._aliases = {name: f"#n{index}" for index, name in enumerate(names)}

    def parents_by_depth(self) -> list[list[tuple[str, ...]]]:
        parents = {path[:depth] for path in self._changes for depth in range(1, len(path))}
        deepest = max((len(parent) for parent in parents), default=0)
        return [sorted(p for p in parents if len(p) == depth) for depth in range(1, deepest + 1)]

    def set_values(self) -> dict[str, Any]:
        assignments, values = [], {}
        for index, (path, value) in enumerate(self._changes.items()):
            assignments.append(f"{self._place(path)} = :v{index}")
            values[f":v{index}"] = to_attribute_value(value)
        return self._request(assignments, values)

    def make_maps(self, parents: Sequence[tuple[str, ...]]) -> dict[str, Any]:
        places = [self._place(parent) for parent in parents]
        assignments = [f"{place} = if_not_exists({place}, :m{index})" for index, place in enumerate(places)]
        return self._request(assignments, {f":m{index}": {"M": {}} for index in range(len(places))})

    def is_held_by(self, item: Mapping[str, Any] | None) -> bool:
        """Whether a record holds all of the changes already."""
        if item is None:
            return False
        for path, wanted in self._changes.items():
            value: Any = item
            for name in path:
                value = value.get(name) if isinstance(value, Mapping) else None
            if value != wanted:
                return False
        return True

    def _place(self, path: Sequence[str]) -> str:
        return ".".join(self._aliases[name] for name in path)

    def _request(self, assignments: Sequence[str], values: dict[str, Any]) -> dict[str, Any]:
        condition = f"attribute_exists({self._aliases['operation_id']})"
        for index, (path, value) in enumerate(self._only_if.items()):
            if value is None:
                condition += f" AND attribute_not_exists({self._place(path)})"
            else:
                condition += f" AND {self._place(path)} = :only_if{index}"
                values = {**values, f":only_if{index}": to_attribute_value(value)}
        expression = "SET " + ", ".join(assignments)
        text = f"{expression} {condition}"
        # DynamoDB refuses names that are declared and not used.
        used = {
            alias: name
            for name, alias in self._aliases.items()
            # `#n1` is not used where only `#n12` is.
            if re.search(rf"{alias}(?![0-9])", text)
        }
        return {
            "Key": self._key,
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": used,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _existing_item(error: BaseException) -> dict[str, Any] | None:
    """The item that a failed condition found; DynamoDB sends it along with the error."""
    item = error.response.get("Item") if isinstance(error, ClientError) else None
    return from_item(item) if isinstance(item, Mapping) else None


def _translated(error: BaseException) -> RestoreError:
    is_too_large = error_code(error) == "ValidationException" and "Item size" in error_message(error)
    if is_too_large:
        return RecordTooLarge(f"the record does not fit into one item: {error_message(error)}")
    return translate("dynamodb", error)
