"""The notes of a plan: warnings, and the consequences of what the request asks for or leaves out."""

from __future__ import annotations

from aurora_restore.domain.cluster_settings import NO_PAID_SUPPORT, PAID_SUPPORT
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.engines import engine_of
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.states import Strategy

QUIET_NOTE = (
    "the first start is quiet: the cluster begins with a parameter group of the pipeline's own, which costs 5 minutes "
    "before the restore, and each instance is restarted before the switch to take up the requested one, which costs "
    "a few minutes an instance (quiet_start: false does without)"
)


def plan_notes(
    request: RestoreRequest,
    snapshot: ClusterSnapshot,
    settings: PipelineSettings,
    replaced: ClusterConfiguration | None,
) -> tuple[str, ...]:
    notes = [_version_note(request, snapshot)]
    if not settings.reaches_private_databases:
        notes.append(
            "the functions that talk to databases are in no VPC (the stack's SubnetIds is empty): they reach the "
            "cluster by its public addresses"
        )
    if replaced and replaced.iam_authentication:
        notes.append(
            f"WARNING: IAM authentication is on. If the master user logs in by {engine_of(snapshot.engine).iam_login} "
            "it takes no password, and the run ends at its login (MASTER_LOGIN_BY_IAM): let it log in by password in "
            "the source before the snapshot"
        )
    if request.db_instance_class is None:
        notes.append("db_instance_class was not given: the deployment's default is taken")
    if request.engine_lifecycle_support == PAID_SUPPORT:
        notes.append("the cluster is enrolled in Extended Support, which is charged for")
    # Without a staging name nothing is renamed, and the certificate names the cluster as it is called.
    if replaced is not None and Strategy(request.replace_strategy).uses_staging_name:
        notes.append(certificate_note(request.certificate_renewal))
    if replaced is not None and request.final_snapshot:
        notes.append(final_snapshot_note(request.final_snapshot_retention_days))
    if request.quiet_start:
        notes.append(QUIET_NOTE)
    else:
        notes.append(
            f"WARNING: quiet_start is false: {engine_of(snapshot.engine).quieted} that came along act as they do in "
            "production"
        )
    if request.delete_cluster_if_exists and replaced is None:
        notes.append("delete_cluster_if_exists has no effect: the target does not exist")
    return tuple(notes)


def final_snapshot_note(days: int) -> str:
    """What becomes of the final snapshot of what is replaced."""
    if days:
        return f"the final snapshot of the replaced cluster is removed {days} days after it was begun"
    return (
        "WARNING: the final snapshot of the replaced cluster is kept until an operator deletes it, and counts "
        "against the quota of manual cluster snapshots (100)"
    )


def certificate_note(renewal: str) -> str:
    """What a rename means for clients that verify the host name, said before it is done."""
    if renewal == "never":
        return (
            "certificate_renewal is never: until an operator stops and starts the cluster, its certificate names it "
            "as it was called before the switch, and refuses clients that verify the host name"
        )
    return (
        "after the switch the certificate names the cluster as it was called before; it is renewed by a reboot, or by "
        "a stop and a start, which can take 20 minutes without the database (certificate_renewal: never leaves it)"
    )


def _version_note(request: RestoreRequest, snapshot: ClusterSnapshot) -> str:
    if request.engine_version:
        return f"the engine version is the one asked for: {snapshot.engine} {request.engine_version}"
    note = f"the engine version stays that of the snapshot: {snapshot.engine} {snapshot.engine_version}"
    if request.engine_lifecycle_support == NO_PAID_SUPPORT:
        note += (
            "; once its major version is past its standard support, AWS upgrades the cluster by itself, which may be "
            "weeks later and is not waited for, or charges for Extended Support if the checks of that upgrade fail "
            "(engine_lifecycle_support enrols it in that support from the beginning)"
        )
    return note
