"""The error of a copy that does not keep quiet: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import StepFailed


class CopyNotQuiet(StepFailed):
    code = "COPY_NOT_QUIET"
    default_hint = (
        "Let the master user act for the owner that is named (`GRANT <owner> TO <master user> WITH ADMIN OPTION` in "
        "the source cluster) or open the database that is named, and restore a snapshot taken after that; or ask for "
        "`quiet_start: false` if the copy may act as production does."
    )
