"""SNS: one message for people, with a part for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.failures import AWS_ERRORS, error_code, translate
from aurora_restore.domain.errors import AccessDenied, NotificationFailed

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

SUBJECT_CHARACTERS = 100
MESSAGE_BYTES = 256 * 1024
# The attributes count towards the limit of the message.
ATTRIBUTES_ALLOWANCE_BYTES = 8 * 1024
SHORT_TEXT_CHARACTERS = 2048
# The line between the text and the JSON.
SEPARATOR = "---"

# The topic's address, its policy or its key is wrong: no repetition helps, so an operator has to hear of it.
MISDIRECTED_CODES = frozenset(
    {
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidSecurity",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
        "NotFound",
        "NotFoundException",
    }
)


class AwsNotifications:
    """Implements the port `Notifications` on one SNS topic."""

    def __init__(self, clients: Clients, topic_arn: str, region: str | None = None) -> None:
        self._clients = clients
        self._topic_arn = topic_arn
        self._region = region

    def publish(
        self, subject: str, text: str, message: Mapping[str, Any], attributes: Mapping[str, str]
    ) -> str:
        """Publish one message; returns its id.

        Raises:
            NotificationFailed: there is no such topic, or the role may not publish to it or use its key.
        """
        try:
            response = self._clients.sns(self._region).publish(
                TopicArn=self._topic_arn,
                Subject=fit_subject(subject),
                Message=compose_body(text, message),
                # SNS refuses an attribute with an empty value, so those are left out.
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                    if value
                },
            )
        except AWS_ERRORS as error:
            failure = translate("sns", error)
            if isinstance(failure, AccessDenied) or error_code(error) in MISDIRECTED_CODES:
                raise NotificationFailed(
                    f"the message could not be published to {self._topic_arn}: {failure.message}"
                ) from error
            raise failure from error
        return response["MessageId"]


def fit_subject(subject: str) -> str:
    """A subject that SNS takes: printable ASCII on one line, at most 100 characters."""
    one_line = " ".join(subject.split())
    ascii_only = re.sub(r"[^\x20-\x7e]", "?", one_line)
    if len(ascii_only) <= SUBJECT_CHARACTERS:
        return ascii_only or "Aurora restore"
    return ascii_only[: SUBJECT_CHARACTERS - 3].rstrip() + "..."


def compose_body(text: str, message: Mapping[str, Any]) -> str:
    """The text, a blank line, a line `---`, and the message as JSON.

    Where that passes 256 KB, the JSON keeps its plain top-level fields and says `"truncated": true`; the
    record has the rest. A text that is itself too long is cut.
    """
    body = _join(text, message)
    room = MESSAGE_BYTES - ATTRIBUTES_ALLOWANCE_BYTES
    if _size(body) <= room:
        return body
    # Long texts and nested fields are what makes a message too long.
    plain = {
        name: value
        for name, value in message.items()
        if value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= SHORT_TEXT_CHARACTERS)
    }
    reduced = {**plain, "truncated": True}
    text_room = max(0, room - _size(_join("", reduced)))
    # The cut may fall into a character of several bytes; its beginning is dropped.
    return _join(text.encode()[:text_room].decode(errors="ignore"), reduced)


def _join(text: str, message: Mapping[str, Any]) -> str:
    return f"{text.rstrip()}\n\n{SEPARATOR}\n{json.dumps(message, ensure_ascii=False, sort_keys=True)}"


def _size(body: str) -> int:
    return len(body.encode())
