"""The errors of the master user's login: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class MasterLoginRefused(StepFailed):
    code = "MASTER_LOGIN_REFUSED"
    default_hint = (
        "The password was changed and the master user is refused all the same: see whether it is a member of "
        "rds_iam or may not log in, and whether the admin secret was changed meanwhile."
    )


class MasterLoginByIam(StepFailed):
    code = "MASTER_LOGIN_BY_IAM"
    default_hint = (
        "Revoke rds_iam from the master user in the source (Aurora then takes its password again), see that it may log "
        "in, make a snapshot, and start again with that one under a new name."
    )
