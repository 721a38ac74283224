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
        topic_arn = self._topic_arn()
        self.subscription: str = self._sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=admit_topic(self._sqs, self._queue, topic_arn),
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


def admit_topic(sqs: Any, queue_url: str, topic_arn: str) -> str:
    """Let a topic send to a queue, which takes from services only what its policy admits. The ARN of the queue."""
    asked = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    queue_arn = str(asked["Attributes"]["QueueArn"])
    admitted = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [admitted]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    return queue_arn
