"""The error of a parameter group that does not take effect: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class ParameterGroupNotApplied(StepFailed):
    code = "PARAMETER_GROUP_NOT_APPLIED"
    default_hint = (
        "See what the events of the instances say (aws rds describe-events --source-type db-instance --duration 1440) "
        "and whether the requested group fits the instances, then start again under a new name; or ask for "
        "`quiet_start: false`, with which the cluster has the requested group from the beginning."
    )
