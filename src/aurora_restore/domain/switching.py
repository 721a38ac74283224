"""Deciding the renames: the old cluster to its retired name, the new one to the target's name; and the rollback of
both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aurora_restore.domain.acts import RenameCluster, Wait
from aurora_restore.domain.asking import Asked
from aurora_restore.domain.errors import NameTaken, SwitchOverFailed
from aurora_restore.domain.naming import OPERATION_TAG, put_back_by
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_CLUSTER_STATUSES, SERVING_STATUSES
from aurora_restore.domain.replacement import Replacement

RENAMING = "renaming"
# The pending value of a rename which RDS has accepted and the cluster's status does not show yet.
NEW_IDENTIFIER = "db_cluster_identifier"
# A subject of a wait: a cluster that shows under none of the names.
UNSEEN = "unseen cluster"
# The four renames, by the word under which the record keeps when one was asked for.
RENAME_OLD_ASIDE, RENAME_NEW_IN = "rename_old_aside", "rename_new_in"
RENAME_NEW_OUT, RENAME_OLD_BACK = "rename_new_out", "rename_old_back"


@dataclass(frozen=True)
class Places:
    """Which cluster has which of the three names; a rename is seen under the old name or the new one."""

    target: DbCluster | None
    staging: DbCluster | None
    retired: DbCluster | None

    def all(self) -> Iterable[DbCluster]:
        return (cluster for cluster in (self.target, self.staging, self.retired) if cluster is not None)


@dataclass(frozen=True)
class Parties:
    """Which the two clusters are, whatever their names are now."""

    operation_id: str
    plan: RestorePlan
    replacement: Replacement

    def is_old(self, cluster: DbCluster | None) -> bool:
        if cluster is None:
            return False
        # Where it was lost, a person restores it by hand with this tag.
        is_put_back = put_back_by(cluster.tags) == self.operation_id
        return is_put_back or cluster.db_cluster_resource_id == self.replacement.replaced_resource_id

    def is_new(self, cluster: DbCluster | None) -> bool:
        if cluster is None:
            return False
        # An undo brings in a cluster that another operation made: it has the tag of that one.
        if self.replacement.incoming_resource_id:
            return cluster.db_cluster_resource_id == self.replacement.incoming_resource_id
        return cluster.tags.get(OPERATION_TAG) == self.operation_id


def parties_of(operation_id: str, plan: RestorePlan) -> Parties | None:
    """The two clusters of a run that has two at once; None for any other run."""
    if plan.replacement is None or not plan.strategy.uses_staging_name:
        return None
    return Parties(operation_id, plan, plan.replacement)


def is_switched(parties: Parties, places: Places) -> bool:
    """Whether both renames are done."""
    return parties.is_new(places.target) and parties.is_old(places.retired)


def decide_switch(parties: Parties, places: Places) -> RenameCluster | Wait | None:
    """The next rename of the switch; None where the new cluster has the target's name.

    Raises:
        NameTaken: a cluster that is neither of the two has one of the names.
        SwitchOverFailed: one of the two is in a status in which it is not renamed.
    """
    plan = parties.plan
    if going := _renaming(places):
        return going
    for cluster in places.all():
        if not parties.is_old(cluster) and not parties.is_new(cluster):
            raise NameTaken(
                f"The cluster {cluster.db_cluster_identifier} is neither the one to be replaced nor the new one; it "
                "was not touched."
            )
    if is_switched(parties, places):
        return None
    new = places.staging if parties.is_new(places.staging) else None
    if new is None or not any(parties.is_old(item) for item in places.all()):
        return _wait("one of the two clusters does not show: a rename is under way", UNSEEN, is_unseen=True)
    # The new one is looked at before the old one gives up the name: it has to follow at once.
    if not _is_renamable(new):
        return _not_yet(new)
    old = places.target
    if old is None:
        return _rename(parties, RENAME_NEW_IN, f"{plan.target_cluster_id} is free for the new cluster")
    if not _is_renamable(old):
        return _not_yet(old)
    return _rename(parties, RENAME_OLD_ASIDE, "the new cluster is proved")


def decide_rollback(parties: Parties, places: Places) -> RenameCluster | Wait | None:
    """The next rename of the rollback; None where the old cluster has its name. Raises NameTaken.

    A new cluster under the target's name that cannot be renamed any more is left to be removed there.
    """
    target = parties.plan.target_cluster_id
    if going := _renaming(places):
        return going
    if parties.is_old(places.target):
        return None
    if not parties.is_old(places.retired):
        return _wait("the old cluster does not show: a rename is under way", UNSEEN, is_unseen=True)
    if places.target is None:
        return _rename(parties, RENAME_OLD_BACK, f"{target} is free for the old cluster")
    if parties.is_new(places.target):
        return _rename(parties, RENAME_NEW_OUT, f"{target} goes back to the old cluster")
    old = places.retired.db_cluster_identifier if places.retired else ""
    raise NameTaken(
        f"The old cluster {old} cannot have its name back: a cluster that this operation did not make has the name "
        f"{target}."
    )


def late_rename_of_old(
    asked: Iterable[Asked], parties: Parties, places: Places, now: datetime
) -> Asked | None:
    """The last rename of the old cluster that may still take effect, although nothing shows it; None where none can.

    RDS may accept a rename and show nothing of it for minutes; what it refused cannot come any more.
    """
    seen = {
        # The new cluster can have the target's name only since the old one has given it up.
        RENAME_OLD_ASIDE: parties.is_old(places.retired) or parties.is_new(places.target),
        RENAME_OLD_BACK: parties.is_old(places.target),
    }
    renames = [item for item in asked if item.kind in seen and not item.refused]
    latest = max(renames, key=lambda item: item.last, default=None)
    if latest is None or seen[latest.kind] or not latest.may_arrive(now):
        return None
    return latest


def _rename(parties: Parties, kind: str, why: str) -> RenameCluster:
    """From which name to which it goes."""
    target, staging = parties.plan.target_cluster_id, parties.plan.cluster.db_cluster_identifier
    retired = parties.replacement.retired_identifier
    name, new_name = {
        RENAME_OLD_ASIDE: (target, retired),
        RENAME_NEW_IN: (staging, target),
        RENAME_NEW_OUT: (target, staging),
        RENAME_OLD_BACK: (retired, target),
    }[kind]
    return RenameCluster(name, new_name, kind=kind, reason=f"{name} is being renamed to {new_name}: {why}")


def _wait(reason: str, subject: str, *, is_unseen: bool = False) -> Wait:
    return Wait("rename", reason, subject=subject, is_unseen=is_unseen)


def _renaming(places: Places) -> Wait | None:
    """A rename is under way where the status says so, and where only the pending values do."""
    for cluster in places.all():
        name = cluster.db_cluster_identifier
        if cluster.status == RENAMING:
            return _wait(f"{name} is `renaming`", f"{name} renaming")
        if new_name := cluster.pending_modified_values.get(NEW_IDENTIFIER):
            return _wait(f"{name} is about to be renamed to {new_name}", f"{name} about to be {new_name}")
    return None


def _is_renamable(cluster: DbCluster) -> bool:
    return cluster.status in SERVING_STATUSES


def _not_yet(cluster: DbCluster) -> Wait:
    if cluster.status in FAILED_CLUSTER_STATUSES:
        raise SwitchOverFailed(f"The cluster {cluster.db_cluster_identifier} is `{cluster.status}`.")
    name = cluster.db_cluster_identifier
    return _wait(f"the cluster {name} is `{cluster.status}`", f"{name} {cluster.status}")
