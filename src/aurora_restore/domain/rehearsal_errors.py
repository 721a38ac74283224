"""The branch of the tree of errors that is about rehearsals."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import RequestRefused, StepFailed


class RehearsalReplacesNothing(RequestRefused):
    code = "REHEARSAL_REPLACES_NOTHING"
    default_hint = (
        "A rehearsal restores beside everything that exists, and deletes what it restored: leave "
        "delete_cluster_if_exists and deletion_protection out, and target_cluster_id too for a name of its own."
    )


class NotTheScratchCluster(StepFailed):
    code = "NOT_THE_SCRATCH_CLUSTER"
    default_hint = (
        "The rehearsal deletes only the cluster that it made itself. Look at the resource id and the tags of the "
        "cluster that is named, and delete by hand what is not needed."
    )
