"""Schedules: what EventBridge Scheduler hands over when one is due, and the name of the operation that it starts.

Scheduler delivers at least once (AWS, "What is Amazon EventBridge Scheduler?"), and a redelivery must not make a second
run. Step Functions takes a name once in 90 days, so the name is made of the schedule and of the time for which it was
planned, which are the same in each delivery. Scheduler cannot make that name: its `<aws.scheduler.scheduled-time>` has
colons, which the name of an execution must not have, and `<aws.scheduler.execution-id>` is that of one attempt
(scheduler/latest/UserGuide/managing-schedule-context-attributes). So it calls a function, which does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.errors import ScheduleMalformed
from aurora_restore.domain.times import parse_time

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
# The schedule that the stack's own parameters make.
OF_THE_STACK = "nightly"
# With the time behind it, it is the name of an execution, which has 80 characters at most.
NAME_MOST_CHARACTERS = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Schedule:
    """When which request is started: a cron, rate or at expression in a time zone.

    `request` None: its input has another form than ours.
    """

    name: str
    expression: str
    timezone: str = "UTC"
    is_enabled: bool = True
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Due:
    """A schedule that is due: the operation that it starts, and with which request."""

    operation_id: str
    request: Mapping[str, Any]


def schedule_name_problem(name: str) -> str | None:
    """What keeps a text from being the name of a schedule; None where it is one."""
    if len(name) > NAME_MOST_CHARACTERS:
        return f"it has {len(name)} characters, and at most {NAME_MOST_CHARACTERS} are possible"
    if not _NAME.fullmatch(name):
        return "it is not made of letters, digits, `-` and `_`, beginning with a letter"
    return None


def schedule_input(name: str, request: Mapping[str, Any]) -> str:
    """What Scheduler hands to the function, in which it puts the time for which the schedule was planned."""
    return json.dumps({"schedule": name, "scheduled_time": SCHEDULED_TIME, "request": dict(request)})


def due(event: Mapping[str, Any]) -> Due:
    """Read what `schedule_input` wrote.

    Raises:
        ScheduleMalformed: it is something else.
    """
    name, time, request = (event.get(key) for key in ("schedule", "scheduled_time", "request"))
    if not isinstance(name, str) or (problem := schedule_name_problem(name)):
        problem = problem if isinstance(name, str) else "it is missing"
        raise ScheduleMalformed(f"The name of the schedule cannot be used: {problem}.")
    if not isinstance(request, Mapping):
        raise ScheduleMalformed(f"The schedule {name} has no request.")
    try:
        planned = parse_time(str(time))
    except ValueError as error:
        raise ScheduleMalformed(f"The schedule {name} has no time that can be read: {time!r}.") from error
    return Due(f"{name}-{planned:%Y%m%d-%H%M%S}", request)
