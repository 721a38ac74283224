"""The branch of the tree of errors that is about archives, backups and recoveries; the command line alone has them."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import RequestRefused, StepFailed


class PlaceTaken(RequestRefused):
    code = "PLACE_TAKEN"
    default_hint = "Give a prefix of its own, for example one with the day; nothing was overwritten."


class BackupDamaged(RequestRefused):
    code = "BACKUP_DAMAGED"
    default_hint = (
        "Recover from another backup; versions of the object, where the bucket keeps them, may have it whole."
    )


class ParametersOfAnotherRegion(RequestRefused):
    code = "PARAMETERS_OF_ANOTHER_REGION"
    default_hint = (
        "Give each with --parameter NAME=VALUE as it is in the new Region; NAME= leaves it empty. "
        "Nothing was deployed."
    )


class TablesInUse(RequestRefused):
    code = "TABLES_IN_USE"
    default_hint = (
        "Recover into a Region whose tables are empty, or hold nothing but this backup. Nothing was loaded."
    )


class RecoveryIncomplete(StepFailed):
    code = "RECOVERY_INCOMPLETE"
    default_hint = "Repeat the command: it goes on where it ended. What is there already stays."


class ExportFailed(StepFailed):
    code = "EXPORT_FAILED"
    default_hint = (
        "Correct what the reason names (the bucket, its policy or its key; point-in-time recovery of the table), "
        "and repeat the command."
    )


class ArchiveDiffers(RequestRefused):
    code = "ARCHIVE_DIFFERS"
    default_hint = (
        "Its record stays, and no event was removed that the archive does not have. Compare both with "
        "`aurora-restore audit OPERATION`, with and without --archive, or archive into another prefix."
    )


class ArchiveUnverified(StepFailed):
    code = "ARCHIVE_UNVERIFIED"
    default_hint = "Nothing of this operation was removed. Look at the bucket, and repeat the command."
