"""The errors of the master user's login: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class MasterLoginRefused(StepFailed):
    code = "MASTER_LOGIN_REFUSED"
    default_hint = (
        "The password was changed and the master user is refused all the same: see whether it logs in by IAM, is "
        "locked or may not log in, and whether the admin secret was changed meanwhile."
    )


class MasterLoginByIam(StepFailed):
    code = "MASTER_LOGIN_BY_IAM"
    default_hint = (
        "Let the master user log in by its password in the source (Aurora PostgreSQL: revoke rds_iam from it; Aurora "
        "MySQL: give it another plugin than AWSAuthenticationPlugin, and unlock it), make a snapshot, and start again "
        "with that one under a new name."
    )
