"""The end of a replaced cluster, with at most one act in each call; the phases and the cleanup go through it alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aurora_restore.domain.acts import Tag, Wait
from aurora_restore.domain.configuration import is_of_rds, users_tags
from aurora_restore.domain.errors import StepFailed
from aurora_restore.domain.fencing import is_under_way
from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    KEEP_UNTIL_TAG,
    OPERATION_TAG,
    RETAIN_UNTIL_TAG,
    TAGS_MOST,
)
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Changes, Retirement, changed, with_warnings
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.results import done, in_progress
from aurora_restore.domain.retirement import (
    Retiring,
    decide_keeping,
    decide_retirement,
    open_port_of,
)
from aurora_restore.domain.states import RetirementState
from aurora_restore.domain.times import format_time, minute_in_words, parse_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard, carry_out, waiting
from aurora_restore.steps.ports import Ports

# A kept cluster that cannot be stopped for so long is kept running.
STOP_LIMIT = timedelta(minutes=15)


@dataclass(frozen=True)
class Removal:
    """Deletes the cluster `resource_id`, whose name is `name`, after its final snapshot; or keeps it for a while.

    `is_replaced`: it is the replaced cluster, whose end the record reports; and not an unfinished new one, or the
    scratch cluster of a rehearsal. `whose` is the first word of the audit events.
    """

    ports: Ports
    operation: Operation
    guard: Guard
    name: str
    resource_id: str
    final_snapshot_identifier: str | None
    is_replaced: bool = True
    whose: str = "replaced"

    @classmethod
    def of_replaced(
        cls, ports: Ports, operation: Operation, guard: Guard, name: str, replacement: Replacement
    ) -> Removal:
        """The retirement of the cluster that an operation replaces."""
        return cls(
            ports,
            operation,
            guard,
            name,
            replacement.replaced_resource_id,
            replacement.final_snapshot_identifier,
        )

    def advance(self) -> StepOutcome:
        """One act towards its end; DONE where it is gone.

        Raises:
            NameTaken, DeletionProtected, GlobalClusterMember, FinalSnapshotFailed, and what RDS refuses.
        """
        # Observed anew in each call: that it is the right cluster, and that its snapshot is finished, is
        # proved in the moment before an act, and never remembered from an earlier one.
        next_act = decide_retirement(self._observe())
        if next_act is None:
            # The record of a run whose unfinished new cluster was removed says nothing of a replaced one.
            retired = changed(
                Retirement,
                state=RetirementState.RETIRED,
                final_snapshot_identifier=self.final_snapshot_identifier,
                retired_time=self.ports.clock.now(),
            )
            changes = retired if self.is_replaced else {}
            return StepOutcome(done(f"{self.name}: the cluster is gone"), changes)
        if isinstance(next_act, Wait):
            return waiting(next_act)
        details = {"name": next_act.name, "reason": next_act.reason, "done": next_act.describe()}
        return carry_out(self.guard, next_act, Event(f"{self.whose}.{next_act.event}", details))

    def keep(self, keep: timedelta) -> StepOutcome:
        """Mark it with who replaced it and until when it is kept, and stop it; DONE where it is stopped."""
        cluster = self.ports.target_rds.find_cluster(self.name)
        if cluster is None:
            return StepOutcome(done(f"{self.name} is gone already"))
        now = self.ports.clock.now()
        act = decide_keeping(self.operation.operation_id, self.resource_id, cluster, now, keep)
        if act is None:
            return self._kept(cluster)
        if isinstance(act, Wait):
            return waiting(act)
        if isinstance(act, Tag):
            return self.mark(act)
        details = {"db_cluster_identifier": self.name, "done": act.describe()}
        try:
            return carry_out(self.guard, act, Event("replaced.stop_started", details))
        except StepFailed as failed:
            if failed.is_of_record:
                raise
            # Since when the run, or its cleanup, has been trying.
            asked, waited = self.operation.asked("stop"), self.operation.record.cleanup.waits.get("stop")
            since = [waited.since] if waited and waited.since else []
            since += [asked.first] if asked else []
            if not since or now - min(since) < STOP_LIMIT:
                return StepOutcome(in_progress(f"{self.name} was not stopped: {failed.message}", 50, "stop"))
            # It is kept all the same; that it goes on running costs money, not data.
            return self._kept(cluster, f"the kept cluster {self.name} could not be stopped: {failed.message}")

    def mark(self, act: Tag) -> StepOutcome:
        """Tag it with the operation that replaced it, and until when it is kept."""
        until = act.tags[KEEP_UNTIL_TAG]
        details = {"db_cluster_identifier": self.name, "keep_until": until, "done": act.describe()}
        return carry_out(self.guard, act, Event("replaced.marked", details))

    def _observe(self) -> Retiring:
        rds, operation_id = self.ports.target_rds, self.operation.operation_id
        cluster = rds.find_cluster(self.name)
        expected = self.final_snapshot_identifier
        if cluster is None:
            return Retiring(operation_id, self.resource_id, None)
        # None for ever, as in plans from before there was an end.
        replacement = self.operation.plan.replacement if self.operation.is_planned else None
        days = replacement.final_snapshot_retention_days if replacement else None
        until = self.ports.clock.now() + timedelta(days=days) if days else None
        # RDS gives a snapshot none of its cluster's tags where
        # the request names some: both go into the request.
        tags = {OPERATION_TAG: operation_id, FINAL_SNAPSHOT_TAG: self.operation.target_cluster_id or ""}
        tags |= {RETAIN_UNTIL_TAG: format_time(until)} if until else {}
        own = [item for item in users_tags(cluster.tags).items() if not is_of_rds(item[0])]
        before_snapshot = changed(
            Retirement, final_snapshot_identifier=expected, final_snapshot_retain_until=until
        )
        return Retiring(
            operation_id=operation_id,
            resource_id=self.resource_id,
            cluster=cluster,
            instances=rds.list_cluster_instances(self.name),
            final_snapshot_identifier=expected,
            final_snapshot=rds.find_cluster_snapshot(expected) if expected else None,
            global_cluster=rds.find_global_cluster_of(cluster.db_cluster_arn),
            open_port=open_port_of(self.operation) if self.is_replaced else None,
            fence_is_under_way=is_under_way(self.operation.record.acts, self.ports.clock.now()),
            keeps_backups=self.is_replaced,
            # Ours are never the ones that are cut off: they say to the sweep what it may remove, and when.
            final_snapshot_tags={**dict(own[: TAGS_MOST - len(tags)]), **tags},
            before_snapshot=before_snapshot if self.is_replaced else {},
            before_deletion=self.before_deletion(),
        )

    def before_deletion(self) -> Changes:
        """Written before the first deletion: from there on a rollback restores the final snapshot."""
        if not self.is_replaced or self.operation.record.retirement.deletion_has_begun:
            return {}
        now = self.ports.clock.now()
        return changed(Retirement, state=RetirementState.BEGUN, begun_time=now)

    def _kept(self, cluster: DbCluster, warning: str | None = None) -> StepOutcome:
        until = cluster.tags.get(KEEP_UNTIL_TAG)
        until_time = parse_time(until) if until else None
        changes = changed(
            Retirement,
            state=RetirementState.KEPT,
            keep_until=until_time,
            db_cluster_identifier=self.name,
        )
        if warning:
            changes |= with_warnings(self.operation.record, warning)
        event = Event("replaced.kept", {"db_cluster_identifier": self.name, "keep_until": until})
        limit = f" until {minute_in_words(until_time)}" if until_time else ""
        return StepOutcome(done(f"the replaced cluster is kept as {self.name}{limit}"), changes, (event,))
