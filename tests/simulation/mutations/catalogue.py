"""Ways to break the pipeline on purpose. Each replaces one thing in it, and the simulation has to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aurora_restore.domain.acts import Act, SuspendScaling
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Notification
from aurora_restore.domain.retirement import Retiring
from aurora_restore.domain.scaling import ScalingBefore, Suspension
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.ports import Ports

Make = Callable[[Any], Any]
"""Given what is there, gives what is there instead."""


@dataclass(frozen=True)
class Mutation:
    """What is at `place` (`module:qualified.name`, below `aurora_restore`) becomes what `make` makes of it.

    `probes`: what is played to see it: scenarios, cases, or objects that end badly, as `python -m tests.simulation`
    names them.
    """

    name: str
    why: str
    place: str
    make: Make
    probes: tuple[str, ...]


def does_nothing(_: Any) -> Callable[..., None]:
    return lambda *_, **__: None


def answers(value: Any) -> Make:
    return lambda _: lambda *_, **__: value


def without(key: str) -> Make:
    """Of the mapping that it answers, one key is missing."""

    def make(original: Callable[..., Mapping[str, Any]]) -> Callable[..., dict[str, Any]]:
        return lambda *args, **kwargs: {
            name: value for name, value in original(*args, **kwargs).items() if name != key
        }

    return make


def _letting_workers_run(original: Callable[[str], Mapping[str, str]]) -> Callable[[str], Mapping[str, str]]:
    return lambda family: {**original(family), "max_logical_replication_workers": "4"}


def _writing_no_scaling_down(original: Callable[..., Any]) -> Callable[..., Any]:
    def ask(guard: Any, act: Act) -> Any:
        return original(guard, replace(act, also={}) if isinstance(act, SuspendScaling) else act)

    return ask


def _forgetting_the_suspension(
    original: Callable[..., ScalingBefore | None],
) -> Callable[..., ScalingBefore | None]:
    def from_item(*args: Any) -> ScalingBefore | None:
        before = original(*args)
        return before and replace(before, target=replace(before.target, suspension=Suspension()))

    return from_item


def _trusting_any_snapshot(original: Callable[[Retiring], bool]) -> Callable[[Retiring], bool]:
    def has_final_snapshot(seen: Retiring) -> bool:
        found = seen.final_snapshot
        return original(replace(seen, final_snapshot=replace(found, status="available")) if found else seen)

    return has_final_snapshot


def _copying_without_the_operation(original: Callable[..., None]) -> Callable[..., None]:
    def copy(rds: Any, *args: Any) -> None:
        *others, tags = args
        original(rds, *others, {key: value for key, value in tags.items() if key != OPERATION_TAG})

    return copy


def _forgetting_the_notification(original: Callable[..., Any]) -> Callable[..., Any]:
    def notify(operation: Operation, ports: Ports, message: Any) -> Any:
        item = {name: value for name, value in operation.item.items() if name != "notification"}
        return original(Operation(item), ports, message)

    return notify


def _showing_the_password(original: Callable[..., Any]) -> Callable[..., Any]:
    def refused(operation: Operation, ports: Ports, cluster: Any, admin: Any, attempt: Any) -> Any:
        outcome = original(operation, ports, cluster, admin, attempt)
        shown = replace(outcome.result, message=f"the master password was changed to {admin.password}")
        return replace(outcome, result=shown)

    return refused


def _overlooking_what_runs(
    original: Callable[[Ports], Iterator[Mapping[str, Any]]],
) -> Callable[[Ports], Iterator[Mapping[str, Any]]]:
    return lambda ports: (item for item in original(ports) if item["status"] != OperationStatus.RUNNING)


def _not_telling_the_end(original: Callable[..., None]) -> Callable[..., None]:
    def close(operation: Operation, ports: Ports, *args: Any) -> None:
        audit: Any = _WithoutTheEnd(ports.audit)
        original(operation, replace(ports, audit=audit), *args)

    return close


class _WithoutTheEnd:
    """Audit events of which the last one does not say how the operation ended."""

    def __init__(self, audit: Any) -> None:
        self._audit = audit

    def append(self, item: Mapping[str, Any]) -> None:
        endings = {f"operation.{status.lower()}" for status in OperationStatus}
        named = "operation.ended" if item["event"] in endings else item["event"]
        self._audit.append({**item, "event": named})


def _flushing_only_its_own(original: Callable[..., None]) -> Callable[..., None]:
    def flush(trail: Any) -> None:
        if trail._appended is None:
            trail._appended = trail.head.hash
        original(trail)

    return flush


def _not_sending(_: Any) -> Callable[..., Any]:
    def notify_or_defer(operation: Operation, ports: Ports, message: Any, waited: timedelta) -> Any:
        return Notification(message_id="later", subject=message.subject) if message else None

    return notify_or_defer


MUTATIONS = (
    Mutation(
        "quiet-group-in-which-workers-run",
        "the parameter group of the first start lets the workers of subscriptions run",
        "domain.quiet_group:quiet_parameters",
        _letting_workers_run,
        ("new",),
    ),
    Mutation(
        "restored-without-the-quiet-group",
        "the cluster is restored with the requested parameter group at once",
        "steps.quiet_group:restored_with",
        without("db_cluster_parameter_group_name"),
        ("new",),
    ),
    Mutation(
        "quiet-group-used-too-early",
        "a cluster is restored with a parameter group that RDS is not through with",
        "domain.quiet_group:still_settling",
        does_nothing,
        ("new",),
    ),
    Mutation(
        "requested-group-without-a-restart",
        "the requested parameter group is put in place, and the instances are not restarted",
        "domain.applying_group:_reboots",
        does_nothing,
        ("new",),
    ),
    Mutation(
        "kept-group-stays-quiet",
        "a cluster that keeps the group of its first start keeps what is quiet in it",
        "aws.rds_groups:ParameterGroups.reset_cluster_parameters",
        does_nothing,
        ("kept_group",),
    ),
    Mutation(
        "scaling-not-given-back",
        "a cleanup that goes back leaves the auto scaling of readers suspended",
        "steps.suspend_scaling:give_scaling_back",
        does_nothing,
        ("scaled-swap:*:time-out-before",),
    ),
    Mutation(
        "scaling-goes-on-during-the-way-back",
        "what the run had set back already is not suspended again before the names change back",
        "steps.suspend_scaling:hold_scaling",
        does_nothing,
        ("scaled-swap:*:denied",),
    ),
    Mutation(
        "scaling-suspended-without-a-word",
        "what auto scaling was is not written down before it is suspended",
        "steps.runner:RunGuard.ask",
        _writing_no_scaling_down,
        ("scaled-swap:*:stop-before",),
    ),
    Mutation(
        "scaling-not-suspended",
        "auto scaling goes on while no cluster has the name",
        "steps.suspend_scaling:suspend_scaling",
        does_nothing,
        ("scaled-swap",),
    ),
    Mutation(
        "scaling-resumed-whatever-it-was",
        "a target that the operator had suspended in part is set going altogether",
        "domain.scaling:ScalingBefore.from_item",
        _forgetting_the_suspension,
        ("scaled-swap",),
    ),
    Mutation(
        "lost-scaling-not-reported",
        "policies that are gone with their target are not named",
        "domain.scaling:lost_warning",
        does_nothing,
        ("scaled-swap-lost",),
    ),
    Mutation(
        "end-not-seen-through",
        "the sweep overlooks what was closed and not notified",
        "domain.record.whole:Record.is_unsettled",
        answers(False),
        ("stop-refused-RecordFailure-event-lost:*:dies-before",),
    ),
    Mutation(
        "old-not-put-back",
        "a cluster that was renamed to its retired name does not get its name back",
        "domain.rollback:give_old_its_name",
        does_nothing,
        ("swap:*:time-out-before",),
    ),
    Mutation(
        "failed-instance-stays",
        "an instance that did not come up is not created again while the old cluster is put back",
        "domain.rollback:clear_failed_instance",
        does_nothing,
        ("objects:delete-first",),
    ),
    Mutation(
        "copy-not-ended",
        "an unfinished copy is left",
        "domain.rollback:delete_unfinished_copy",
        does_nothing,
        ("stop-new-CopySnapshot",),
    ),
    Mutation(
        "new-not-removed",
        "the unfinished new cluster is left",
        "steps.rollback:remove_new",
        does_nothing,
        ("stop-swap-RestoreCluster",),
    ),
    Mutation(
        "begun-forgotten",
        "the first deletion is not written down before it is asked for",
        "steps.retirement:Removal.before_deletion",
        answers({}),
        (
            "stop-delete-first-ClearTarget",
            "stop-delete-first-RestoreCluster",
        ),
    ),
    Mutation(
        "final-snapshot-not-proved",
        "a final snapshot counts although it is not finished",
        "domain.retirement:has_final_snapshot",
        _trusting_any_snapshot,
        (
            "objects:swap",
            "objects:delete-first",
        ),
    ),
    Mutation(
        "copy-not-tagged",
        "the copy does not say whose it is",
        "aws.rds:AwsRds.copy_cluster_snapshot",
        _copying_without_the_operation,
        ("new",),
    ),
    Mutation(
        "notified-twice",
        "a phase that is called again sends a second notification",
        "steps.finalize:notify",
        _forgetting_the_notification,
        (
            "new:*:dies-before",
            "new:*:unavailable",
        ),
    ),
    Mutation(
        "password-shown",
        "a message has the master password in it",
        "steps.take_over_master:change_master_password",
        _showing_the_password,
        ("new",),
    ),
    Mutation(
        "open-records-overlooked",
        "the sweep overlooks records that say RUNNING",
        "steps.sweep:open_records",
        _overlooking_what_runs,
        ("stop-swap-RestoreCluster-event-lost",),
    ),
    Mutation(
        "endpoint-of-before",
        "the record keeps the endpoint that the new cluster had under its staging name",
        "steps.switch_over:cluster_details",
        without("restore_details.endpoint"),
        ("swap",),
    ),
    Mutation(
        "audit-not-ended",
        "the audit events do not say how it ended",
        "steps.finalize:close",
        _not_telling_the_end,
        ("new",),
    ),
    Mutation(
        "tries-instead-of-time",
        "a rename is given up after a moment",
        "steps.switch_over:RENAME_LIMIT",
        lambda _: timedelta(milliseconds=1),
        ("swap",),
    ),
    Mutation(
        "late-rename-overlooked",
        "a cleanup closes while RDS may still carry out a rename",
        "domain.switching:late_rename_of_old",
        does_nothing,
        ("silent-rename",),
    ),
    Mutation(
        "closed-before-notified",
        "the record is closed as notified before the notification is sent",
        "steps.finalize:notify_or_defer",
        _not_sending,
        ("stop-swap-RestoreCluster",),
    ),
    Mutation(
        "writer-race",
        "all instances are created at once, and whichever is ready first becomes the writer",
        "domain.restoring:_unready_first",
        does_nothing,
        ("swap",),
    ),
    Mutation(
        "snapshot-before-fence",
        "the final snapshot is taken while sessions of the old cluster can still write",
        "domain.retirement:_fence",
        does_nothing,
        ("swap",),
    ),
    Mutation(
        "fence-stays",
        "an old cluster that is put back stays behind its fence",
        "domain.rollback:lift_fence",
        does_nothing,
        ("swap:*:denied",),
    ),
    Mutation(
        "copy-left-awake",
        "what came along is listed, and acts",
        "steps.defuse:_to_be_taken_out",
        answers([]),
        ("new",),
    ),
    Mutation(
        "defused-unwritten",
        "what came along is put to rest before the record says how to take that back",
        "steps.defuse:write_down",
        does_nothing,
        ("new",),
    ),
    Mutation(
        "events-given-up",
        "the events that a dead call has noted give way to the next ones, and are in no table",
        "steps.audit_events:AuditTrail.flush",
        _flushing_only_its_own,
        ("dry-run:*:dies-after",),
    ),
    Mutation(
        "scratch-left",
        "the cluster of a rehearsal that ended in another way is left",
        "steps.rollback:remove_scratch",
        does_nothing,
        ("stop-rehearsal-EndRehearsal",),
    ),
    Mutation(
        "no-verdict",
        "a rehearsal that ended before it was measured has no verdict",
        "domain.rehearsal:verdict_at_end",
        answers({}),
        ("time_out-rehearsal-RestoreCluster",),
    ),
    Mutation(
        "rehearsal-undeleted",
        "a rehearsal ends, and its cluster goes on serving",
        "steps.end_rehearsal:asked_of",
        does_nothing,
        ("rehearsal",),
    ),
)
