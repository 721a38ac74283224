"""Deciding the renames: the old cluster to its retired name, the new one to the target's name; and the rollback of
both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from aurora_restore.domain.asking import Asked
from aurora_restore.domain.errors import NameTaken, SwitchOverFailed
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_CLUSTER_STATUSES, SERVING_STATUSES
from aurora_restore.domain.replacement import Replacement

RENAMING = "renaming"
NEW_IDENTIFIER = "db_cluster_identifier"
"""The pending value that tells of a rename which RDS has accepted and its status does not show yet."""

UNSEEN = "unseen cluster"
"""A subject of a wait: a cluster that none of the names shows."""


class SwitchAction(Enum):
    RENAME_OLD_ASIDE = "rename old aside"
    RENAME_NEW_IN = "rename new in"
    RENAME_NEW_OUT = "rename new out"
    RENAME_OLD_BACK = "rename old back"
    WAIT = "wait"
    DONE = "done"

    @property
    def kind(self) -> str:
        """The name under which the record keeps when this was asked for."""
        return self.name.lower()


@dataclass(frozen=True)
class SwitchDecision:
    """`subject`: what exactly is waited for; `is_unseen`: one of the two clusters shows under none of the names."""

    action: SwitchAction
    reason: str
    subject: str = ""
    is_unseen: bool = False


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
        return cluster is not None and cluster.db_cluster_resource_id == self.replacement.replaced_resource_id

    def is_new(self, cluster: DbCluster | None) -> bool:
        if cluster is None:
            return False
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


def decide_switch(parties: Parties, places: Places) -> SwitchDecision:
    """The next rename of the switch.

    Raises:
        NameTaken: a cluster that is neither of the two has one of the names.
        SwitchOverFailed: one of the two is in a status in which it is not renamed.
    """
    plan = parties.plan
    if going := _renaming(places):
        return going
    _refuse_strangers(parties, places)
    if is_switched(parties, places):
        return SwitchDecision(SwitchAction.DONE, f"{plan.target_cluster_id} is the new cluster")
    new = places.staging if parties.is_new(places.staging) else None
    if new is None or not any(parties.is_old(item) for item in places.all()):
        reason = "one of the two clusters does not show: a rename is under way"
        return SwitchDecision(SwitchAction.WAIT, reason, UNSEEN, is_unseen=True)
    if not _is_renamable(new):
        return _not_yet(new)
    old = places.target
    if old is None:
        reason = f"{plan.target_cluster_id} is free for the new cluster"
        return SwitchDecision(SwitchAction.RENAME_NEW_IN, reason)
    if not _is_renamable(old):
        return _not_yet(old)
    reason = (
        f"the new cluster is proved: {plan.target_cluster_id} goes to {parties.replacement.aside_identifier}"
    )
    return SwitchDecision(SwitchAction.RENAME_OLD_ASIDE, reason)


def decide_rollback(parties: Parties, places: Places) -> SwitchDecision:
    """The next rename of the rollback; DONE where the old cluster has its name. Raises NameTaken.

    A new cluster under the target's name that cannot be renamed any more is left to be removed there.
    """
    target = parties.plan.target_cluster_id
    if going := _renaming(places):
        return going
    if parties.is_old(places.target):
        return SwitchDecision(SwitchAction.DONE, f"{target} is the old cluster")
    if not parties.is_old(places.retired):
        reason = "the old cluster does not show: a rename is under way"
        return SwitchDecision(SwitchAction.WAIT, reason, UNSEEN, is_unseen=True)
    if places.target is None:
        return SwitchDecision(SwitchAction.RENAME_OLD_BACK, f"{target} is free for the old cluster")
    if parties.is_new(places.target):
        return SwitchDecision(SwitchAction.RENAME_NEW_OUT, f"{target} goes back to the old cluster")
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
        SwitchAction.RENAME_OLD_ASIDE.kind: parties.is_old(places.retired) or parties.is_new(places.target),
        SwitchAction.RENAME_OLD_BACK.kind: parties.is_old(places.target),
    }
    renames = [item for item in asked if item.kind in seen and not item.refused]
    latest = max(renames, key=lambda item: item.last, default=None)
    if latest is None or seen[latest.kind] or not latest.may_arrive(now):
        return None
    return latest


def _renaming(places: Places) -> SwitchDecision | None:
    """A rename is under way where the status says so, and where only the pending values do."""
    for cluster in places.all():
        name = cluster.db_cluster_identifier
        if cluster.status == RENAMING:
            return SwitchDecision(SwitchAction.WAIT, f"{name} is `renaming`", f"{name} renaming")
        if new_name := cluster.pending_modified_values.get(NEW_IDENTIFIER):
            reason = f"{name} is about to be renamed to {new_name}"
            return SwitchDecision(SwitchAction.WAIT, reason, f"{name} about to be {new_name}")
    return None


def _refuse_strangers(parties: Parties, places: Places) -> None:
    for cluster in places.all():
        if not parties.is_old(cluster) and not parties.is_new(cluster):
            raise NameTaken(
                f"The cluster {cluster.db_cluster_identifier} is neither the one to be replaced nor the new one; it "
                "was not touched."
            )


def _is_renamable(cluster: DbCluster) -> bool:
    return cluster.status in SERVING_STATUSES


def _not_yet(cluster: DbCluster) -> SwitchDecision:
    if cluster.status in FAILED_CLUSTER_STATUSES:
        raise SwitchOverFailed(f"The cluster {cluster.db_cluster_identifier} is `{cluster.status}`.")
    reason = f"the cluster {cluster.db_cluster_identifier} is `{cluster.status}`"
    return SwitchDecision(SwitchAction.WAIT, reason, f"{cluster.db_cluster_identifier} {cluster.status}")
