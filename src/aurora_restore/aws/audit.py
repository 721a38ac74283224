"""The audit table: what happened in each operation, in its order; written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.attribute_values import from_item, to_item
from aurora_restore.aws.failures import CONDITION_FAILED, Translating

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

DATE_INDEX = "event_date-event_id-index"


class AwsAudit:
    """Implements the port `Audit`."""

    def __init__(self, clients: Clients, table_name: str, region: str | None = None) -> None:
        self._clients = clients
        self._table = table_name
        self._region = region

    def append(self, item: Mapping[str, Any]) -> None:
        """Add one event. Its repetition, and any other item under its key, changes nothing."""
        # The condition keeps an entry that exists as it was first written. IAM cannot demand it of a request: none of
        # the condition keys of DynamoDB is about the item that exists (Service Authorization Reference, "Condition
        # keys for Amazon DynamoDB"). What another program overwrites, the chain shows.
        with Translating("dynamodb", ignoring={CONDITION_FAILED}):
            self._clients.dynamodb(self._region).put_item(
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(event_id)",
            )

    def trail(self, operation_id: str) -> Sequence[dict[str, Any]]:
        """All events of an operation, oldest first; a consistent read of every page."""
        return self._query(
            ConsistentRead=True,
            KeyConditionExpression="operation_id = :value",
            ExpressionAttributeValues={":value": {"S": operation_id}},
        )

    def events_of_day(self, event_date: str) -> Sequence[dict[str, Any]]:
        """All events of a UTC day (`YYYY-MM-DD`), oldest first, across operations."""
        return self._query(
            IndexName=DATE_INDEX,
            KeyConditionExpression="event_date = :value",
            ExpressionAttributeValues={":value": {"S": event_date}},
        )

    def _query(self, **query: Any) -> list[dict[str, Any]]:
        paginator = self._clients.dynamodb(self._region).get_paginator("query")
        with Translating("dynamodb"):
            pages = list(paginator.paginate(TableName=self._table, **query))
        return [from_item(item) for page in pages for item in page["Items"]]
