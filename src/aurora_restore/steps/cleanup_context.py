"""One observation of a cleanup, and what its steps have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_restore.domain.asking import asked_now
from aurora_restore.domain.errors import ResourceBusy
from aurora_restore.domain.observed import DbCluster, ExecutionState
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.retirement import Act, Retirement


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

    def act(
        self, _kind: str, _name: str, request: Callable[[], None], /, *, also: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A cleanup is not fenced: each of its requests can be made twice."""
        if also:
            self.ports.records.update(self.operation_id, dict(also))
        request()
        return {}

    def note_asked(self, kind: str, name: str) -> None:
        """Write down what is about to be asked for, so that a later call knows what may still take effect."""
        before = (self.operation.section("cleanup").get("asked") or {}).get(kind) or {}
        asked = asked_now(before, name, self.ports.clock.now())
        self.ports.records.update(self.operation_id, {f"cleanup.asked.{kind}": asked})

    def give_up(self, kind: str) -> None:
        """Write down that something is not asked for any more."""
        self.ports.records.update(self.operation_id, {f"cleanup.asked.{kind}.given_up": True})

    def find(self, name: str) -> DbCluster | None:
        return self.ports.target_rds.find_cluster(name)

    def do(self, doing: str, done: str, waiting_for: str, request: Callable[[], None]) -> StepOutcome:
        """One request, in words for while it is going on and for afterwards; what is busy is waited for."""
        try:
            request()
        except ResourceBusy as busy:
            return StepOutcome(in_progress(busy.message, 50, waiting_for))
        return StepOutcome(in_progress(doing, 50, waiting_for), {}, (Event("cleanup.did", {"done": done}),))

    def removal(self, cluster: DbCluster) -> Retirement:
        """The removal of a cluster that this operation made: without a final snapshot and without its backups."""
        return Retirement(
            self.ports,
            self.operation,
            self.act,
            cluster.db_cluster_identifier,
            cluster.db_cluster_resource_id,
            None,
            is_replaced=False,
        )


def noting_act(context: CleanupContext) -> Act:
    """Like `CleanupContext.act`, for requests whose time a later call has to know."""

    def note_and_act(
        kind: str, name: str, request: Callable[[], None], /, *, also: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        context.note_asked(kind, name)
        return context.act(kind, name, request, also=also)

    return note_and_act


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
        doing, done = f"the cluster {name} is being started", f"started {name}"
        return context.do(doing, done, "start", lambda: context.ports.target_rds.start_cluster(name))
    if old.status in ("stopping", "starting"):
        return StepOutcome(in_progress(f"the cluster {name} is `{old.status}`", 50, "start"))
    return None
