"""The lock table: one operation at a time for each target cluster."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import AWS_ERRORS, CONDITION_FAILED, Translating, error_code, translate
from aurora_restore.domain.times import format_time

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

# When DynamoDB may remove a lock that was not released. Longer than any run: it only keeps the table tidy,
# and never decides who owns a lock.
LOCK_LIFETIME = timedelta(days=30)


class AwsLocks:
    """Implements the port `Locks`."""

    def __init__(self, clients: Clients, table_name: str, region: str | None = None) -> None:
        self._clients = clients
        self._table = table_name
        self._region = region

    def acquire(
        self, target_cluster_id: str, operation_id: str, now: datetime, replaces: str | None = None
    ) -> bool:
        """Take the lock where it is free, ours, or owned by `replaces`; False where another operation has it."""
        # A lock that is ours counts as free: the reply to our own first request may have been lost.
        condition = "attribute_not_exists(target_cluster_id) OR operation_id = :ours"
        values = {":ours": {"S": operation_id}}
        if replaces is not None:
            condition += " OR operation_id = :replaced"
            values[":replaced"] = {"S": replaces}
        try:
            self._clients.dynamodb(self._region).put_item(
                TableName=self._table,
                Item={
                    "target_cluster_id": {"S": target_cluster_id},
                    "operation_id": {"S": operation_id},
                    "acquired_time": {"S": format_time(now)},
                    "expires_at": {"N": str(int((now + LOCK_LIFETIME).timestamp()))},
                },
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except AWS_ERRORS as error:
            if error_code(error) == CONDITION_FAILED:
                return False
            raise translate("dynamodb", error) from error
        return True

    def owner(self, target_cluster_id: str) -> str | None:
        """The operation that has the lock; a consistent read."""
        with Translating("dynamodb"):
            response = self._clients.dynamodb(self._region).get_item(
                TableName=self._table,
                Key={"target_cluster_id": {"S": target_cluster_id}},
                ConsistentRead=True,
            )
        item = response.get("Item")
        return item["operation_id"]["S"] if item else None

    def list_owners(self) -> dict[str, str]:
        """The operation that has each target's lock. A consistent scan, of a table that has only running operations."""
        found: dict[str, str] = {}
        with Translating("dynamodb"):
            pages = self._clients.dynamodb(self._region).get_paginator("scan")
            for page in pages.paginate(TableName=self._table, ConsistentRead=True):
                found |= {i["target_cluster_id"]["S"]: i["operation_id"]["S"] for i in page["Items"]}
        return found

    def release(self, target_cluster_id: str, operation_id: str) -> None:
        """Give the lock back if it is ours; otherwise nothing happens."""
        with Translating("dynamodb", ignoring={CONDITION_FAILED}):
            self._clients.dynamodb(self._region).delete_item(
                TableName=self._table,
                Key={"target_cluster_id": {"S": target_cluster_id}},
                ConditionExpression="operation_id = :ours",
                ExpressionAttributeValues={":ours": {"S": operation_id}},
            )
