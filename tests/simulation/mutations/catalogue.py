"""Ways to break the pipeline on purpose. Each is a small change of a source file that the simulation has to see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"


@dataclass(frozen=True)
class Mutation:
    """In `file` (below src/aurora_restore), `old`, which occurs there once, becomes `new`.

    `probes`: what is played to see it: scenarios, cases, or objects that end badly, as `python -m tests.simulation`
    names them.
    """

    name: str
    why: str
    file: str
    old: str
    new: str
    probes: tuple[str, ...]

    @property
    def path(self) -> Path:
        return Path("aurora_restore") / self.file

    def applied(self, text: str) -> str:
        """Raises ValueError where the source has changed and the mutation with it is to."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: its text occurs {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


MUTATIONS = (
    Mutation(
        "quiet-group-in-which-workers-run",
        "the parameter group of the first start lets the workers of subscriptions run",
        "domain/engines.py",
        '"max_logical_replication_workers": "0",',
        '"max_logical_replication_workers": "4",',
        ("new",),
    ),
    Mutation(
        "restored-without-the-quiet-group",
        "the cluster is restored with the requested parameter group at once",
        "steps/quiet_group.py",
        "    if plan.starts_with_quiet_group:\n        parameters[",
        "    if False:\n        parameters[",
        ("new",),
    ),
    Mutation(
        "quiet-group-used-too-early",
        "a cluster is restored with a parameter group that RDS is not through with",
        "domain/quiet_group.py",
        "if not times or now - max(times) >= settles:",
        "if True:",
        ("new",),
    ),
    Mutation(
        "requested-group-without-a-restart",
        "the requested parameter group is put in place, and the instances are not restarted",
        "domain/applying_group.py",
        "    if seen.wanted_group is None:\n        return None\n    return next(",
        "    return None\n    return next(",
        ("new",),
    ),
    Mutation(
        "kept-group-stays-quiet",
        "a cluster that keeps the group of its first start keeps what is quiet in it",
        "steps/keep_quiet_group.py",
        "lambda: rds.reset_cluster_parameters(name, parameters),",
        "lambda: None,",
        ("kept_group",),
    ),
    Mutation(
        "scaling-not-given-back",
        "a cleanup that goes back leaves the auto scaling of readers suspended",
        "steps/rollback.py",
        "    prove_old_serves,\n    give_scaling_back,\n",
        "    prove_old_serves,\n",
        ("scaled-swap:*:time-out-before",),
    ),
    Mutation(
        "scaling-goes-on-during-the-way-back",
        "what the run had set back already is not suspended again before the names change back",
        "steps/rollback.py",
        "    hold_scaling,\n    lift_fence,\n",
        "    lift_fence,\n",
        ("scaled-swap:*:denied",),
    ),
    Mutation(
        "scaling-suspended-without-a-word",
        "what auto scaling was is not written down before it is suspended",
        "steps/suspend_scaling.py",
        "ports.scaling.suspend(name, EVERYTHING), also=also\n",
        "ports.scaling.suspend(name, EVERYTHING)\n",
        ("scaled-swap:*:stop-before",),
    ),
    Mutation(
        "scaling-not-suspended",
        "auto scaling goes on while no cluster has the name",
        "steps/switch_over.py",
        "if is_first and (resting",
        "if False and (resting",
        ("scaled-swap",),
    ),
    Mutation(
        "scaling-resumed-whatever-it-was",
        "a target that the operator had suspended in part is set going altogether",
        "domain/scaling.py",
        'Suspension(**item["suspension"])',
        "Suspension()",
        ("scaled-swap",),
    ),
    Mutation(
        "lost-scaling-not-told",
        "policies that are gone with their target are not named",
        "steps/suspend_scaling.py",
        'return self._settled("resumed", lost_warning(self.before))',
        'return self._settled("resumed")',
        ("scaled-swap-lost",),
    ),
    Mutation(
        "end-not-seen-through",
        "the sweep overlooks what was closed and not told",
        "steps/sweep.py",
        "    if operation.is_unsettled:\n",
        "    if False:\n",
        ("stop-refused-RecordFailure-event-lost:*:dies-before",),
    ),
    Mutation(
        "old-not-put-back",
        "a cluster that was renamed to its retired name does not get its name back",
        "steps/rollback.py",
        "    lift_fence,\n    put_old_back,\n",
        "    lift_fence,\n",
        ("swap:*:time-out-before",),
    ),
    Mutation(
        "copy-not-ended",
        "an unfinished copy is left",
        "steps/rollback.py",
        "    end_copy,\n    drop_final_snapshot,",
        "    drop_final_snapshot,",
        ("stop-new-CopySnapshot",),
    ),
    Mutation(
        "new-not-removed",
        "the unfinished new cluster is left",
        "steps/rollback.py",
        "    give_endpoints_back,\n    remove_new,\n    return_kept,",
        "    give_endpoints_back,\n    return_kept,",
        ("stop-swap-RestoreCluster",),
    ),
    Mutation(
        "begun-forgotten",
        "the first deletion is not written down before it is asked for",
        "steps/retirement.py",
        'return {"retirement.state": RetirementState.BEGUN.value, "retirement.begun_time": time}',
        "return {}",
        ("stop-delete-first-ClearTarget", "stop-delete-first-RestoreCluster"),
    ),
    Mutation(
        "final-snapshot-not-proved",
        "a final snapshot counts although it is not finished",
        "domain/retiring.py",
        '        and snapshot.status == "available"\n        and snapshot.db_cluster_resource_id',
        "        and snapshot.db_cluster_resource_id",
        ("objects:swap", "objects:delete-first"),
    ),
    Mutation(
        "copy-not-tagged",
        "the copy does not say whose it is",
        "steps/copy_snapshot.py",
        "        OPERATION_TAG: operation.operation_id,\n",
        "",
        ("new",),
    ),
    Mutation(
        "notified-twice",
        "a phase that is called again sends a second notification",
        "steps/finalize.py",
        '    if notification := operation.section("notification"):\n        return notification\n',
        "",
        ("new:*:dies-before", "new:*:unavailable"),
    ),
    Mutation(
        "password-shown",
        "a message has the master password in it",
        "steps/restore_cluster.py",
        'message = "the master password was changed to that of the admin secret"',
        'message = f"the master password was changed to {admin.password}"',
        ("new",),
    ),
    Mutation(
        "open-records-overlooked",
        "the sweep overlooks records that say RUNNING",
        "steps/sweep.py",
        "for status in (OperationStatus.RUNNING, OperationStatus.CLEANING_UP):",
        "for status in (OperationStatus.CLEANING_UP,):",
        ("stop-swap-RestoreCluster-event-lost",),
    ),
    Mutation(
        "endpoint-of-before",
        "the record keeps the endpoint that the new cluster had under its staging name",
        "steps/switch_over.py",
        '        "endpoint": cluster.endpoint,\n',
        "",
        ("swap",),
    ),
    Mutation(
        "audit-not-ended",
        "the audit events do not say how it ended",
        "steps/finalize.py",
        'f"operation.{operation.status.lower()}"',
        '"operation.ended"',
        ("new",),
    ),
    Mutation(
        "tries-instead-of-time",
        "a rename is given up after two requests, however short a time that is",
        "steps/switch_over.py",
        "        if asked.is_overdue(now, RENAME_LIMIT):",
        '        if operation.acts[kind]["tries"] >= 2:',
        ("swap",),
    ),
    Mutation(
        "late-rename-overlooked",
        "a cleanup closes while RDS may still carry out a rename",
        "steps/rollback.py",
        "    if late := _late_rename(context, now):",
        "    if (late := _late_rename(context, now)) and context.ended_time is None:",
        ("silent-rename",),
    ),
    Mutation(
        "closed-before-notified",
        "the record is closed as notified before the notification is sent",
        "steps/cleanup.py",
        "    notification = notify_or_defer(ports, operation, message, _patience(operation))",
        '    notification = {"message_id": "later", "subject": message.subject} if message else None',
        ("stop-swap-RestoreCluster",),
    ),
    Mutation(
        "writer-race",
        "all instances are created at once, and whichever is ready first becomes the writer",
        "domain/restoring.py",
        "        if found is None and (first := _unready_first(plan, existing)):",
        "        if found is None and number < 0 and (first := _unready_first(plan, existing)):",
        ("swap",),
    ),
    Mutation(
        "snapshot-before-fence",
        "the final snapshot is taken while sessions of the old cluster can still write",
        "domain/retiring.py",
        "if seen.final_snapshot is None and (fence := _fence(seen, cluster)):",
        "if seen.final_snapshot and (fence := _fence(seen, cluster)):",
        ("swap",),
    ),
    Mutation(
        "fence-stays",
        "an old cluster that is put back stays behind its fence",
        "steps/rollback.py",
        "    lift_fence,\n    put_old_back,\n",
        "    put_old_back,\n",
        ("swap:*:denied",),
    ),
    Mutation(
        "copy-left-awake",
        "what came along is listed, and acts",
        "steps/defuse.py",
        "    if left:\n",
        "    if not left:\n",
        ("new",),
    ),
    Mutation(
        "defused-unwritten",
        "what came along is put to rest before the record says how to take that back",
        "steps/defuse.py",
        "    _write_down(ports, operation.operation_id, down)\n",
        "    _ = _write_down\n",
        ("new",),
    ),
)
