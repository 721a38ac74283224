"""SNS through the wire."""

from __future__ import annotations

import json

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.notifications import AwsNotifications
from aurora_restore.domain.errors import AwsThrottled, AwsUnavailable, NotificationFailed


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def notifications(aws: InProcessAws) -> AwsNotifications:
    return AwsNotifications(aws.clients(), aws.create_topic())


def test_a_message_reaches_the_topic_with_its_parts(
    aws: InProcessAws, notifications: AwsNotifications
) -> None:
    message_id = notifications.publish(
        "Restore done: staging § größer",
        "The cluster staging is available.\nIts endpoint: x",
        {"operation_id": "restore-1", "status": "SUCCEEDED"},
        {"status": "SUCCEEDED", "error_code": ""},
    )
    assert message_id
    (published,) = aws.published
    assert published.subject == "Restore done: staging ? gr??er"
    text, document = published.message.split("\n\n---\n")
    assert text == "The cluster staging is available.\nIts endpoint: x"
    assert json.loads(document) == {"operation_id": "restore-1", "status": "SUCCEEDED"}
    assert published.attributes == {"status": "SUCCEEDED"}


def test_a_message_beyond_sns_s_limit_still_goes_out(
    aws: InProcessAws, notifications: AwsNotifications
) -> None:
    notifications.publish("s", "é" * 140_000, {"operation_id": "x", "plan": ["p"] * 9_000}, {"a": "b"})
    assert json.loads(aws.published[0].message.rpartition("\n---\n")[2])["truncated"] is True


def test_a_missing_topic_is_named(aws: InProcessAws) -> None:
    arn = f"arn:aws:sns:us-west-2:{aws.account_id}:none"
    with pytest.raises(NotificationFailed, match=arn):
        AwsNotifications(aws.clients(), arn).publish("s", "t", {}, {})


@pytest.mark.parametrize("code", ["AuthorizationError", "KMSAccessDenied", "InvalidParameter"])
def test_a_topic_that_does_not_take_it_says_so(
    aws: InProcessAws, notifications: AwsNotifications, code: str
) -> None:
    aws.before(is_operation("Publish"), Refusal(code, "no", 403))
    with pytest.raises(NotificationFailed):
        notifications.publish("s", "t", {}, {})


@pytest.mark.parametrize(
    ("fault", "expected"), [(FaultKind.THROTTLED, AwsThrottled), (FaultKind.UNAVAILABLE, AwsUnavailable)]
)
def test_a_passing_fault_can_be_repeated(
    aws: InProcessAws, notifications: AwsNotifications, fault: Refusal, expected: type[Exception]
) -> None:
    aws.before(is_operation("Publish"), fault)
    with pytest.raises(expected):
        notifications.publish("s", "t", {}, {})
    assert aws.published == []
