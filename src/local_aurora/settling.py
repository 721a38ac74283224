"""Bringing the world up to a time: what is over by then takes its final status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from local_aurora import jobs
from local_aurora.access import ServerAddress
from local_aurora.endpoints import renew_certificate
from local_aurora.objects import Cluster, Instance, Snapshot
from local_aurora.scaling import forget_targets_without_cluster
from local_aurora.taking_parameters import take_parameters
from local_aurora.timing import Kind, Transition
from local_aurora.world import Region, World

_log = logging.getLogger(__name__)
_Subject = TypeVar("_Subject", Snapshot, Cluster, Instance)


@dataclass(frozen=True)
class Ending:
    """A transition that is over, and when."""

    world: World
    transition: Transition
    when: datetime

    @property
    def region(self) -> Region:
        return self.world.regions[self.transition.region]

    def report(self, subject: Cluster | Instance | Snapshot, message: str, category: str) -> None:
        self.world.report(self.region, subject, self.when, message, category)


_End = TypeVar("_End", bound=Callable[..., None])
_SNAPSHOT_ENDS: dict[Kind, Callable[[Ending, Snapshot], None]] = {}
_CLUSTER_ENDS: dict[Kind, Callable[[Ending, Cluster], None]] = {}
_INSTANCE_ENDS: dict[Kind, Callable[[Ending, Instance], None]] = {}
_ENDPOINT_ENDS: dict[Kind, Callable[[Ending], None]] = {}
"""What becomes of the subject of each kind of transition; every function below says which kinds it ends."""

FAILED_AS = {
    Kind.SNAPSHOT_CREATE: "failed",
    Kind.SNAPSHOT_COPY: "failed",
    Kind.SNAPSHOT_DELETE: "failed",
    Kind.CLUSTER_CREATE: "migration-failed",
    Kind.CLUSTER_RESTORE: "migration-failed",
    Kind.CLUSTER_PASSWORD: "available",
    Kind.CLUSTER_IAM: "available",
    Kind.CLUSTER_PORT: "available",
    Kind.CLUSTER_STOP: "available",
    Kind.CLUSTER_START: "stopped",
    Kind.CLUSTER_DELETE: "deleting",
    Kind.INSTANCE_CREATE: "failed",
    Kind.INSTANCE_REBOOT: "available",
    Kind.INSTANCE_DELETE: "deleting",
}
"""How an object ends when the engine's work for it failed."""

STATUS_DURING = {
    Kind.CLUSTER_PASSWORD: "resetting-master-credentials",
    Kind.CLUSTER_IAM: "update-iam-db-auth",
    Kind.CLUSTER_PORT: "modifying",
    Kind.CLUSTER_RENAME: "renaming",
    Kind.INSTANCE_MODIFY: "modifying",
    Kind.INSTANCE_RENAME: "renaming",
    Kind.INSTANCE_REBOOT: "rebooting",
}
_MADE_CLUSTER = (Kind.CLUSTER_CREATE, Kind.CLUSTER_RESTORE)


def settle(world: World, now: datetime) -> None:
    """Show what has begun to show, and finish, in the order of their ends, the transitions that are over at `now`."""
    show_changes(world, now)
    due = True
    # Again after each end, since that can be what another transition waits for.
    while due:
        over = (transition for transition in world.transitions if transition.time_is_over(now))
        in_order = sorted(over, key=lambda transition: (transition.ends_at, transition.number))
        due = sum(_advance(world, transition, now) for transition in in_order) > 0
    forget_targets_without_cluster(world)


def show_changes(world: World, now: datetime) -> None:
    """Give the objects the statuses of those changes whose lag is over."""
    for transition in world.transitions:
        if transition.shows_at is None or now < transition.shows_at:
            continue
        transition.shows_at = None
        region = world.regions[transition.region]
        subject = region.cluster_by_resource_id(transition.subject) or region.instance_by_resource_id(
            transition.subject
        )
        # What is on its way out, or stopped, keeps saying so.
        if subject is not None and subject.status == "available":
            subject.status = STATUS_DURING[transition.kind]
        if transition.kind is Kind.CLUSTER_PORT and isinstance(subject, Cluster):
            for member in region.members(subject):
                member.status = "rebooting" if member.status == "available" else member.status


def next_end(world: World, now: datetime) -> datetime | None:
    """When the next transition's time is over; None when time alone finishes nothing more."""
    return min((t.ends_at for t in world.transitions if t.held_by is None and t.ends_at > now), default=None)


def _advance(world: World, transition: Transition, now: datetime) -> bool:
    if transition not in world.transitions or _waits_for_another(world, transition):
        return False
    snapshot = world.regions[transition.region].snapshot_by_arn(transition.arguments.get("snapshot", ""))
    # A cluster whose final snapshot failed is not deleted.
    if snapshot is not None and snapshot.status == "failed":
        transition.ends_as = "available"
    take_parameters(world, transition, now)
    jobs.start_at_the_end(world, transition)
    if not transition.work_is_done:
        return False
    world.transitions.remove(transition)
    # The engine can need longer than the time that the transition was given.
    _finish(world, transition, now if transition.work else transition.ends_at)
    return True


def _waits_for_another(world: World, transition: Transition) -> bool:
    # An instance has no storage before its cluster is made; a cluster goes after its members and its final snapshot.
    region = world.regions[transition.region]
    if transition.kind is Kind.INSTANCE_CREATE:
        return world.transition_of(transition.arguments["cluster"], *_MADE_CLUSTER) is not None
    if transition.kind is Kind.CLUSTER_DELETE:
        has_members = any(i.cluster_resource_id == transition.subject for i in region.instances.values())
        return has_members or world.transition_of(transition.arguments.get("snapshot", "")) is not None
    return False


def _finish(world: World, transition: Transition, when: datetime) -> None:
    error = transition.work.exception() if transition.work else None
    if error is not None:
        _log.error("%s of %s failed: %s", transition.kind, transition.subject, error, exc_info=error)
        transition.ends_as = FAILED_AS[transition.kind]
    reason = str(error) if error else "a fault rule, or a failure of what it depended on"
    ending = Ending(world, transition, when)
    if transition.kind in _SNAPSHOT_ENDS:
        snapshot = ending.region.snapshot_by_arn(transition.subject)
        _end(ending, snapshot, reason, _SNAPSHOT_ENDS[transition.kind])
    elif transition.kind in _ENDPOINT_ENDS:
        _ENDPOINT_ENDS[transition.kind](ending)
    elif transition.kind in _CLUSTER_ENDS:
        cluster = ending.region.cluster_by_resource_id(transition.subject)
        _end(ending, cluster, reason, _CLUSTER_ENDS[transition.kind])
    else:
        instance = ending.region.instance_by_resource_id(transition.subject)
        _end(ending, instance, reason, _INSTANCE_ENDS[transition.kind])


def _ends(table: dict[Kind, _End], *kinds: Kind) -> Callable[[_End], _End]:
    def note(end: _End) -> _End:
        table.update(dict.fromkeys(kinds, end))
        return end

    return note


def _end(
    ending: Ending, subject: _Subject | None, reason: str, end: Callable[[Ending, _Subject], None]
) -> None:
    # It was deleted meanwhile.
    if subject is None:
        return
    status = ending.transition.ends_as
    if status is None:
        end(ending, subject)
        return
    subject.status = status
    if ending.transition.kind is Kind.CLUSTER_PORT and isinstance(subject, Cluster):
        _end_reboots(ending, subject)
    # A change that failed is not pending any more.
    if isinstance(subject, Cluster):
        subject.pending.clear()
        subject.pending_password = None
    message = (
        f"{ending.transition.kind} of {subject.identifier} did not succeed and ended as {status}: {reason}"
    )
    ending.report(subject, message, "failure")


@_ends(_SNAPSHOT_ENDS, Kind.SNAPSHOT_CREATE, Kind.SNAPSHOT_COPY)
def _snapshot_made(ending: Ending, snapshot: Snapshot) -> None:
    snapshot.status, snapshot.progress = "available", 100
    # The time is that of the request, and shows only once the snapshot is complete.
    snapshot.created_at = snapshot.created_at or ending.transition.started_at
    if ending.transition.kind is Kind.SNAPSHOT_CREATE:
        ending.report(snapshot, "Manual cluster snapshot created", "backup")


@_ends(_SNAPSHOT_ENDS, Kind.SNAPSHOT_DELETE)
def _snapshot_deleted(ending: Ending, snapshot: Snapshot) -> None:
    ending.region.snapshots.pop(snapshot.identifier, None)


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_CREATE, Kind.CLUSTER_RESTORE)
def _cluster_made(ending: Ending, cluster: Cluster) -> None:
    _cluster_available(ending.world, cluster)
    if ending.world.habits.iam_authentication_stays_pending:
        enabled = cluster.settings["IAMDatabaseAuthenticationEnabled"]
        cluster.pending["IAMDatabaseAuthenticationEnabled"] = enabled
    ending.report(cluster, "DB cluster created", "creation")


def _cluster_available(world: World, cluster: Cluster) -> None:
    # Another change that shows already goes on showing.
    shown = (t for t in world.transitions if t.subject == cluster.resource_id and t.shows_at is None)
    other = next(shown, None)
    cluster.status = STATUS_DURING.get(other.kind, cluster.status) if other else "available"


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_PASSWORD)
def _password_changed(ending: Ending, cluster: Cluster) -> None:
    cluster.master_password, cluster.pending_password = cluster.pending_password, None
    cluster.pending.pop("MasterUserPassword", None)
    if secret := cluster.settings.get("MasterUserSecret"):
        cluster.settings["MasterUserSecret"] = {**secret, "SecretStatus": "active"}
    _cluster_available(ending.world, cluster)
    ending.report(cluster, "Reset master credentials", "configuration change")


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_IAM)
def _iam_changed(ending: Ending, cluster: Cluster) -> None:
    cluster.settings["IAMDatabaseAuthenticationEnabled"] = ending.transition.arguments["enabled"] == "true"
    cluster.pending.pop("IAMDatabaseAuthenticationEnabled", None)
    _cluster_available(ending.world, cluster)


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_PORT)
def _port_changed(ending: Ending, cluster: Cluster) -> None:
    """The new port shows once the servers have been started anew on it."""
    cluster.port = int(ending.transition.arguments["port"])
    apply_endpoint(cluster, ending.transition)
    _end_reboots(ending, cluster)
    _cluster_available(ending.world, cluster)
    ending.report(cluster, f"The port was changed to {cluster.port}", "configuration change")


def _end_reboots(ending: Ending, cluster: Cluster) -> None:
    for member in ending.region.members(cluster):
        if member.status == "rebooting" and ending.world.transition_of(member.resource_id) is None:
            member.status = "available"


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_RENAME)
def _cluster_renamed(ending: Ending, cluster: Cluster) -> None:
    old_arn, old_name = cluster.arn, cluster.identifier
    del ending.region.clusters[old_name]
    cluster.former_identifier, cluster.renamed_at = old_name, ending.when
    ending.world.release_name(ending.region, old_name, ending.when)
    cluster.identifier = ending.transition.arguments["new_identifier"]
    ending.region.clusters[cluster.identifier] = cluster
    ending.region.open_log_groups(cluster)
    cluster.pending.pop("DBClusterIdentifier", None)
    # A global database names its members by ARN, and the name is part of that.
    for group in ending.world.global_clusters.values():
        group.member_arns = [cluster.arn if arn == old_arn else arn for arn in group.member_arns]
    _cluster_available(ending.world, cluster)
    message = f"Renamed cluster from {old_name} to {cluster.identifier}"
    ending.report(cluster, message, "configuration change")


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_DELETE)
def _cluster_deleted(ending: Ending, cluster: Cluster) -> None:
    ending.report(cluster, "DB cluster deleted", "deletion")
    del ending.region.clusters[cluster.identifier]
    endpoints = ending.region.custom_endpoints
    for endpoint in [e for e in endpoints.values() if e.cluster_resource_id == cluster.resource_id]:
        ending.world.cancel_transitions(endpoint.subject)
        del endpoints[endpoint.identifier]
    ending.world.release_name(ending.region, cluster.identifier, ending.when)
    ending.world.release_group(ending.region, cluster.parameter_group, ending.when)
    if ending.transition.arguments["delete_automated_backups"] != "true":
        return
    # Manual snapshots stay.
    for snapshot in list(ending.region.snapshots.values()):
        if snapshot.snapshot_type == "automated" and snapshot.cluster_resource_id == cluster.resource_id:
            if ending.world.work is not None:
                jobs.delete_storage(ending.world, snapshot, ending.world.work)
            del ending.region.snapshots[snapshot.identifier]


def _set_status(ending: Ending, cluster: Cluster, status: str) -> None:
    cluster.status = status
    for member in ending.region.members(cluster):
        member.status = status


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_STOP)
def _cluster_stopped(ending: Ending, cluster: Cluster) -> None:
    _set_status(ending, cluster, "stopped")
    ending.report(cluster, "DB cluster stopped", "notification")


@_ends(_CLUSTER_ENDS, Kind.CLUSTER_START)
def _cluster_started(ending: Ending, cluster: Cluster) -> None:
    apply_endpoint(cluster, ending.transition)
    _set_status(ending, cluster, "available")
    ending.report(cluster, "DB cluster started", "notification")


def apply_endpoint(cluster: Cluster, transition: Transition) -> None:
    """Show the port on which the engine's server really listens."""
    endpoint = transition.work.result() if transition.work else None
    if isinstance(endpoint, ServerAddress):
        cluster.port = endpoint.port


@_ends(_INSTANCE_ENDS, Kind.INSTANCE_CREATE)
def _instance_made(ending: Ending, instance: Instance) -> None:
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    # Its cluster can have failed or been deleted meanwhile.
    if cluster is None or cluster.status in jobs.UNUSABLE:
        instance.status = "incompatible-restore"
        ending.report(instance, "The instance's cluster has no usable storage", "failure")
        return
    apply_endpoint(cluster, ending.transition)
    instance.status = "available"
    # Aurora makes the writer of whichever instance is ready first.
    instance.is_writer = not any(member.is_writer for member in ending.region.members(cluster))
    # RDS is at work on the cluster for a while, although both show `available`.
    cluster.busy_from = ending.when
    busy_seconds = float(ending.transition.arguments.get("busy_seconds", 0))
    cluster.busy_until = ending.when + timedelta(seconds=busy_seconds)
    ending.report(instance, "DB instance created", "creation")


@_ends(_INSTANCE_ENDS, Kind.INSTANCE_MODIFY)
def _instance_modified(ending: Ending, instance: Instance) -> None:
    instance.instance_class = instance.pending.pop("DBInstanceClass", instance.instance_class)
    instance.status = "available"
    ending.report(instance, "Finished applying modification to DB instance class", "configuration change")


@_ends(_INSTANCE_ENDS, Kind.INSTANCE_REBOOT)
def _instance_rebooted(ending: Ending, instance: Instance) -> None:
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    if cluster is not None:
        if ending.world.habits.certificate_renewed_by_reboot and ending.world.work is None:
            renew_certificate(cluster)
        apply_endpoint(cluster, ending.transition)
    instance.status = "available"
    ending.report(instance, "DB instance restarted", "availability")


@_ends(_INSTANCE_ENDS, Kind.INSTANCE_RENAME)
def _instance_renamed(ending: Ending, instance: Instance) -> None:
    del ending.region.instances[instance.identifier]
    instance.identifier = ending.transition.arguments["new_identifier"]
    ending.region.instances[instance.identifier] = instance
    instance.pending.pop("DBInstanceIdentifier", None)
    instance.status = "available"


@_ends(_INSTANCE_ENDS, Kind.INSTANCE_DELETE)
def _instance_deleted(ending: Ending, instance: Instance) -> None:
    del ending.region.instances[instance.identifier]
    ending.report(instance, "DB instance deleted", "deletion")
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    if not cluster or not instance.is_writer:
        return
    # Aurora fails over to the available reader of the lowest tier.
    ready = [member for member in ending.region.members(cluster) if member.status == "available"]
    if ready:
        next_writer = min(ready, key=lambda each: (each.promotion_tier, each.created_at, each.identifier))
        next_writer.is_writer = True


@_ends(_ENDPOINT_ENDS, Kind.ENDPOINT_CREATE)
def _endpoint_made(ending: Ending) -> None:
    for endpoint in ending.region.custom_endpoints.values():
        if endpoint.subject == ending.transition.subject:
            endpoint.status = ending.transition.ends_as or "available"


@_ends(_ENDPOINT_ENDS, Kind.ENDPOINT_DELETE)
def _endpoint_deleted(ending: Ending) -> None:
    endpoints = ending.region.custom_endpoints
    for endpoint in [each for each in endpoints.values() if each.subject == ending.transition.subject]:
        del endpoints[endpoint.identifier]
