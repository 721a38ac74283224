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
    while sum(_advance(world, transition, now) for transition in _due(world, now)):
        continue  # an end can be what another transition waits for
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


def _due(world: World, now: datetime) -> list[Transition]:
    return sorted((t for t in world.transitions if t.time_is_over(now)), key=lambda t: (t.ends_at, t.number))


def _advance(world: World, transition: Transition, now: datetime) -> bool:
    if transition not in world.transitions or _waits_for_another(world, transition):
        return False
    if _final_snapshot_failed(world, transition):
        transition.ends_as = "available"
    take_parameters(world, transition, now)
    jobs.start_at_the_end(world, transition)
    if not transition.work_is_done:
        return False
    world.transitions.remove(transition)
    _finish(world, transition, now if transition.work else transition.ends_at)
    return True


def _waits_for_another(world: World, transition: Transition) -> bool:
    region = world.regions[transition.region]
    if transition.kind is Kind.INSTANCE_CREATE:
        return world.transition_of(transition.arguments["cluster"], *_MADE_CLUSTER) is not None
    if transition.kind is Kind.CLUSTER_DELETE:
        has_members = any(i.cluster_resource_id == transition.subject for i in region.instances.values())
        return has_members or world.transition_of(transition.arguments.get("snapshot", "")) is not None
    return False


def _final_snapshot_failed(world: World, transition: Transition) -> bool:
    """A cluster whose final snapshot failed is not deleted."""
    snapshot = world.regions[transition.region].snapshot_by_arn(transition.arguments.get("snapshot", ""))
    return snapshot is not None and snapshot.status == "failed"


def _finish(world: World, transition: Transition, when: datetime) -> None:
    error = transition.work.exception() if transition.work else None
    if error is not None:
        _log.error("%s of %s failed: %s", transition.kind, transition.subject, error, exc_info=error)
        transition.ends_as = FAILED_AS[transition.kind]
    reason = str(error) if error else "a fault rule or what it depended on wants it so"
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


def _end(
    ending: Ending, subject: _Subject | None, reason: str, end: Callable[[Ending, _Subject], None]
) -> None:
    if subject is None:
        return
    status = ending.transition.ends_as
    if status is None:
        end(ending, subject)
        return
    subject.status = status
    if ending.transition.kind is Kind.CLUSTER_PORT and isinstance(subject, Cluster):
        _end_reboots(ending, subject)
    if isinstance(subject, Cluster):
        subject.pending.clear()
        subject.pending_password = None
    message = (
        f"{ending.transition.kind} of {subject.identifier} did not succeed and ended as {status}: {reason}"
    )
    ending.report(subject, message, "failure")


def _snapshot_made(ending: Ending, snapshot: Snapshot) -> None:
    snapshot.status, snapshot.progress = "available", 100
    snapshot.created_at = snapshot.created_at or ending.transition.started_at
    if ending.transition.kind is Kind.SNAPSHOT_CREATE:
        ending.report(snapshot, "Manual cluster snapshot created", "backup")


def _snapshot_deleted(ending: Ending, snapshot: Snapshot) -> None:
    ending.region.snapshots.pop(snapshot.identifier, None)


def _cluster_made(ending: Ending, cluster: Cluster) -> None:
    _cluster_available(ending.world, cluster)
    if ending.world.habits.iam_authentication_stays_pending:
        enabled = cluster.settings["IAMDatabaseAuthenticationEnabled"]
        cluster.pending["IAMDatabaseAuthenticationEnabled"] = enabled
    ending.report(cluster, "DB cluster created", "creation")


def _cluster_available(world: World, cluster: Cluster) -> None:
    shown = (t for t in world.transitions if t.subject == cluster.resource_id and t.shows_at is None)
    other = next(shown, None)
    cluster.status = STATUS_DURING.get(other.kind, cluster.status) if other else "available"


def _password_changed(ending: Ending, cluster: Cluster) -> None:
    cluster.master_password, cluster.pending_password = cluster.pending_password, None
    cluster.pending.pop("MasterUserPassword", None)
    if secret := cluster.settings.get("MasterUserSecret"):
        cluster.settings["MasterUserSecret"] = {**secret, "SecretStatus": "active"}
    _cluster_available(ending.world, cluster)
    ending.report(cluster, "Reset master credentials", "configuration change")


def _iam_changed(ending: Ending, cluster: Cluster) -> None:
    cluster.settings["IAMDatabaseAuthenticationEnabled"] = ending.transition.arguments["enabled"] == "true"
    cluster.pending.pop("IAMDatabaseAuthenticationEnabled", None)
    _cluster_available(ending.world, cluster)


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


def _cluster_renamed(ending: Ending, cluster: Cluster) -> None:
    old_arn, old_name = cluster.arn, cluster.identifier
    del ending.region.clusters[old_name]
    cluster.former_identifier, cluster.renamed_at = old_name, ending.when
    ending.world.release_name(ending.region, old_name, ending.when)
    cluster.identifier = ending.transition.arguments["new_identifier"]
    ending.region.clusters[cluster.identifier] = cluster
    ending.region.open_log_groups(cluster)
    cluster.pending.pop("DBClusterIdentifier", None)
    for group in ending.world.global_clusters.values():
        group.member_arns = [cluster.arn if arn == old_arn else arn for arn in group.member_arns]
    _cluster_available(ending.world, cluster)
    message = f"Renamed cluster from {old_name} to {cluster.identifier}"
    ending.report(cluster, message, "configuration change")


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
    for snapshot in list(ending.region.snapshots.values()):
        if snapshot.snapshot_type == "automated" and snapshot.cluster_resource_id == cluster.resource_id:
            if ending.world.work is not None:
                jobs.delete_storage(ending.world, snapshot, ending.world.work)
            del ending.region.snapshots[snapshot.identifier]


def _set_status(ending: Ending, cluster: Cluster, status: str) -> None:
    cluster.status = status
    for member in ending.region.members(cluster):
        member.status = status


def _cluster_stopped(ending: Ending, cluster: Cluster) -> None:
    _set_status(ending, cluster, "stopped")
    ending.report(cluster, "DB cluster stopped", "notification")


def _cluster_started(ending: Ending, cluster: Cluster) -> None:
    apply_endpoint(cluster, ending.transition)
    _set_status(ending, cluster, "available")
    ending.report(cluster, "DB cluster started", "notification")


def apply_endpoint(cluster: Cluster, transition: Transition) -> None:
    """Show the port on which the engine's server really listens."""
    endpoint = transition.work.result() if transition.work else None
    if isinstance(endpoint, ServerAddress):
        cluster.port = endpoint.port


def _instance_made(ending: Ending, instance: Instance) -> None:
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    if cluster is None or cluster.status in jobs.UNUSABLE:
        instance.status = "incompatible-restore"
        ending.report(instance, "The instance's cluster has no usable storage", "failure")
        return
    apply_endpoint(cluster, ending.transition)
    instance.status = "available"
    # Aurora makes the writer of whichever instance is ready first.
    instance.is_writer = not any(member.is_writer for member in ending.region.members(cluster))
    cluster.busy_from = ending.when
    busy_seconds = float(ending.transition.arguments.get("busy_seconds", 0))
    cluster.busy_until = ending.when + timedelta(seconds=busy_seconds)
    ending.report(instance, "DB instance created", "creation")


def _instance_modified(ending: Ending, instance: Instance) -> None:
    instance.instance_class = instance.pending.pop("DBInstanceClass", instance.instance_class)
    instance.status = "available"
    ending.report(instance, "Finished applying modification to DB instance class", "configuration change")


def _instance_rebooted(ending: Ending, instance: Instance) -> None:
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    if cluster is not None:
        if ending.world.habits.certificate_renewed_by_reboot and ending.world.work is None:
            renew_certificate(cluster)
        apply_endpoint(cluster, ending.transition)
    instance.status = "available"
    ending.report(instance, "DB instance restarted", "availability")


def _instance_renamed(ending: Ending, instance: Instance) -> None:
    del ending.region.instances[instance.identifier]
    instance.identifier = ending.transition.arguments["new_identifier"]
    ending.region.instances[instance.identifier] = instance
    instance.pending.pop("DBInstanceIdentifier", None)
    instance.status = "available"


def _instance_deleted(ending: Ending, instance: Instance) -> None:
    del ending.region.instances[instance.identifier]
    ending.report(instance, "DB instance deleted", "deletion")
    cluster = ending.region.cluster_by_resource_id(instance.cluster_resource_id)
    if cluster and instance.is_writer:
        _promote_reader(ending.region.members(cluster))


def _promote_reader(members: list[Instance]) -> None:
    """Aurora fails over to the available reader of the lowest tier."""
    ready = [member for member in members if member.status == "available"]
    if ready:
        min(
            ready, key=lambda member: (member.promotion_tier, member.created_at, member.identifier)
        ).is_writer = True


def _endpoint_made(ending: Ending) -> None:
    for endpoint in ending.region.custom_endpoints.values():
        if endpoint.subject == ending.transition.subject:
            endpoint.status = ending.transition.ends_as or "available"


def _endpoint_deleted(ending: Ending) -> None:
    endpoints = ending.region.custom_endpoints
    for endpoint in [each for each in endpoints.values() if each.subject == ending.transition.subject]:
        del endpoints[endpoint.identifier]


_SNAPSHOT_ENDS = {
    Kind.SNAPSHOT_CREATE: _snapshot_made,
    Kind.SNAPSHOT_COPY: _snapshot_made,
    Kind.SNAPSHOT_DELETE: _snapshot_deleted,
}
_CLUSTER_ENDS = {
    Kind.CLUSTER_CREATE: _cluster_made,
    Kind.CLUSTER_RESTORE: _cluster_made,
    Kind.CLUSTER_PASSWORD: _password_changed,
    Kind.CLUSTER_IAM: _iam_changed,
    Kind.CLUSTER_PORT: _port_changed,
    Kind.CLUSTER_RENAME: _cluster_renamed,
    Kind.CLUSTER_DELETE: _cluster_deleted,
    Kind.CLUSTER_STOP: _cluster_stopped,
    Kind.CLUSTER_START: _cluster_started,
}
_INSTANCE_ENDS = {
    Kind.INSTANCE_CREATE: _instance_made,
    Kind.INSTANCE_MODIFY: _instance_modified,
    Kind.INSTANCE_RENAME: _instance_renamed,
    Kind.INSTANCE_REBOOT: _instance_rebooted,
    Kind.INSTANCE_DELETE: _instance_deleted,
}
_ENDPOINT_ENDS = {
    Kind.ENDPOINT_CREATE: _endpoint_made,
    Kind.ENDPOINT_DELETE: _endpoint_deleted,
}
