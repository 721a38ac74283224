"""The errors of a schedule whose operation cannot be started: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class ScheduleMalformed(StepFailed):
    code = "SCHEDULE_MALFORMED"
    default_hint = (
        "Delete the schedule and create it again with `aurora-restore schedule create`, which writes its "
        "input."
    )


class ScheduledNameTaken(StepFailed):
    code = "SCHEDULED_NAME_TAKEN"
    default_hint = (
        "Start this operation by hand with `aurora-restore start`. Then delete the schedule and create it "
        "again under a name that no other schedule and no operation begins with."
    )
