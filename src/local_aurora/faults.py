"""Injected faults: which calls go wrong, and how."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from local_aurora.errors import AwsError, ReplyLostError, throttled
from local_aurora.timing import Transition

# What a call makes comes before what it is made from: a rule for a copy is not one for its source.
_IDENTIFYING = (
    "TargetDBClusterSnapshotIdentifier", "TargetDBClusterParameterGroupIdentifier", "DBClusterSnapshotIdentifier",
    "DBInstanceIdentifier", "DBClusterIdentifier", "DBSubnetGroupName", "DBClusterParameterGroupName",
    "DBParameterGroupName", "ResourceName", "ResourceId",
)  # fmt: skip


class Effect(StrEnum):
    """What a rule does to a call, or to the objects that the call sets on their way."""

    ERROR = "error"
    """The call is refused with `code` and `message` and changes nothing."""
    THROTTLE = "throttle"
    """The call is refused with Throttling, "Rate exceeded"."""
    ERROR_AFTER = "error-after"
    """The call acts and then answers with `code` and `message`."""
    REPLY_LOST = "reply-lost"
    """The call acts and its reply never arrives."""
    HOLD = "hold"
    """What the call begins goes on until the rule is released."""
    END_AS = "end-as"
    """What the call begins ends in `status`: failed, migration-failed, incompatible-network, …"""


@dataclass(frozen=True)
class FaultRule:
    """Counted over the calls that match: the `nth` (from 1) is hit first, `times` calls in all (0: every one after).

    `action`, `region` and `identifier` are shell patterns; the identifier is the one of what the call makes or
    works on. With `parameter`, only calls that carry it match.

    Raises:
        ValueError: an effect without what it needs.
    """

    name: str
    effect: Effect
    action: str = "*"
    region: str = "*"
    identifier: str = "*"
    nth: int = 1
    times: int = 1
    code: str = "InternalFailure"
    message: str = "The local Aurora fails this call, since a test asked for it."
    status: str = ""
    parameter: str = ""

    def __post_init__(self) -> None:
        if self.effect is Effect.END_AS and not self.status:
            raise ValueError(f"Fault rule {self.name}: the effect {self.effect} needs a status.")
        if self.nth < 1 or self.times < 0:
            raise ValueError(f"Fault rule {self.name}: nth counts from 1, times from 0.")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FaultRule:
        """Raises ValueError for unknown fields, a missing name, or an unknown effect."""
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown or not {"name", "effect"} <= set(values):
            raise ValueError(
                f"A fault rule needs name and effect; unknown fields: {', '.join(unknown) or 'none'}."
            )
        return cls(**{**values, "effect": Effect(values["effect"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def covers(self, action: str, region: str, identifier: str, params: Mapping[str, Any]) -> bool:
        # Some operations do quite different things by one parameter (a rename is a modification).
        if self.parameter and not params.get(self.parameter):
            return False
        pairs = ((action, self.action), (region, self.region), (identifier, self.identifier))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs)


class FaultRules:
    """The rules in force and how many matching calls each has seen."""

    def __init__(self) -> None:
        self._rules: dict[str, FaultRule] = {}
        self._seen: dict[str, int] = {}
        self._over: set[str] = set()

    def add(self, rule: FaultRule) -> None:
        """A rule of the same name is replaced, and counts anew."""
        self._rules[rule.name] = rule
        self._seen[rule.name] = 0
        self._over.discard(rule.name)

    def end(self, name: str) -> None:
        """Let a rule hit no later call. It is still listed, with the calls that it has seen."""
        self._over.add(name)

    def clear(self) -> None:
        self._rules.clear()
        self._seen.clear()
        self._over.clear()

    def in_force(self) -> list[tuple[FaultRule, int]]:
        return [(rule, self._seen[name]) for name, rule in self._rules.items()]

    def hitting(self, action: str, region: str, params: Mapping[str, Any]) -> list[FaultRule]:
        """Count one call, and say which rules hit it."""
        identifier = next((str(params[name]) for name in _IDENTIFYING if params.get(name)), "")
        hitting = []
        for rule in list(self._rules.values()):
            if rule.name in self._over or not rule.covers(action, region, identifier, params):
                continue
            # Counted also before the first hit and after the last, since `nth` is a number of calls.
            self._seen[rule.name] += 1
            number = self._seen[rule.name]
            if number >= rule.nth and (rule.times == 0 or number < rule.nth + rule.times):
                hitting.append(rule)
        return hitting


def refuse_before(rules: list[FaultRule]) -> None:
    for rule in rules:
        if rule.effect is Effect.THROTTLE:
            raise throttled()
        if rule.effect is Effect.ERROR:
            raise AwsError(rule.code, rule.message)


def mark(rules: list[FaultRule], begun: list[Transition]) -> None:
    """Hold what a call has begun, or decide how it ends."""
    for rule in rules:
        for transition in begun:
            if rule.effect is Effect.HOLD:
                transition.held_by = rule.name
            elif rule.effect is Effect.END_AS:
                transition.ends_as = rule.status


def spoil_reply(rules: list[FaultRule]) -> None:
    # The call has acted by now, and its caller cannot know.
    for rule in rules:
        if rule.effect is Effect.REPLY_LOST:
            raise ReplyLostError(f"Fault rule {rule.name} lost the reply.")
        if rule.effect is Effect.ERROR_AFTER:
            raise AwsError(rule.code, rule.message)
