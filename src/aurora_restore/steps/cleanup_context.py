"""One observation of a cleanup, and what its steps have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from aurora_restore.domain.acts import Act, Wait
from aurora_restore.domain.asking import asked_now
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance, ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import Changes, cleanup_act_changed, cleanup_act_given_up
from aurora_restore.domain.rehearsal import asked_of
from aurora_restore.steps.audit_events import AuditTrail
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.perform import carry_out, perform, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.retirement import Removal

T = TypeVar("T")


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
        # The record is not the fence here: it was marked before the cleanup began, and keeps the phases out.
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

    _read: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def operation_id(self) -> str:
        return self.operation.operation_id

    @property
    def plan(self) -> RestorePlan | None:
        return self.operation.plan if self.operation.is_planned else None

    @cached_property
    def trail(self) -> AuditTrail:
        return AuditTrail(self.ports, self.operation)

    @property
    def guard(self) -> CleanupGuard:
        return CleanupGuard(self.ports, self.operation)

    @cached_property
    def now(self) -> datetime:
        return self.ports.clock.now()

    def find(self, name: str) -> DbCluster | None:
        return self._once("cluster", name, self.ports.target_rds.find_cluster)

    def find_anew(self, name: str) -> DbCluster | None:
        self._read.pop(("cluster", name), None)
        return self.find(name)

    def members(self, name: str) -> Sequence[DbInstance]:
        return self._once("members", name, self.ports.target_rds.list_cluster_instances)

    def snapshot(self, name: str) -> ClusterSnapshot | None:
        return self._once("snapshot", name, self.ports.target_rds.find_cluster_snapshot)

    def _once(self, what: str, name: str, read: Callable[[str], T]) -> T:
        """An act ends the look, so that nothing which was read is used after a change of ours.

        After a removal that came to its end the cluster is read anew.
        """
        if (what, name) not in self._read:
            self._read[what, name] = read(name)
        found: T = self._read[what, name]
        return found

    def do(self, act: Act) -> StepOutcome:
        """One act; what is busy is waited for."""
        return carry_out(self.guard, act)

    def removal(self, cluster: DbCluster) -> Removal:
        """The removal of a cluster that this operation made: without a final snapshot and without its backups."""
        return Removal(
            self.ports,
            self.operation,
            self.guard,
            cluster.db_cluster_identifier,
            cluster.db_cluster_resource_id,
            None,
            is_replaced=False,
            whose="unfinished" if asked_of(self.operation.record) is None else "scratch",
        )


def persisted(context: CleanupContext, outcome: StepOutcome | None) -> StepOutcome | None:
    """The outcome of what a run and its cleanup do alike, its changes written into the record."""
    if outcome is None:
        return None
    if outcome.changes:
        context.ports.records.update(context.operation_id, dict(outcome.changes))
    return StepOutcome(outcome.result, {}, outcome.events)


Found = StepOutcome | Act | Wait | None
CleanupStep = Callable[[CleanupContext], Found]
"""A rule of the domain, or a step that does more than a rule decides on; None where nothing is left to do."""


def next_step(context: CleanupContext, steps: Sequence[CleanupStep]) -> StepOutcome | None:
    """The outcome of the first step that has something to do; None where nothing is left."""
    found = next((found for step in steps if (found := step(context)) is not None), None)
    if found is None or isinstance(found, StepOutcome):
        return found
    return waiting(found) if isinstance(found, Wait) else context.do(found)
