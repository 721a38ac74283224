"""What one call of a cleanup sees, as far as a rule asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from aurora_restore.domain.acts import Act, Wait
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance, ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.switching import Parties, Places, parties_of


class Seen(Protocol):
    """One observation: each thing is read when a rule first asks for it, and once, so that all rules see the same.

    It is not read beforehand: what cannot be read must not keep an earlier rule from its act, for example a snapshot
    the old cluster from its name.
    """

    @property
    def operation(self) -> Operation: ...

    @property
    def execution(self) -> ExecutionState | None: ...

    @property
    def ended_time(self) -> datetime: ...

    @property
    def now(self) -> datetime: ...

    def find(self, name: str) -> DbCluster | None:
        """The cluster that has the name."""

    def find_anew(self, name: str) -> DbCluster | None:
        """The same, read in this moment: for what would be lost if the cluster had gone meanwhile."""

    def members(self, name: str) -> Sequence[DbInstance]:
        """The instances of the cluster that has the name."""

    def snapshot(self, name: str) -> ClusterSnapshot | None: ...


# What is to be done next, or waited for; None where nothing is left. A rule raises what stops the cleanup.
Rule = Callable[[Seen], Act | Wait | None]


def plan_of(seen: Seen) -> RestorePlan | None:
    return seen.operation.plan if seen.operation.is_planned else None


def parties_in(seen: Seen) -> Parties | None:
    """The old and the new cluster of the run, where both exist at once."""
    plan = plan_of(seen)
    return parties_of(seen.operation.operation_id, plan) if plan else None


def places_in(seen: Seen, parties: Parties) -> Places:
    """Which cluster has each of the three names now."""
    return Places(
        target=seen.find(parties.plan.target_cluster_id),
        staging=seen.find(parties.plan.cluster.db_cluster_identifier),
        retired=seen.find(parties.replacement.retired_identifier),
    )
