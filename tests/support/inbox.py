"""What the topic sends, read through a queue of our own."""

from __future__ import annotations

import json
import uuid
from typing import Any

TOPIC_NAME = "aurora-restore-notifications"
RECEIVES_AT_MOST = 100


class Inbox:
    """Subscribed from its making until `close`."""

    def __init__(self, boto: Any) -> None:
        self._sqs, self._sns = boto("sqs"), boto("sns")
        self._queue = self._sqs.create_queue(QueueName=f"inbox-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        self._seen: list[str] = []
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        self.subscription: str = self._sns.subscribe(
            TopicArn=self._topic_arn(),
            Protocol="sqs",
            Endpoint=asked["Attributes"]["QueueArn"],
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def messages(self) -> list[str]:
        """All that has come so far, oldest first."""
        for _ in range(RECEIVES_AT_MOST):
            received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
                "Messages", []
            )
            if not received:
                break
            for item in received:
                self._seen.append(json.loads(item["Body"])["Message"])
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=item["ReceiptHandle"])
        return self._seen

    def about(self, operation_id: str) -> list[str]:
        return [message for message in self.messages() if operation_id in message]

    def close(self) -> None:
        self._sns.unsubscribe(SubscriptionArn=self.subscription)
        self._sqs.delete_queue(QueueUrl=self._queue)

    def _topic_arn(self) -> str:
        pages = self._sns.get_paginator("list_topics").paginate()
        arns = [item["TopicArn"] for page in pages for item in page["Topics"]]
        return str(next(arn for arn in arns if arn.endswith(f":{TOPIC_NAME}")))
