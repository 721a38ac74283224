"""What ministack's SNS shows as confirmed and AWS does not: subscriptions whose receiver has not agreed yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ministack.services import sns

from local_stack.ministack_hooks import Replacements

ASKED_BY_MAIL = frozenset({"email", "email-json"})
"""Protocols whose receiver has to follow a link (Amazon SNS Developer Guide, "Email notifications"); ministack confirms
them by itself. Here no mail is sent, so that they stay pending."""
PENDING = "PendingConfirmation"

_replacements = Replacements()


def apply() -> None:
    """Replace functions of ministack's SNS. Once a process."""
    _replacements.apply()


def ask(arn: str) -> bool:
    """Let a new subscription wait for its receiver, where that is asked by mail; whether it waits now."""
    subscription = next((each for each in _subscriptions() if each["arn"] == arn), None)
    if subscription is None or subscription["protocol"] not in ASKED_BY_MAIL or subscription.get("token"):
        return False
    subscription |= {"confirmed": False, "token": uuid.uuid4().hex}
    subscription["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
    sns._refresh_subscription_counts(sns._topics[subscription["topic_arn"]])
    return True


@_replacements.of(sns, "_subscribe")
def _subscribe_and_ask(subscribe: Callable[[Any], Any], params: Any) -> Any:
    known = {subscription["arn"] for subscription in _subscriptions()}
    answer = subscribe(params)
    for arn in {subscription["arn"] for subscription in _subscriptions()} - known:
        if ask(arn) and sns._p(params, "ReturnSubscriptionArn") != "true":
            answer = _with(answer, arn, "pending confirmation")
    return answer


@_replacements.of(sns, "_list_subscriptions_by_topic")
@_replacements.of(sns, "_list_subscriptions")
def _list_without_the_arns_of_pending_ones(list_them: Callable[[Any], Any], params: Any) -> Any:
    answer = list_them(params)
    for subscription in _subscriptions():
        if not subscription["confirmed"]:
            answer = _with(answer, subscription["arn"], PENDING)
    return answer


def _subscriptions() -> list[dict[str, Any]]:
    return [subscription for topic in sns._topics.values() for subscription in topic["subscriptions"]]


def _with(answer: Any, arn: str, shown: str) -> Any:
    """The answer with something else in the place of a subscription's ARN."""
    status, headers, body = answer
    text = body.decode() if isinstance(body, bytes) else body
    element = "<SubscriptionArn>{}</SubscriptionArn>".format
    replaced = text.replace(element(arn), element(shown))
    return status, headers, replaced.encode() if isinstance(body, bytes) else replaced
