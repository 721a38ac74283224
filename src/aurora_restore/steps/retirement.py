"""The end of a replaced cluster, one act a look; the phases and the cleanup go through it alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from aurora_restore.domain.configuration import is_of_rds, users_tags
from aurora_restore.domain.errors import QuotaExceeded, ResourceBusy, StepFailed
from aurora_restore.domain.fencing import is_under_way, port_behind_fence
from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    KEEP_UNTIL_TAG,
    OPERATION_TAG,
    REPLACED_BY_TAG,
    RETAIN_UNTIL_TAG,
)
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.results import done, in_progress
from aurora_restore.domain.retiring import (
    DESTRUCTIVE,
    RetireAction,
    RetireDecision,
    Retiring,
    decide_retirement,
    has_final_snapshot,
    refuse_another_cluster,
)
from aurora_restore.domain.states import RetirementState
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports

# A kept cluster that cannot be stopped for so long is kept running.
STOP_LIMIT = timedelta(minutes=15)
TAGS_MOST = 50


def open_port_of(operation: Operation) -> int | None:
    """The port under which clients knew the cluster that an operation replaces; old records may not say it."""
    port = operation.section("replaced").get("port")
    return int(port) if port else None


class Act(Protocol):
    """Writes down what is about to be done, does it, and gives the changes that say it was done."""

    def __call__(
        self, kind: str, name: str, request: Callable[[], None], /, *, also: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Retirement:
    """Deletes the cluster `resource_id`, whose name is `name`, after its final snapshot; or keeps it for a while.

    `is_replaced`: its end is that of the replaced cluster, which the record tells; not that of an unfinished new one.
    """

    ports: Ports
    operation: Operation
    act: Act
    name: str
    resource_id: str
    final_snapshot_identifier: str | None
    is_replaced: bool = True

    @classmethod
    def of_replaced(
        cls, ports: Ports, operation: Operation, act: Act, name: str, replacement: Replacement
    ) -> Retirement:
        """The retirement of the cluster that an operation replaces."""
        return cls(
            ports,
            operation,
            act,
            name,
            replacement.replaced_resource_id,
            replacement.final_snapshot_identifier,
        )

    def advance(self) -> StepOutcome:
        """One act towards its end; DONE where it is gone.

        Raises:
            NameTaken, DeletionProtected, GlobalClusterMember, FinalSnapshotFailed, and what RDS refuses.
        """
        seen = self._observe()
        decision = decide_retirement(seen)
        if decision.action is RetireAction.DONE:
            return StepOutcome(done(f"{self.name}: {decision.reason}"), self._retired())
        if decision.action is RetireAction.WAIT:
            return StepOutcome(in_progress(decision.reason, 50, decision.waiting_for, decision.percent))
        try:
            return self._carry_out(decision, seen)
        except ResourceBusy as busy:
            return StepOutcome(in_progress(busy.message, 50, decision.waiting_for))

    def keep(self, keep: timedelta) -> StepOutcome:
        """Mark it with who replaced it and until when it is kept, and stop it; DONE where it is stopped."""
        cluster = self.ports.target_rds.find_cluster(self.name)
        if cluster is None:
            return StepOutcome(done(f"{self.name} is gone already"))
        refuse_another_cluster(cluster, self.resource_id)
        if not self.is_marked(cluster) or self._is_over(cluster):
            return self.mark(cluster, keep)
        if cluster.status == "available" and cluster.member_identifiers:
            return self._stop(cluster)
        if cluster.status not in ("stopped", "available"):
            return StepOutcome(
                in_progress(f"the replaced cluster {self.name} is `{cluster.status}`", 50, "stop")
            )
        return self._kept(cluster)

    def is_marked(self, cluster: DbCluster) -> bool:
        """Whether its tags say who replaced it."""
        return cluster.tags.get(REPLACED_BY_TAG) == self.operation.operation_id

    def _is_over(self, cluster: DbCluster) -> bool:
        """Whether the mark is that of a retirement which was given up: the cluster is to be kept from now on."""
        until = cluster.tags.get(KEEP_UNTIL_TAG)
        return until is None or parse_time(until) <= self.ports.clock.now()

    def mark(self, cluster: DbCluster, keep: timedelta) -> StepOutcome:
        """Tag it with the operation that replaced it, and until when it is kept."""
        until = format_time(self.ports.clock.now() + keep)
        tags = {REPLACED_BY_TAG: self.operation.operation_id, KEEP_UNTIL_TAG: until}
        changes = self.act(
            "mark_replaced", self.name, lambda: self.ports.target_rds.add_tags(cluster.db_cluster_arn, tags)
        )
        details = {
            "db_cluster_identifier": self.name,
            "keep_until": until,
            "done": f"marked {self.name} as replaced",
        }
        event = Event("replaced.marked", details)
        return StepOutcome(in_progress(f"{self.name} is marked as replaced", 10, "mark"), changes, (event,))

    def _observe(self) -> Retiring:
        rds = self.ports.target_rds
        cluster = rds.find_cluster(self.name)
        expected = self.final_snapshot_identifier
        if cluster is None:
            return Retiring(self.operation.operation_id, self.resource_id, None)
        return Retiring(
            operation_id=self.operation.operation_id,
            resource_id=self.resource_id,
            cluster=cluster,
            instances=rds.list_cluster_instances(self.name),
            final_snapshot_identifier=expected,
            final_snapshot=rds.find_cluster_snapshot(expected) if expected else None,
            global_cluster=rds.find_global_cluster_of(cluster.db_cluster_arn),
            open_port=open_port_of(self.operation) if self.is_replaced else None,
            fence_is_under_way=is_under_way(self.operation.acts, self.ports.clock.now()),
        )

    def _port_behind_fence(self) -> int:
        return port_behind_fence(open_port_of(self.operation) or 0)

    def _carry_out(self, decision: RetireDecision, seen: Retiring) -> StepOutcome:
        kind = decision.action.name.lower()
        subject = decision.subject or self.name
        if decision.subject:
            kind = f"{kind}-{decision.subject}"
        changes = self.act(kind, subject, self._request(decision, seen), also=self._begun(decision))
        details = {"name": subject, "reason": decision.reason, "done": self._done(decision)}
        whose = "replaced" if self.is_replaced else "unfinished"
        event = Event(f"{whose}.{decision.action.name.lower()}", details)
        return StepOutcome(in_progress(decision.reason, 50, decision.waiting_for), changes, (event,))

    def _request(self, decision: RetireDecision, seen: Retiring) -> Callable[[], None]:
        rds, name, snapshot = self.ports.target_rds, self.name, self.final_snapshot_identifier or ""
        requests: dict[RetireAction, Callable[[], None]] = {
            RetireAction.START: lambda: rds.start_cluster(name),
            RetireAction.FENCE: lambda: rds.modify_cluster(name, {"port": self._port_behind_fence()}),
            RetireAction.TAKE_FINAL_SNAPSHOT: lambda: rds.create_cluster_snapshot(
                name, snapshot, self._tags(seen.cluster)
            ),
            RetireAction.DELETE_INSTANCE: lambda: rds.delete_instance(decision.subject or ""),
            RetireAction.DELETE_CLUSTER: lambda: self._delete_cluster(seen),
        }
        return requests[decision.action]

    def _done(self, decision: RetireDecision) -> str:
        return {
            RetireAction.START: f"started {self.name}",
            RetireAction.FENCE: f"ended the sessions of {self.name}",
            RetireAction.TAKE_FINAL_SNAPSHOT: f"took the snapshot {self.final_snapshot_identifier}",
            RetireAction.DELETE_INSTANCE: f"deleted the instance {decision.subject} of {self.name}",
            RetireAction.DELETE_CLUSTER: f"deleted the cluster {self.name}",
        }[decision.action]

    def _delete_cluster(self, seen: Retiring) -> None:
        """With its automated backups retained; without them where there is no room, and its last state is proved to
        be saved.

        Raises:
            ResourceBusy: no room for its backups, and nothing else holds its data.
        """
        rds = self.ports.target_rds
        try:
            rds.delete_cluster(self.name, keep_automated_backups=self.is_replaced)
        except QuotaExceeded as full:
            if not has_final_snapshot(seen):
                raise ResourceBusy(
                    f"{self.name} is not deleted without its automated backups, since it has no final snapshot: "
                    f"{full.message}"
                ) from full
            rds.delete_cluster(self.name, keep_automated_backups=False)

    def _tags(self, cluster: DbCluster | None) -> dict[str, str]:
        """Ours, and the cluster's own: RDS adds none of them to a snapshot that is given tags."""
        target = self.operation.target_cluster_id or ""
        ours = {OPERATION_TAG: self.operation.operation_id, FINAL_SNAPSHOT_TAG: target}
        own = [item for item in users_tags(cluster.tags if cluster else {}).items() if not is_of_rds(item[0])]
        if until := self._final_snapshot_until():
            ours[RETAIN_UNTIL_TAG] = until
        return {**dict(own[: TAGS_MOST - len(ours)]), **ours}

    def _final_snapshot_until(self) -> str | None:
        """Until when the final snapshot is kept; None for ever, as in plans from before there was an end."""
        replacement = self.operation.plan.replacement if self.operation.is_planned else None
        days = replacement.final_snapshot_retention_days if replacement else None
        return format_time(self.ports.clock.now() + timedelta(days=days)) if days else None

    def _begun(self, decision: RetireDecision) -> dict[str, Any]:
        """Written before the first deletion: from there on a rollback restores the final snapshot."""
        if not self.is_replaced:
            return {}
        if decision.action is RetireAction.TAKE_FINAL_SNAPSHOT:
            return {
                "retirement.final_snapshot_identifier": self.final_snapshot_identifier,
                "retirement.final_snapshot_retain_until": self._final_snapshot_until(),
            }
        if decision.action not in DESTRUCTIVE or self.operation.section("retirement").get("begun_time"):
            return {}
        time = format_time(self.ports.clock.now())
        return {"retirement.state": RetirementState.BEGUN.value, "retirement.begun_time": time}

    def _retired(self) -> dict[str, Any]:
        if not self.is_replaced:
            return {}
        return {
            "retirement.state": RetirementState.RETIRED.value,
            "retirement.final_snapshot_identifier": self.final_snapshot_identifier,
            "retirement.retired_time": format_time(self.ports.clock.now()),
        }

    def _stop(self, cluster: DbCluster) -> StepOutcome:
        try:
            changes = self.act("stop", self.name, lambda: self.ports.target_rds.stop_cluster(self.name))
        except ResourceBusy as busy:
            return StepOutcome(in_progress(busy.message, 50, "stop"))
        except StepFailed as failed:
            if failed.is_of_record:
                raise
            if self._refused_to_stop_for() < STOP_LIMIT:
                return StepOutcome(in_progress(f"{self.name} was not stopped: {failed.message}", 50, "stop"))
            # It is kept all the same; that it goes on running costs money, not data.
            return self._kept(cluster, f"the kept cluster {self.name} could not be stopped: {failed.message}")
        details = {"db_cluster_identifier": self.name, "done": f"stopped {self.name}"}
        event = Event("replaced.stop_started", details)
        return StepOutcome(in_progress(f"{self.name} is being stopped", 50, "stop"), changes, (event,))

    def _refused_to_stop_for(self) -> timedelta:
        """Since when the run, or its cleanup, has been trying."""
        asked = self.operation.asked("stop")
        waits = self.operation.section("cleanup").get("waits") or {}
        since = [parse_time(wait["since"]) for wait in (waits.get("stop"),) if wait]
        since += [asked.first] if asked else []
        return self.ports.clock.now() - min(since) if since else timedelta()

    def _kept(self, cluster: DbCluster, warning: str | None = None) -> StepOutcome:
        until = cluster.tags.get(KEEP_UNTIL_TAG)
        changes: dict[str, Any] = {
            "retirement.state": RetirementState.KEPT.value,
            "retirement.keep_until": until,
            "retirement.db_cluster_identifier": self.name,
        }
        if warning:
            changes["warnings"] = [*self.operation.item.get("warnings", ()), warning]
        event = Event("replaced.kept", {"db_cluster_identifier": self.name, "keep_until": until})
        return StepOutcome(
            done(f"the replaced cluster is kept as {self.name} until {until}"), changes, (event,)
        )
