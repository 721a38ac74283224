"""EventBridge Scheduler: the schedules of the pipeline, which are one group, for the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.failures import AWS_ERRORS, error_code, error_message, translate
from aurora_restore.domain.errors import RequestRefused, RestoreError
from aurora_restore.domain.naming import SCHEDULE_GROUP, SCHEDULED_START_FUNCTION
from aurora_restore.domain.schedules import Schedule, schedule_input

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

# What is not started within two hours is left to the next time.
RETRIES = {"MaximumEventAgeInSeconds": 7200, "MaximumRetryAttempts": 50}
# UpdateSchedule sets what it is not given to its default, so that all of a schedule is given back (its API reference).
_KEPT = (
    "ActionAfterCompletion", "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name",
    "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "Target",
)  # fmt: skip


class ScheduleExists(RequestRefused):
    """The group has a schedule of this name."""

    code = "SCHEDULE_EXISTS"
    default_hint = "Choose another name, or delete that one first: `aurora-restore schedule delete NAME`."


class ScheduleRefused(RequestRefused):
    """Scheduler does not take the expression, the time zone or the role."""

    code = "SCHEDULE_REFUSED"
    default_hint = (
        "Write the time as cron(30 1 * * ? *), rate(1 day) or at(2026-12-24T01:30:00), and the time zone as "
        "Europe/Berlin; deploy the pipeline again where its role for schedules is missing."
    )


class AwsSchedules:
    """The schedules of the pipeline in the account and Region of the clients."""

    def __init__(self, clients: Clients, account_id: str) -> None:
        self._clients = clients
        partition, region = clients.partition, clients.region
        self._function_arn = (
            f"arn:{partition}:lambda:{region}:{account_id}:function:{SCHEDULED_START_FUNCTION}"
        )
        self._role_arn = f"arn:{partition}:iam::{account_id}:role/aurora-restore-scheduler-{region}"

    def create(self, schedule: Schedule) -> None:
        """Raises ScheduleExists, ScheduleRefused; AwsRequestFailed where the stack has no group for schedules."""
        target = {
            "Arn": self._function_arn,
            "RoleArn": self._role_arn,
            "Input": schedule_input(schedule.name, schedule.request or {}),
            "RetryPolicy": RETRIES,
        }
        try:
            self._clients.scheduler().create_schedule(
                Name=schedule.name,
                GroupName=SCHEDULE_GROUP,
                ScheduleExpression=schedule.expression,
                ScheduleExpressionTimezone=schedule.timezone,
                FlexibleTimeWindow={"Mode": "OFF"},
                State=_state(schedule.is_enabled),
                Target=target,
            )
        except AWS_ERRORS as error:
            raise _translated(schedule.name, error) from error

    def find(self, name: str) -> Schedule | None:
        """None where the group has none of this name."""
        found = self._get(name)
        if not found:
            return None
        # An operator may have made one in the console, with an input of another form.
        try:
            given = json.loads(found.get("Target", {}).get("Input") or "{}")
        except ValueError:
            given = {}
        request = given.get("request") if isinstance(given, Mapping) else None
        return Schedule(
            name=str(found["Name"]),
            expression=str(found.get("ScheduleExpression", "")),
            timezone=str(found.get("ScheduleExpressionTimezone") or "UTC"),
            is_enabled=found.get("State") == "ENABLED",
            request=request if isinstance(request, Mapping) else None,
        )

    def list(self) -> Sequence[Schedule]:
        """All of them, by name. Raises AwsRequestFailed where the stack has no group for schedules."""
        pages = self._clients.scheduler().get_paginator("list_schedules").paginate(GroupName=SCHEDULE_GROUP)
        try:
            names = [str(item["Name"]) for page in pages for item in page["Schedules"]]
        except AWS_ERRORS as error:
            raise _translated("", error) from error
        # A list shows neither expression nor input: each is asked for by itself; one may go meanwhile.
        found = (self.find(name) for name in names)
        return sorted((each for each in found if each), key=lambda each: each.name)

    def set_enabled(self, name: str, *, is_enabled: bool) -> bool:
        """Let it start operations, or not; False where there is none of this name."""
        found = self._get(name)
        if found is None:
            return False
        kept = {key: found[key] for key in _KEPT if found.get(key) is not None}
        try:
            self._clients.scheduler().update_schedule(**kept, State=_state(is_enabled))
        except AWS_ERRORS as error:
            raise _translated(name, error) from error
        return True

    def delete(self, name: str) -> bool:
        """False where there is none of this name."""
        try:
            self._clients.scheduler().delete_schedule(Name=name, GroupName=SCHEDULE_GROUP)
        except AWS_ERRORS as error:
            if error_code(error) == "ResourceNotFoundException":
                return False
            raise _translated(name, error) from error
        return True

    def _get(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._clients.scheduler().get_schedule(
                Name=name, GroupName=SCHEDULE_GROUP
            )
        except AWS_ERRORS as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise _translated(name, error) from error
        return found


def _state(is_enabled: bool) -> str:
    return "ENABLED" if is_enabled else "DISABLED"


def _translated(name: str, error: BaseException) -> RestoreError:
    code = error_code(error)
    if code == "ConflictException":
        return ScheduleExists(f"There is a schedule {name} already.")
    if code == "ValidationException":
        return ScheduleRefused(f"Scheduler does not take the schedule {name}: {error_message(error)}")
    return translate("scheduler", error)
