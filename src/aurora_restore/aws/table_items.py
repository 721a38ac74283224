"""The items of the state table and the audit table as wholes: for what moves them, and never changes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.attribute_values import from_item, to_attribute_value, to_item
from aurora_restore.aws.failures import CONDITION_FAILED, Translating
from aurora_restore.domain.record import Record

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

Item = Mapping[str, Any]


class AwsTableItems:
    """Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed."""

    def __init__(self, clients: Clients, state_table: str, audit_table: str) -> None:
        self._clients = clients
        self._state = state_table
        self._audit = audit_table

    def operation_ids(self) -> frozenset[str]:
        """Of every record and every audit event, every page; consistent reads."""
        found: set[str] = set()
        for table in (self._state, self._audit):
            pages = self._clients.dynamodb().get_paginator("scan").paginate(
                TableName=table, ProjectionExpression="operation_id", ConsistentRead=True
            )  # fmt: skip
            with Translating("dynamodb"):
                found.update(item["operation_id"]["S"] for page in pages for item in page["Items"])
        return frozenset(found)

    def records(self) -> Iterator[dict[str, Any]]:
        """Every record, every page; consistent reads."""
        pages = self._clients.dynamodb().get_paginator("scan").paginate(
            TableName=self._state, ConsistentRead=True
        )  # fmt: skip
        with Translating("dynamodb"):
            for page in pages:
                yield from (from_item(item) for item in page["Items"])

    def put_record(self, record: Item) -> bool:
        """Write a record where none has its id; False where one has it."""
        return self._put(self._state, record, "operation_id")

    def put_event(self, event: Item) -> bool:
        """Write an audit event where none has its key; False where one has it."""
        return self._put(self._audit, event, "event_id")

    def delete_record(self, record: Item) -> bool:
        """Delete a record that is as it was read, by its last change and the end of its chain; False otherwise."""
        found = Record.read(record)
        return self._delete(self._state, {"operation_id": found.operation_id}, found.unchanged())

    def delete_event(self, event: Item) -> bool:
        """Delete an audit event that is as it was read, by its whole contents; False otherwise."""
        key = {name: event[name] for name in ("operation_id", "event_id")}
        return self._delete(
            self._audit, key, {name: value for name, value in event.items() if name not in key}
        )

    def _put(self, table: str, item: Item, key: str) -> bool:
        with Translating("dynamodb", ignoring={CONDITION_FAILED}):
            self._clients.dynamodb().put_item(
                TableName=table, Item=to_item(item), ConditionExpression=f"attribute_not_exists({key})"
            )
            return True
        return False

    def _delete(self, table: str, key: Item, as_read: Item) -> bool:
        names = {f"#n{number}": name for number, name in enumerate(as_read)}
        # A field that the item does not have is asked for as missing.
        conditions = [
            f"attribute_not_exists({alias})" if as_read[name] is None else f"{alias} = :{alias[1:]}"
            for alias, name in names.items()
        ]
        values = {
            f":{alias[1:]}": to_attribute_value(as_read[name])
            for alias, name in names.items()
            if as_read[name] is not None
        }
        # One that is gone already fails the condition as well; the caller looks again.
        with Translating("dynamodb", ignoring={CONDITION_FAILED}):
            self._clients.dynamodb().delete_item(
                TableName=table,
                Key=to_item(key),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
            return True
        return False
