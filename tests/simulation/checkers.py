"""The invariants of every run, however it ended. Each checker reads the world afterwards and says what is wrong.

They know nothing of the code under test but its names: tags, record fields, event names.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.simulation.endings import CLOSED, EndedOperation, Ending, Expected
from tests.simulation.observations import SeenCluster, SeenSnapshot
from tests.simulation.parameter_groups import parameter_groups_are_as_asked_for
from tests.simulation.quietness import nothing_of_the_copy_acts
from tests.simulation.seeding import PASSWORDS, SOURCE_REGION
from tests.simulation.simulation import Simulation
from tests.support.faults import FaultKind

from aurora_restore.domain.naming import (
    FINAL_SNAPSHOT_TAG,
    KEEP_UNTIL_TAG,
    OPERATION_TAG,
    PUT_BACK_TAG,
    RETAIN_UNTIL_TAG,
)
from aurora_restore.domain.states import (
    MAY_BECOME,
    RETIREMENT_MAY_BECOME,
    OperationStatus,
    PhaseStatus,
    RetirementState,
)
from aurora_restore.domain.times import parse_time
from local_aurora.objects import Cluster, Snapshot

SERVING = ("available", "backing-up")
REMEMBER_TRIES = 3
DELETABLE_SNAPSHOTS = ("available", "copying", "failed")
OUTCOMES = {"SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}
DRY_OUTCOMES = {"SUCCEEDED": "PLANNED", "FAILED": "PLAN_REFUSED", "CANCELLED": "CANCELLED"}
REHEARSAL_OUTCOMES = {"PASSED": "REHEARSAL_PASSED", "OBJECTIVE_MISSED": "REHEARSAL_MISSED"}
VERDICTS = {
    "SUCCEEDED": {"PASSED", "OBJECTIVE_MISSED"},
    "FAILED": {"FAILED"},
    "CANCELLED": {"NOT_MEASURED"},
}
LATER_EVENTS = ("replaced.", "copy.", "notification.", "cleanup.requested", "parameter_group.removed")
"""What may follow in the trail of a closed operation: what it kept goes when its time is over, and what did not come
of its end at once is asked for by the sweep."""
KEPT_OR_GONE = (RetirementState.KEPT, RetirementState.BEGUN, RetirementState.RETIRED)
Words = Iterator[str]


@dataclass(frozen=True)
class Violation:
    """`invariant`: its number in the order of INVARIANTS."""

    invariant: int
    what: str

    def __str__(self) -> str:
        return f"[{self.invariant}: {INVARIANTS[self.invariant - 1][0]}] {self.what}"


def check(sim: Simulation) -> list[Violation]:
    """All that is wrong with how a simulation ended."""
    ending = Ending(sim)
    return [
        Violation(number, what)
        for number, (_, checker) in enumerate(INVARIANTS, start=1)
        for what in checker(ending)
    ]


def source_is_untouched(ending: Ending) -> Words:
    """1. The source cluster and its snapshots are as they were."""
    before, now = ending.before[SOURCE_REGION], ending.now[SOURCE_REGION]
    for kind in ("clusters", "instances", "snapshots"):
        if getattr(before, kind) != getattr(now, kind):
            yield f"{kind} of the source Region changed: {getattr(before, kind)} became {getattr(now, kind)}"


def target_is_what_it_should_be(ending: Ending) -> Words:
    """2. Without success the old cluster has the name again, with its data; with success the new one."""
    for target, expected in ending.expected.items():
        cluster = ending.region.clusters.get(target)
        if expected.contents is None:
            if cluster is not None:
                yield f"{target} exists, although it did not before and nothing succeeded"
        elif cluster is None:
            yield f"{target} does not stand; expected: {expected.contents!r}"
        else:
            yield from _target_faults(ending, target, cluster, expected)


def _target_faults(ending: Ending, target: str, cluster: Cluster, expected: Expected) -> Words:
    if cluster.contents != expected.contents:
        yield f"{target} holds {cluster.contents!r}, expected: {expected.contents!r}"
    members = ending.region.members(cluster)
    if cluster.status not in SERVING or not members or any(m.status not in SERVING for m in members):
        statuses = {member.identifier: member.status for member in members}
        yield f"{target} does not serve: it is {cluster.status}, its instances are {statuses}"
    if expected.resource_id is not None:
        yield from _as_it_was(ending, target, cluster, expected)
    elif cluster.master_password != PASSWORDS["admin"]:
        yield f"{target} does not open with the admin secret"
    elif members and not members[0].identifier.endswith("-1"):
        yield f"the writer of {target} is {members[0].identifier}, not its first instance"


def _as_it_was(ending: Ending, target: str, cluster: Cluster, expected: Expected) -> Words:
    was = next(c for c in ending.region_before.clusters.values() if c.resource_id == expected.resource_id)
    if cluster.resource_id != was.resource_id and not _may_be_put_back(ending, target):
        yield f"{target} is another cluster than the old one"
    for name in (
        "engine_version", "subnet_group", "security_group_ids", "parameter_group", "kms_key_id", "port",
        "master_username", "master_password", "settings",
    ):  # fmt: skip
        if getattr(cluster, name) != getattr(was, name):
            yield f"{target} is not as it was: {name} was {getattr(was, name)}, is {getattr(cluster, name)}"
    ours = {PUT_BACK_TAG, OPERATION_TAG} if cluster.resource_id != was.resource_id else set()
    tags = {key: value for key, value in cluster.tags.items() if key not in ours}
    if tags != was.tags:
        yield f"{target} is not as it was: its tags were {was.tags}, are {cluster.tags}"
    sizes_before = sorted(m.instance_class for m in ending.region_before.members(was))
    sizes = sorted(m.instance_class for m in ending.region.members(cluster))
    if sizes != sizes_before:
        yield f"{target} is not as it was: its instances were {sizes_before}, are {sizes}"


def _may_be_put_back(ending: Ending, target: str) -> bool:
    return any(op.target == target and op.deletes_first for op in ending.operations)


def nothing_is_left_and_nothing_is_gone(ending: Ending) -> Words:
    """3. Nothing that a run made is left but finished copies, and nothing that it did not make is gone."""
    yield from _clusters_left(ending)
    yield from _instances_left(ending)
    yield from (words for snapshot in ending.new_snapshots for words in _snapshot_left(ending, snapshot))
    yield from _clusters_gone(ending)
    for name, snapshot in ending.region_before.snapshots.items():
        if ending.region.snapshots.get(name) != snapshot:
            yield f"the snapshot {name}, which existed before, is gone or changed"


def _clusters_left(ending: Ending) -> Words:
    earlier = ending.clusters_by_resource_id(ending.region_before)
    for cluster in ending.region.clusters.values():
        if cluster.identifier in ending.expected and ending.expected[cluster.identifier].contents is not None:
            continue  # whether it is the right one is another question
        until = cluster.tags.get(KEEP_UNTIL_TAG)
        if until and parse_time(until) > ending.time:
            if cluster.status != "stopped":
                yield f"the kept cluster {cluster.identifier} is {cluster.status}, not stopped"
        elif cluster.resource_id in earlier:
            yield f"the cluster {earlier[cluster.resource_id].identifier} exists as {cluster.identifier}"
        else:
            yield f"the cluster {cluster.identifier} ({cluster.status}) is left"


def _instances_left(ending: Ending) -> Words:
    existing = {cluster.resource_id for cluster in ending.region.clusters.values()}
    for instance in ending.region.instances.values():
        if instance.cluster_resource_id not in existing:
            yield f"the instance {instance.identifier} ({instance.status}) is left without its cluster"
    for instance in ending.region_before.instances.values():
        if instance.cluster_resource_id in existing and instance.identifier not in ending.region.instances:
            yield f"the instance {instance.identifier} is gone, and its cluster exists"


def _snapshot_left(ending: Ending, snapshot: Snapshot) -> Words:
    name = f"the snapshot {snapshot.identifier} ({snapshot.status})"
    if snapshot.status not in DELETABLE_SNAPSHOTS and snapshot.source_arn:
        reported = json.dumps(list(ending.sim.records.items.values()))
        if f"{snapshot.identifier}" not in reported:
            yield f"{name} cannot be deleted, and no record says so"
    elif snapshot.status != "available":
        yield f"{name} is left and not finished"
    elif snapshot.source_arn:
        missing = {OPERATION_TAG, RETAIN_UNTIL_TAG} - set(snapshot.tags)
        if missing:
            yield f"{name} is a copy without the tags {sorted(missing)}"
        elif parse_time(snapshot.tags[RETAIN_UNTIL_TAG]) <= ending.time:
            yield f"{name} is a copy whose time is over"
    elif FINAL_SNAPSHOT_TAG not in snapshot.tags:
        yield f"{name} is neither a copy nor a final snapshot"
    elif any(c.resource_id == snapshot.cluster_resource_id for c in ending.region.clusters.values()):
        yield f"{name} is the final snapshot of a cluster that exists"


def _clusters_gone(ending: Ending) -> Words:
    existing = ending.clusters_by_resource_id(ending.region)
    for cluster in ending.region_before.clusters.values():
        expected = ending.expected[cluster.identifier]
        is_gone = cluster.resource_id not in existing and expected.last is None
        if is_gone and not _may_be_put_back(ending, cluster.identifier):
            yield f"the cluster {cluster.identifier}, which existed before, is gone"
    for op in ending.operations:
        if op.has_succeeded and (contents := ending.replaced_contents(op)) is not None:
            yield from _replaced_is_safe(ending, op, contents)


def nothing_is_written_after_the_final_snapshot(ending: Ending) -> Words:
    """11. A final snapshot begins when no client can write to its cluster any more.

    One that a stopped function still asked for, of a cluster that was not deleted, does not count.
    """
    existing = ending.clusters_by_resource_id(ending.region)
    for snapshot in ending.sim.observations.snapshots.values():
        if snapshot.can_be_written_to and snapshot.cluster_resource_id not in existing:
            yield f"the final snapshot {snapshot.identifier} was taken while clients could still write"


def _replaced_is_safe(ending: Ending, op: EndedOperation, contents: str) -> Words:
    """What a run replaced is kept, or lies in a final snapshot."""
    if op.started.request.get("final_snapshot") is False:
        return
    exists = any(cluster.contents == contents for cluster in ending.region.clusters.values())
    finals = [
        snapshot
        for snapshot in ending.region.snapshots.values()
        if FINAL_SNAPSHOT_TAG in snapshot.tags
        and snapshot.contents == contents
        and snapshot.status == "available"
    ]
    if not exists and not finals:
        yield f"{contents!r}, which {op.operation_id} replaced, is in no cluster and in no final snapshot"


def one_copy_and_one_cluster(ending: Ending) -> Words:
    """4. At most one copy and one new cluster were ever made by an operation."""
    seen = ending.sim.observations
    earlier = {
        cluster.resource_id for region in ending.before.values() for cluster in region.clusters.values()
    }
    stored = {
        snapshot.storage_id for region in ending.before.values() for snapshot in region.snapshots.values()
    }
    clusters = [cluster for cluster in seen.clusters.values() if cluster.resource_id not in earlier]
    snapshots = [snapshot for snapshot in seen.snapshots.values() if snapshot.storage_id not in stored]
    for op in ending.operations:
        mine = [c for c in clusters if c.made_by == op.operation_id and not c.put_back]
        back = [c for c in clusters if c.put_back and op.operation_id in (c.put_back, c.made_by)]
        copies = [s for s in snapshots if s.made_by == op.operation_id and s.source_arn]
        names = {
            "clusters": [cluster.identifier for cluster in mine],
            "clusters put back": [cluster.identifier for cluster in back],
            "copies": [copy.identifier for copy in copies],
        }
        for what, found in names.items():
            if len(found) > 1:
                yield f"{op.operation_id} made {len(found)} {what}: {', '.join(found)}"
    made: list[SeenCluster | SeenSnapshot] = [*clusters, *snapshots]
    for item in made:
        if item.made_by is None and not item.is_tagged:
            yield f"{item.identifier} was made without a tag of its operation"
    if seen.copies_in_flight_most > 5:
        yield f"{seen.copies_in_flight_most} copies were in flight at once"


def record_and_trail_are_true(ending: Ending) -> Words:
    """5. The record and the audit trail tell the truth and end in a terminal state; the lock is free."""
    for target, owner in ending.sim.locks.owners.items():
        yield f"the lock of {target} is held by {owner}"
    yield from _moves_that_may_not_be(ending)
    for op in ending.operations:
        if op.record:
            yield from (f"{op.operation_id}: {words}" for words in _record_faults(ending, op))
            yield from (f"{op.operation_id}: {words}" for words in _trail_faults(ending, op))
        elif not op.started.was_stopped and not op.started.was_timed_out:
            yield f"{op.operation_id}: there is no record"


def _moves_that_may_not_be(ending: Ending) -> Words:
    """A state becomes only what its table says; what an operator wrote by hand may be followed by any ending."""
    for move in ending.sim.records.moves:
        if move.path == ("status",):
            may = move.after in MAY_BECOME[OperationStatus(str(move.before))]
            may = may or (move.is_from_hand and move.after in CLOSED)
        else:
            before = RetirementState(move.before) if move.before else None
            may = move.after in RETIREMENT_MAY_BECOME[before]
        if not may:
            yield f"{move.operation_id}: {'.'.join(move.path)} was {move.before} and became {move.after}"


def _record_faults(ending: Ending, op: EndedOperation) -> Words:
    record = op.record
    if op.status not in CLOSED or not record.end_time or not record.start_time:
        yield f"the record is {op.status}, its start_time {record.start_time}, its end_time {record.end_time}"
        return
    if record.cleanup.error or record.cleanup.failed_time:
        yield f"its cleanup is over, and the record goes on saying that it fails: {record.cleanup.error}"
    if record.end_time < record.start_time:
        yield "it ended before it began"
    under_way = [name for name, phase in record.phases.items() if phase.status is PhaseStatus.IN_PROGRESS]
    if under_way:
        yield f"phases are still IN_PROGRESS: {', '.join(under_way)}"
    error = record.error
    if op.status == "SUCCEEDED" and error:
        yield f"it is SUCCEEDED with an error: {error}"
    if op.status != "SUCCEEDED" and not (error and error.code and error.message):
        yield f"it is {op.status}, and its error has no code and message: {error}"
    yield from _status_faults(op)
    if op.has_succeeded:
        yield from _details_faults(ending, op)


def _status_faults(op: EndedOperation) -> Words:
    """Who ended it, and how it is called."""
    started = op.started
    if op.status == "CANCELLED" and not started.was_stopped:
        yield "it is CANCELLED, although no operator cancelled it"
    plainly_stopped = started.was_stopped and not started.was_marked
    error = op.record.error
    if op.status == "FAILED" and plainly_stopped and error and error.code == "CANCELLED":
        yield "it is FAILED, and says that it was cancelled"


def _details_faults(ending: Ending, op: EndedOperation) -> Words:
    if ending.expected[op.target].last is not op:
        return
    cluster = ending.region.clusters.get(op.target)
    if cluster is None:
        return
    details = op.record.restore_details
    true = {
        "db_cluster_identifier": cluster.identifier,
        "db_cluster_arn": cluster.arn,
        "db_cluster_resource_id": cluster.resource_id,
        "endpoint": cluster.host_name("cluster"),
        "reader_endpoint": cluster.host_name("cluster-ro"),
        "port": cluster.port,
    }
    for name, value in true.items():
        if name in details.item and getattr(details, name) != value:
            yield f"restore_details.{name} says {getattr(details, name)}, true is {value}"
    if not details.endpoint:
        yield "restore_details names no endpoint"


def _trail_faults(ending: Ending, op: EndedOperation) -> Words:
    entries = ending.sim.audit.entries.get(op.operation_id, {})
    events = [str(entries[key]["event"]) for key in sorted(entries)]
    if not events or events[0] != "operation.started":
        yield f"the trail begins with {events[:1]}"
    endings = [event for event in events if event in {f"operation.{status.lower()}" for status in CLOSED}]
    if endings != [f"operation.{op.status.lower()}"]:
        yield f"the trail says {endings}, the record {op.status}"
    elif events[-1] != endings[0] and not events[-1].startswith(LATER_EVENTS):
        yield f"the trail does not end with {endings[0]}, but with {events[-1]}"
    yield from _chain_faults(op, [entries[key] for key in sorted(entries)])


def _chain_faults(op: EndedOperation, events: list[dict[str, Any]]) -> Words:
    """Each event has the hash of the one before it, the record that of the last; nothing waits to be appended."""
    before = "0" * 64
    for number, event in enumerate(events, start=1):
        contents = {name: value for name, value in event.items() if name != "hash"}
        text = json.dumps(contents, sort_keys=True, separators=(",", ":"))
        if (event.get("sequence"), event.get("previous_hash")) != (number, before):
            yield f"event {number} of the trail, {event['event_id']}, is not behind the one before it"
        if event.get("hash") != hashlib.sha256(text.encode()).hexdigest():
            yield f"event {number} of the trail, {event['event_id']}, is not what its hash says"
        before = str(event.get("hash"))
    head = op.record.audit_head
    if (head.count, head.hash) != (len(events), before):
        yield f"the record says that {head.count} events were written, the last with {head.hash}"
    if op.record.last_events:
        yield f"{len(op.record.last_events)} events wait in the record to be appended"


# That a kept cluster could not be retired in time is a message of its own, and not about the run's end.
ASIDE = frozenset({"RETIREMENT_PUT_OFF"})


def one_notification_was_sent(ending: Ending) -> Words:
    """6. One final message went out, and it tells the outcome of the record."""
    allowed = _messages_allowed(ending)
    for op in ending.operations:
        messages = [
            m
            for m in ending.sim.notifications.published
            if m.facts.get("operation_id") == op.operation_id and m.attributes.get("outcome") not in ASIDE
        ]
        if len(messages) not in (allowed if op.record else allowed | {0}):
            yield f"{op.operation_id}: {len(messages)} messages went out: {[m.subject for m in messages]}"
        wanted = (DRY_OUTCOMES if op.is_dry_run else OUTCOMES).get(op.status)
        if op.is_rehearsal and op.status == "SUCCEEDED":
            wanted = REHEARSAL_OUTCOMES.get(op.record.rehearsal.verdict or "")
        for message in messages:
            if message.attributes.get("outcome") != wanted:
                yield f"{op.operation_id} is {op.status}, and was reported as {message.attributes.get('outcome')}"


def _messages_allowed(ending: Ending) -> set[int]:
    """SNS cannot tell a repetition: a reply that was lost, or a death before it is in the record, makes two."""
    injector, fewest, most = ending.sim.injector, 1, 1
    remembering: dict[int, int] = {}  # of a message just sent: which try failed at which request
    for request, last in injector.hits:
        fault = injector.faults.get(request.index)
        lost = request.operation == "Publish" and fault in {FaultKind.REPLY_LOST, FaultKind.DIES_AFTER}
        tries = 1 if last == "Publish" else remembering.get(request.index - 1, 0) + 1
        if last == "Publish" or request.index - 1 in remembering:
            remembering[request.index] = tries
            most += fault is FaultKind.DIES_BEFORE or tries == REMEMBER_TRIES
        most += lost
        if request.operation == "Publish" and fault is FaultKind.DENIED:
            fewest = 0
    return set(range(fewest, most + 1))


def no_secret_is_seen(ending: Ending) -> Words:
    """7. No secret is in any record, payload, log line or message."""
    sim = ending.sim
    executions = sim.step_functions.executions.values()
    places: dict[str, Any] = {
        "the records": sim.records.items,
        "the audit trail": sim.audit.entries,
        "a message": [[m.subject, m.body, *m.attributes.items()] for m in sim.notifications.published],
        "a payload": [[event.details for event in execution.history] for execution in executions],
        "the log": sim.counters.log,
    }
    for place, contents in places.items():
        text = marshal.dumps(contents)  # plain values, whose texts stand in it as they are
        for name, password in PASSWORDS.items():
            if password.encode() in text:
                yield f"the password of {name} is in {place}"


def it_came_to_rest(ending: Ending) -> Words:
    """8. Everything ended, and nothing was left to wait for."""
    if ending.sim.stuck_reason:
        yield ending.sim.stuck_reason
    for execution in ending.sim.step_functions.executions.values():
        if execution.is_running:
            yield f"{execution.execution_arn} runs still, in {execution.state_name}"


def errors_are_foreseen(ending: Ending) -> Words:
    """9. No function ended with an error that is none of the domain's."""
    yield from sorted(set(ending.sim.counters.crashes))


def promises_are_kept(ending: Ending) -> Words:
    """10. What was replaced is kept for as long as was asked for, and so is the copy, however the run ended."""
    for op in ending.operations:
        if op.has_succeeded:
            yield from (f"{op.operation_id}: {words}" for words in _broken_promises(ending, op))


def _broken_promises(ending: Ending, op: EndedOperation) -> Words:
    retirement, switched = op.record.retirement, op.record.switch_over.switched_time
    hours = op.started.request.get("keep_replaced_hours", 0)
    until = retirement.retired_time or retirement.keep_until
    if switched and hours and retirement.state in KEPT_OR_GONE:
        promised = switched + timedelta(hours=hours)
        if not until or until < promised:
            yield f"the replaced cluster was to be kept until {promised}, and was until {until}"
    copy = ending.region.snapshots.get(op.record.snapshot_details.restored_from or "")
    if copy is None or not copy.source_arn or op.undoes:
        return
    started, retained = op.record.start_time, copy.tags.get(RETAIN_UNTIL_TAG)
    if started is None:
        return
    promised = started + timedelta(days=ending.sim.settings.copy_retention_days)
    # Where AWS refuses the tag, the record warns of it.
    if any(copy.identifier in warning for warning in op.record.warnings):
        return
    if not retained or parse_time(retained) < promised:
        yield f"the copy {copy.identifier} was to be kept until {promised}, and is until {retained}"


def no_log_group_has_a_staging_name(ending: Ending) -> Words:
    """12. RDS removes no log group: one of a name that a cluster has for an hour would stay for ever."""
    for group in sorted(ending.region.log_groups):
        if group.split("/")[-2].endswith("-new"):
            yield f"{group} was made, and no run removes it"


def scaling_is_as_it_was(ending: Ending) -> Words:
    """13. The readers of a name are scaled as before, and were not while no cluster had the name.

    Where Application Auto Scaling has not kept the target, it is registered again, and the record says what is missing.
    """
    reported = json.dumps([op.record.warnings for op in ending.operations])
    for name in sorted(ending.sim.observations.scaled_without_cluster):
        # Scaling that could not be suspended goes on; a warning has the command that shows it.
        if f"--resource-ids cluster:{name}" not in reported:
            yield f"the readers of {name} were scaled while no cluster had that name"
    is_lost = ending.sim.aurora.world.habits.scalable_target_lost_without_cluster
    noted = [
        (f"cluster:{op.record.plan.target_cluster_id}", op.record.scaling)
        for op in ending.operations
        if op.record.scaling
    ]
    unseen = {name for name, scaling in noted if not scaling.before}
    unlisted = {name for name, scaling in noted if not scaling.before.get("policies")}
    for resource_id, before in ending.region_before.scalable_targets.items():
        if f"--resource-id {resource_id} --min-capacity" in reported:
            continue  # what was refused for long is left, with a warning that has the command
        now = ending.region.scalable_targets.get(resource_id)
        if now is None:
            # What could not be seen before the switch cannot be registered again; a warning has the command that looks.
            if resource_id not in unseen or f"--resource-ids {resource_id}" not in reported:
                yield f"the scalable target {resource_id} is gone"
            continue
        for field in ("min_capacity", "max_capacity", "suspended"):
            if getattr(now, field) != getattr(before, field):
                yield f"{resource_id}: {field} was {getattr(before, field)}, is {getattr(now, field)}"
        policies_before, policies = (
            sorted(p.name for p in region.scaling_policies.values() if p.resource_id == resource_id)
            for region in (ending.region_before, ending.region)
        )
        are_told = all(name in reported for name in policies_before) or (
            # Names that may not be listed cannot be named: the warning has the command that puts policies again.
            resource_id in unlisted and f"ReadReplicaCount --resource-id {resource_id} " in reported
        )
        if policies != policies_before and not (is_lost and are_told):
            yield f"{resource_id}: its policies were {policies_before}, are {policies}, and no warning names them"


def rehearsals_leave_a_verdict_and_no_cluster(ending: Ending) -> Words:
    """16. After a rehearsal nothing of it exists, its verdict is in the record, and the figures are true."""
    for op in ending.operations:
        if not op.is_rehearsal or not op.record:
            continue
        state = op.record.rehearsal
        if state.verdict is None or state.verdict not in VERDICTS.get(op.status, set()):
            yield f"{op.operation_id} is {op.status}, and its verdict is {state.verdict}"
        if state.left:
            yield f"{op.operation_id} says that its cluster was left: {state.left}"
        region = ending.region
        made = [
            *((name, cluster.tags) for name, cluster in region.clusters.items()),
            *((name, instance.tags) for name, instance in region.instances.items()),
            *((name, group.tags) for name, group in region.cluster_parameter_groups.items()),
        ]
        tagged = [name for name, tags in made if tags.get(OPERATION_TAG) == op.operation_id]
        if tagged:
            yield f"{op.operation_id}: {', '.join(tagged)} is left"
        record = op.record
        if op.status == "SUCCEEDED" and record.start_time and record.proof.proved_time:
            took = (record.proof.proved_time - record.start_time).total_seconds()
            if state.rto_seconds is None or abs(state.rto_seconds - took) > 0.01:
                yield f"{op.operation_id}: it took {took} s, and the record says {state.rto_seconds}"


INVARIANTS: tuple[tuple[str, Callable[[Ending], Words]], ...] = (
    ("the source is untouched", source_is_untouched),
    ("the target is what it should be", target_is_what_it_should_be),
    ("nothing is left, nothing is gone", nothing_is_left_and_nothing_is_gone),
    ("one copy, one cluster", one_copy_and_one_cluster),
    ("record and trail are true", record_and_trail_are_true),
    ("one notification was sent", one_notification_was_sent),
    ("no secret is seen", no_secret_is_seen),
    ("it came to rest", it_came_to_rest),
    ("errors are foreseen", errors_are_foreseen),
    ("promises are kept", promises_are_kept),
    ("nothing is written after the final snapshot", nothing_is_written_after_the_final_snapshot),
    ("no log group has a staging name", no_log_group_has_a_staging_name),
    ("nothing of the copy acts", nothing_of_the_copy_acts),
    ("scaling is as it was", scaling_is_as_it_was),
    ("parameter groups are as asked for", parameter_groups_are_as_asked_for),
    ("rehearsals leave a verdict and no cluster", rehearsals_leave_a_verdict_and_no_cluster),
)
