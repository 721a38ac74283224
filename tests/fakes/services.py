"""SNS, Secrets Manager, KMS and EC2 in memory, as far as the pipeline sees them.

Held to the adapters by tests/contract/aws/test_fakes_behave_alike.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.fault_injector import FaultInjector

from aurora_restore.aws.failures import AWS_ERRORS, error_message, translate
from aurora_restore.aws.metrics import embedded
from aurora_restore.aws.notifications import compose_body, fit_subject
from aurora_restore.domain.errors import (
    AccessDenied,
    KmsKeyNotAccessible,
    NotificationFailed,
    SecretMalformed,
    SecretNotAccessible,
    SecretNotFound,
)
from aurora_restore.domain.measures import Measured
from aurora_restore.domain.observed import Credentials, KmsKey, SecurityGroup


@dataclass(frozen=True)
class Published:
    """A message that the topic took."""

    message_id: str
    subject: str
    body: str
    facts: Mapping[str, Any]
    attributes: Mapping[str, str]


class FakeMetrics:
    """The `Metrics` port; `lines` holds what was measured, where it is kept: a long simulation measures a lot."""

    def __init__(self, *, keeps: bool = False) -> None:
        self.keeps = keeps
        self.lines: list[Measured] = []

    def put(self, measured: Measured) -> None:
        line = embedded(measured)
        # What CloudWatch would make no metric of, without a word.
        for name in measured.values:
            assert type(line[name]) in (int, float), (name, line)
        assert all(isinstance(line[name], str) and line[name] for name in measured.dimensions), line
        if self.keeps:
            self.lines.append(measured)


class FakeNotifications:
    """The `Notifications` port on one topic; `published` holds its messages, oldest first."""

    def __init__(
        self, injector: FaultInjector | None = None, topic_arn: str = "topic", exists: bool = True
    ) -> None:
        self.published: list[Published] = []
        self._injector = injector or FaultInjector()
        self._topic_arn = topic_arn
        self._exists = exists

    def publish(
        self, subject: str, text: str, message: Mapping[str, Any], attributes: Mapping[str, str]
    ) -> str:
        if not self._exists:
            raise NotificationFailed(
                f"the message could not be published to {self._topic_arn}: no such topic"
            )
        kept = {name: value for name, value in attributes.items() if value}
        body = compose_body(text, message)

        def act() -> str:
            message_id = f"message-{len(self.published) + 1}"
            self.published.append(Published(message_id, fit_subject(subject), body, dict(message), kept))
            return message_id

        try:
            return self._injector.call("sns", "Publish", act)
        except AWS_ERRORS as error:
            failure = translate("sns", error)
            if isinstance(failure, AccessDenied):
                raise NotificationFailed(
                    f"the message could not be published to {self._topic_arn}: {failure.message}"
                ) from error
            raise failure from error


class FakeSecrets:
    """The `Secrets` port. `values`: the secret's name → what its JSON holds, or text that is not such JSON."""

    def __init__(
        self, values: Mapping[str, Mapping[str, Any] | str], injector: FaultInjector | None = None
    ) -> None:
        self.values = dict(values)
        self._injector = injector or FaultInjector()

    def read_credentials(self, secret_id: str) -> Credentials:
        try:
            found = self._injector.call(
                "secretsmanager", "GetSecretValue", lambda: self.values.get(secret_id)
            )
        except AWS_ERRORS as error:
            failure = translate("secretsmanager", error)
            if isinstance(failure, AccessDenied):
                raise SecretNotAccessible(
                    f"the secret {secret_id} cannot be read: {failure.message}"
                ) from error
            raise failure from error
        if found is None:
            raise SecretNotFound(f"there is no secret {secret_id}")
        return _credentials(secret_id, found)


def _credentials(secret_id: str, value: Mapping[str, Any] | str) -> Credentials:
    if isinstance(value, str):
        raise SecretMalformed(f"the value of the secret {secret_id} is not a JSON object")
    missing = [
        name
        for name in ("username", "password")
        if not isinstance(value.get(name), str) or value.get(name) == ""
    ]
    if missing:
        raise SecretMalformed(f"the secret {secret_id} lacks text under {' and '.join(missing)}")
    return Credentials(value["username"], value["password"])


class FakeKeys:
    """The `Keys` port. `keys`: every spelling of a key (id, ARN, alias) → the key."""

    def __init__(
        self, keys: Mapping[str, KmsKey] | None = None, injector: FaultInjector | None = None
    ) -> None:
        self.keys = dict(keys or {})
        self._injector = injector or FaultInjector()

    def find_key(self, kms_key_id: str, region: str | None = None) -> KmsKey | None:
        try:
            return self._injector.call("kms", "DescribeKey", lambda: self.keys.get(kms_key_id))
        except AWS_ERRORS as error:
            failure = translate("kms", error)
            if isinstance(failure, AccessDenied):
                raise KmsKeyNotAccessible(
                    f"the key {kms_key_id} cannot be looked at: {error_message(error)}"
                ) from error
            raise failure from error


class FakeNetwork:
    """The `Network` port."""

    def __init__(self, groups: Sequence[SecurityGroup] = (), injector: FaultInjector | None = None) -> None:
        self.groups = {group.group_id: group for group in groups}
        self._injector = injector or FaultInjector()

    def find_security_groups(self, group_ids: Sequence[str]) -> Mapping[str, SecurityGroup]:
        def act() -> dict[str, SecurityGroup]:
            return {name: self.groups[name] for name in sorted(set(group_ids)) if name in self.groups}

        if not group_ids:
            return {}
        return self._injector.call_translated("ec2", "DescribeSecurityGroups", act)
