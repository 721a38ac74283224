"""One observation of a cleanup, and what its steps have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.domain.acts import Act, StartCluster
from aurora_restore.domain.asking import asked_now
from aurora_restore.domain.observed import DbCluster, ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import Changes, cleanup_act_changed, cleanup_act_given_up
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.perform import carry_out, perform
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.retirement import Retirement


@dataclass(frozen=True)
class CleanupGuard:
    """The guard of a cleanup, which runs when the record is marked: each of its requests can be made twice."""

    ports: Ports
    operation: Operation

    def ask(self, act: Act) -> dict[str, Any]:
        changes = dict(act.also)
        if act.is_timed:
            changes |= self._asked(act.kind, act.name)
        if changes:
            self.ports.records.update(self.operation.operation_id, changes)
        perform(act, self.ports)
        return {}

    def note(self, kind: str, name: str) -> None:
        """Write down that something is asked for, so that a later call knows since when."""
        self.ports.records.update(self.operation.operation_id, self._asked(kind, name))

    def give_up(self, kind: str) -> None:
        """Write down that something is not asked for any more."""
        self.ports.records.update(self.operation.operation_id, cleanup_act_given_up(kind))

    def _asked(self, kind: str, name: str) -> Changes:
        before = self.operation.record.cleanup.asked.get(kind)
        return cleanup_act_changed(kind, asked_now(before, name, self.ports.clock.now()))


@dataclass(frozen=True)
class CleanupContext:
    """One observation of a cleanup: the operation, how its execution ended, and when."""

    ports: Ports
    operation: Operation
    execution: ExecutionState | None
    ended_time: datetime

    @property
    def operation_id(self) -> str:
        return self.operation.operation_id

    @property
    def plan(self) -> RestorePlan | None:
        return self.operation.plan if self.operation.is_planned else None

    @property
    def guard(self) -> CleanupGuard:
        return CleanupGuard(self.ports, self.operation)

    def find(self, name: str) -> DbCluster | None:
        return self.ports.target_rds.find_cluster(name)

    def do(self, act: Act) -> StepOutcome:
        """One act; what is busy is waited for."""
        return carry_out(self.guard, act)

    def removal(self, cluster: DbCluster) -> Retirement:
        """The removal of a cluster that this operation made: without a final snapshot and without its backups."""
        return Retirement(
            self.ports,
            self.operation,
            self.guard,
            cluster.db_cluster_identifier,
            cluster.db_cluster_resource_id,
            None,
            is_replaced=False,
        )


def persisted(context: CleanupContext, outcome: StepOutcome | None) -> StepOutcome | None:
    """The outcome of what a run and its cleanup do alike, its changes written into the record."""
    if outcome is None:
        return None
    if outcome.changes:
        context.ports.records.update(context.operation_id, dict(outcome.changes))
    return StepOutcome(outcome.result, {}, outcome.events)


CleanupStep = Callable[[CleanupContext], StepOutcome | None]


def awaken(context: CleanupContext, old: DbCluster) -> StepOutcome | None:
    """A stopped cluster can be neither renamed nor used."""
    name = old.db_cluster_identifier
    if old.status == "stopped":
        return context.do(StartCluster(name, reason=f"the cluster {name} is being started"))
    if old.status in ("stopping", "starting"):
        return StepOutcome(in_progress(f"the cluster {name} is `{old.status}`", 50, "start"))
    return None
