"""The branch of the tree of errors that is about replacing a cluster, and about undoing that."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import RequestRefused, StepFailed


class DeletionProtected(RequestRefused):
    code = "DELETION_PROTECTED"
    default_hint = (
        "The cluster is protected against deletion. If it may be deleted: aws rds modify-db-cluster "
        "--db-cluster-identifier NAME --no-deletion-protection, then start again."
    )
    default_cleanup_hint = (
        "If the cluster may be deleted: aws rds modify-db-cluster --db-cluster-identifier NAME "
        "--no-deletion-protection."
    )


class TargetNotAvailable(RequestRefused):
    code = "TARGET_NOT_AVAILABLE"
    default_hint = (
        "Only a cluster that is `available`, with all its instances, is replaced: start it, or wait until it is "
        "done, then start again."
    )


class GlobalClusterMember(RequestRefused):
    code = "GLOBAL_CLUSTER_MEMBER"
    default_hint = (
        "Take it out of the global cluster first (aws rds remove-from-global-cluster), or choose "
        "another target."
    )
    default_cleanup_hint = "If the cluster may be deleted, take it out: aws rds remove-from-global-cluster."


class TargetIsSource(RequestRefused):
    code = "TARGET_IS_SOURCE"
    default_hint = "A cluster is never replaced by a snapshot of itself: choose another target_cluster_id."


class KeepNeedsSwap(RequestRefused):
    code = "KEEP_NEEDS_SWAP"
    default_hint = (
        "With delete_first nothing is left to keep: use replace_strategy swap, or leave the field out."
    )


class RollbackNeeded(RequestRefused):
    code = "ROLLBACK_NEEDED"
    default_hint = (
        "With delete_first the final snapshot is the only rollback if the restore fails: leave final_snapshot out, "
        "or use replace_strategy swap."
    )


class TooManyTags(RequestRefused):
    code = "TOO_MANY_TAGS"
    default_hint = (
        "Remove tags from the replaced cluster, or name fewer in the request (tags: {} names none)."
    )


class ReplacedOutsidePrefix(RequestRefused):
    code = "REPLACED_OUTSIDE_PREFIX"
    default_hint = (
        "The pipeline may delete only what begins with the stack's TargetClusterPrefix: rename the instance "
        "(this reboots it), or deploy the stack with another prefix."
    )


class DifferenceNotAccepted(RequestRefused):
    code = "DIFFERENCE_NOT_ACCEPTED"
    default_hint = (
        "Ask for the value in the request, or name the field in accept_differences; the existing "
        "cluster was not touched."
    )


class NothingKept(RequestRefused):
    code = "NOTHING_KEPT"
    default_hint = (
        "An undo needs the replaced cluster, which keep_replaced_hours keeps. After that its final snapshot can be "
        "restored: give its name in source_snapshot_identifier."
    )


class SwitchOverFailed(StepFailed):
    code = "SWITCH_OVER_FAILED"
    default_hint = "Look at the events of the clusters that are named in the RDS console; then start again."
    default_cleanup_hint = (
        "Look at the events of the clusters that are named: aws rds describe-events --duration 1440."
    )


class EndpointNotProved(StepFailed):
    code = "ENDPOINT_NOT_PROVED"
    default_hint = (
        "Clients would not have reached the new cluster, so the name went back. See that the functions' subnets "
        "resolve and reach the target's endpoint, and that the admin secret was not changed; then start again."
    )


class FinalSnapshotFailed(StepFailed):
    code = "FINAL_SNAPSHOT_FAILED"
    default_hint = (
        "No cluster is deleted without its final snapshot. Look at the cluster's events and at the quota of "
        "manual snapshots; then start again."
    )
    default_cleanup_hint = (
        "If the message names a snapshot that failed, delete it. Look at the cluster's events and at the quota of "
        "manual snapshots."
    )


class Cancelled(StepFailed):
    code = "CANCELLED"
    default_hint = (
        "Start again under a new name when you need it; a finished copy of the snapshot is used again."
    )


class ManualIntervention(StepFailed):
    """Never raised: the error in the record of an operation that an operator marked by hand."""

    code = "MANUAL_INTERVENTION"
    default_hint = "Start again under a new name."


class ExecutionTimedOut(StepFailed):
    code = "TIMED_OUT"
    default_hint = "Look at what the phase was waiting for (`aurora-restore status`), then start again."


class SweepIncomplete(StepFailed):
    code = "SWEEP_INCOMPLETE"
    default_hint = "The next sweep tries again; the operations listed were skipped."


class ExecutionLost(StepFailed):
    code = "EXECUTION_LOST"
    default_hint = "Step Functions does not know the execution any more. Start again under a new name."
