"""The error of a schedule that cannot be started: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class ScheduleMalformed(StepFailed):
    code = "SCHEDULE_MALFORMED"
    default_hint = (
        "Delete the schedule and create it again with `aurora-restore schedule create`, which writes its "
        "input."
    )
