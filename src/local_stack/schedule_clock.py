"""The clock of EventBridge Scheduler: what is due is delivered, at least once, and again where it fails.

Nothing of ministack is in here: schedules, the time and the call of a target are handed in.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local_stack.schedule_expressions import delay_seconds, parse_expression

DELIVERIES = 2
"""Scheduler promises at least one; here it is always one more, so that nothing relies on there being one."""
LOOKS_BACK = timedelta(hours=1)
"""What was due while the machine slept is not made up for beyond this."""
PAUSE_MOST_SECONDS = 300.0
# Defaults of RetryPolicy (API reference, RetryPolicy).
MAXIMUM_AGE_SECONDS = 86_400
MAXIMUM_RETRIES = 185

_log = logging.getLogger("local_stack")

Key = tuple[str, str, str]
"""Account, Region, and `GROUP/NAME`."""
Call = Callable[[Key, Mapping[str, Any], str], None]
"""Calls the target of a schedule with its input; raises where it cannot."""


@dataclass(frozen=True)
class Delivery:
    """One call of a target that is still to be made."""

    key: Key
    schedule: Mapping[str, Any]
    planned: datetime
    not_before: datetime
    attempt: int = 1


@dataclass
class ScheduleClock:
    """`tick` is called again and again; each call looks at the time since the last one."""

    call: Call
    started: datetime
    seen_until: dict[Key, datetime] = field(default_factory=dict)
    waiting: list[Delivery] = field(default_factory=list)

    def tick(self, schedules: Iterable[tuple[Key, Mapping[str, Any]]], now: datetime) -> None:
        """Deliver what is due. A schedule that is gone or paused is not looked at, nor what it missed made up for."""
        known = dict(schedules)
        for key, schedule in known.items():
            created = datetime.fromtimestamp(float(schedule["CreationDate"]), UTC)
            # The moment of its creation counts: a rate is due then.
            first = max(self.started, created - timedelta(microseconds=1))
            after = max(self.seen_until.get(key, first), now - LOOKS_BACK)
            self.seen_until[key] = now
            if schedule.get("State") == "ENABLED":
                self.waiting += self._due(key, schedule, after, now, created)
        for key in self.seen_until.keys() - known.keys():
            del self.seen_until[key]
        ready = [each for each in self.waiting if each.not_before <= now]
        self.waiting = [each for each in self.waiting if each.not_before > now]
        for delivery in ready:
            self._deliver(delivery, now)

    def _due(
        self, key: Key, schedule: Mapping[str, Any], after: datetime, until: datetime, created: datetime
    ) -> Iterable[Delivery]:
        zone = str(schedule.get("ScheduleExpressionTimezone") or "UTC")
        expression = parse_expression(str(schedule["ScheduleExpression"]), zone)
        for planned in expression.due(after, until, created):
            delay = delay_seconds(str(schedule["Arn"]), planned)
            for number in range(DELIVERIES):
                not_before = planned + timedelta(seconds=delay + number)
                yield Delivery(key, schedule, planned, not_before)

    def _deliver(self, delivery: Delivery, now: datetime) -> None:
        target = delivery.schedule["Target"]
        try:
            self.call(delivery.key, delivery.schedule, filled_in(str(target.get("Input") or "{}"), delivery))
        except Exception as error:  # noqa: BLE001 - whatever keeps a target from being called is tried again
            policy = target.get("RetryPolicy") or {}
            retries = int(policy.get("MaximumRetryAttempts", MAXIMUM_RETRIES))
            age = timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", MAXIMUM_AGE_SECONDS)))
            pause = timedelta(seconds=min(2.0**delivery.attempt, PAUSE_MOST_SECONDS))
            if delivery.attempt > retries or now + pause - delivery.planned > age:
                _log.warning("Scheduler gives %s up: %s", delivery.key[2], error)
                return
            again = replace(delivery, not_before=now + pause, attempt=delivery.attempt + 1)
            self.waiting.append(again)


def filled_in(text: str, delivery: Delivery) -> str:
    """The input with what Scheduler puts in for its keywords; each attempt has an id of its own."""
    values = {
        "<aws.scheduler.schedule-arn>": str(delivery.schedule["Arn"]),
        "<aws.scheduler.scheduled-time>": f"{delivery.planned.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "<aws.scheduler.execution-id>": uuid.uuid4().hex[:16],
        "<aws.scheduler.attempt-number>": str(delivery.attempt),
    }
    for keyword, value in values.items():
        text = text.replace(keyword, value)
    return text
