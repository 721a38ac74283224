"""What an engine does for each transition: as soon as it begins, or once its time is over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from local_aurora import catalogue
from local_aurora.access import PasswordLogin, ServerAddress
from local_aurora.endpoints import face_of, renew_certificate
from local_aurora.engine import Engine, ServerFace
from local_aurora.engines.errors import PortTaken
from local_aurora.engines.process import find_free_port
from local_aurora.objects import Cluster, Instance, Snapshot
from local_aurora.timing import Kind, Transition
from local_aurora.work import EngineWork
from local_aurora.world import Region, World


@dataclass(frozen=True)
class Task:
    """A transition that the engine has to do something for."""

    world: World
    transition: Transition
    work: EngineWork

    @property
    def subject(self) -> str:
        return self.transition.subject

    @property
    def region(self) -> Region:
        return self.world.regions[self.transition.region]

    def cluster(self) -> Cluster | None:
        return self.region.cluster_by_resource_id(self.subject)

    def snapshot(self) -> Snapshot | None:
        return self.region.snapshot_by_arn(self.subject)

    def instance_and_cluster(self) -> tuple[Instance, Cluster] | None:
        instance = self.region.instance_by_resource_id(self.subject)
        cluster = self.region.cluster_by_resource_id(instance.cluster_resource_id) if instance else None
        return (instance, cluster) if instance and cluster else None


Job = Callable[[Task], "Future[Any] | None"]
_AT_ONCE: dict[Kind, Job] = {}
"""Can be done while the transition's time runs."""
_AT_THE_END: dict[Kind, Job] = {}
"""Must not happen before the transition's time is over."""

UNUSABLE = ("migration-failed", "deleting")
"""Statuses of a cluster in which no server is started for it."""


def start_at_once(world: World, transition: Transition) -> None:
    job = _AT_ONCE.get(transition.kind)
    if world.work is not None and job is not None and transition.work is None:
        transition.work = job(Task(world, transition, world.work))


def start_at_the_end(world: World, transition: Transition) -> None:
    job = _AT_THE_END.get(transition.kind)
    if world.work is None or job is None or transition.work is not None or transition.ends_as is not None:
        return
    transition.work = job(Task(world, transition, world.work))


def _does(jobs: dict[Kind, Job], kind: Kind) -> Callable[[Job], Job]:
    def note(job: Job) -> Job:
        jobs[kind] = job
        return job

    return note


def start_server(
    engine: Engine, cluster_id: str, port: int | None, iam: bool, face: ServerFace
) -> ServerAddress:
    endpoint = engine.start_cluster(cluster_id, port, face)
    engine.set_iam_authentication(cluster_id, iam)
    return endpoint


@_does(_AT_ONCE, Kind.SNAPSHOT_CREATE)
def _take_snapshot(task: Task) -> Future[Any] | None:
    snapshot = task.snapshot()
    if snapshot is None:
        return None
    cluster_id, storage_id = snapshot.cluster_resource_id, snapshot.storage_id
    return task.work.submit(
        (cluster_id, storage_id), lambda engine: engine.take_snapshot(cluster_id, storage_id)
    )


@_does(_AT_ONCE, Kind.SNAPSHOT_COPY)
def _copy_snapshot(task: Task) -> Future[Any] | None:
    source_id, target_id = (
        task.transition.arguments["source_storage_id"],
        task.transition.arguments["storage_id"],
    )
    return task.work.submit((source_id, target_id), lambda engine: engine.copy_snapshot(source_id, target_id))


@_does(_AT_THE_END, Kind.SNAPSHOT_DELETE)
def _delete_snapshot(task: Task) -> Future[Any] | None:
    snapshot = task.snapshot()
    return delete_storage(task.world, snapshot, task.work) if snapshot else None


def delete_storage(world: World, snapshot: Snapshot, work: EngineWork) -> Future[Any] | None:
    """Remove a snapshot's data, unless another snapshot shares it."""
    storage_id = snapshot.storage_id
    everywhere = (entry for region in world.regions.values() for entry in region.snapshots.values())
    if any(entry.storage_id == storage_id and entry.arn != snapshot.arn for entry in everywhere):
        return None
    return work.submit((storage_id,), lambda engine: engine.delete_snapshot(storage_id))


@_does(_AT_ONCE, Kind.CLUSTER_CREATE)
def _create_cluster(task: Task) -> Future[Any] | None:
    cluster = task.cluster()
    if cluster is None:
        return None
    cluster_id, database_name = cluster.resource_id, cluster.database_name
    master = PasswordLogin(cluster.master_username, cluster.master_password or "")
    name, major = cluster.engine, catalogue.database_major(cluster.engine_version)
    return task.work.submit(
        (cluster_id,), lambda engine: engine.create_cluster(cluster_id, master, database_name, major, name)
    )


@_does(_AT_ONCE, Kind.CLUSTER_RESTORE)
def _restore_cluster(task: Task) -> Future[Any] | None:
    storage_id, cluster_id = task.transition.arguments["storage_id"], task.subject
    content_id = task.transition.arguments.get("content_id", "")
    return task.work.submit(
        (storage_id, cluster_id), lambda engine: engine.restore_snapshot(storage_id, cluster_id, content_id)
    )


@_does(_AT_ONCE, Kind.CLUSTER_PASSWORD)
def _change_password(task: Task) -> Future[Any] | None:
    cluster = task.cluster()
    if cluster is None or cluster.pending_password is None:
        return None
    master = PasswordLogin(cluster.master_username, cluster.pending_password)
    cluster_id = cluster.resource_id
    return task.work.submit((cluster_id,), lambda engine: engine.set_master_password(cluster_id, master))


@_does(_AT_ONCE, Kind.CLUSTER_IAM)
def _change_iam(task: Task) -> Future[Any] | None:
    cluster_id, enabled = task.subject, task.transition.arguments["enabled"] == "true"
    return task.work.submit((cluster_id,), lambda engine: engine.set_iam_authentication(cluster_id, enabled))


@_does(_AT_ONCE, Kind.CLUSTER_STOP)
def _stop_cluster(task: Task) -> Future[Any] | None:
    cluster_id = task.subject
    return task.work.submit((cluster_id,), lambda engine: engine.stop_cluster(cluster_id))


@_does(_AT_THE_END, Kind.CLUSTER_START)
def _start_cluster(task: Task) -> Future[Any] | None:
    cluster = task.cluster()
    return submit_start(task.region, cluster, task.work) if cluster else None


@_does(_AT_THE_END, Kind.CLUSTER_DELETE)
def _delete_cluster(task: Task) -> Future[Any] | None:
    cluster_id = task.subject
    return task.work.submit((cluster_id,), lambda engine: engine.delete_cluster(cluster_id))


@_does(_AT_THE_END, Kind.INSTANCE_CREATE)
def _start_for_instance(task: Task) -> Future[Any] | None:
    found = task.instance_and_cluster()
    if found is None or found[1].status in UNUSABLE:
        return None
    return submit_start(task.region, found[1], task.work, found[0])


@_does(_AT_THE_END, Kind.CLUSTER_PORT)
def _change_port(task: Task) -> Future[Any] | None:
    cluster = task.cluster()
    if cluster is None:
        return None
    # Where nothing runs the port is only noted, and used at the next start.
    if not any(member.status in ("available", "rebooting") for member in task.region.members(cluster)):
        return None
    cluster_id, expected = task.subject, int(task.transition.arguments["port"])
    face = face_of(cluster, _first_member(task.region, cluster))

    def change(engine: Engine) -> ServerAddress:
        try:
            return engine.start_cluster(cluster_id, expected, face)
        except PortTaken:
            # Clusters of one machine cannot share a port, and other programs have theirs.
            return engine.start_cluster(cluster_id, find_free_port(), face)

    return task.work.submit((cluster_id,), change)


@_does(_AT_THE_END, Kind.INSTANCE_REBOOT)
def _reboot(task: Task) -> Future[Any] | None:
    """One server serves all instances of a cluster: it is the writer's."""
    found = task.instance_and_cluster()
    if found is None or not found[0].is_writer:
        return None
    instance, cluster = found
    if task.world.habits.certificate_renewed_by_reboot:
        renew_certificate(cluster)
    cluster_id, port, face = cluster.resource_id, cluster.port, face_of(cluster, instance)

    def reboot(engine: Engine) -> ServerAddress:
        engine.stop_cluster(cluster_id)
        return engine.start_cluster(cluster_id, port, face)

    return task.work.submit((cluster_id,), reboot)


def _first_member(region: Region, cluster: Cluster) -> Instance | None:
    """The writer, where there is one."""
    return next(iter(region.members(cluster)), None)


@_does(_AT_THE_END, Kind.INSTANCE_DELETE)
def _stop_after_last_instance(task: Task) -> Future[Any] | None:
    found = task.instance_and_cluster()
    if found is None:
        return None
    instance, cluster = found
    # Without an available instance an Aurora cluster has its storage, and nothing that listens.
    others_serve = any(i.status == "available" and i is not instance for i in task.region.members(cluster))
    cluster_id = cluster.resource_id
    return (
        None
        if others_serve
        else task.work.submit((cluster_id,), lambda engine: engine.stop_cluster(cluster_id))
    )


def submit_start(
    region: Region, cluster: Cluster, work: EngineWork, instance: Instance | None = None
) -> Future[ServerAddress]:
    """Start the cluster's server; `instance`: for which one, the writer unless given."""
    cluster_id, port = cluster.resource_id, cluster.port
    iam = bool(cluster.settings.get("IAMDatabaseAuthenticationEnabled"))
    face = face_of(cluster, instance or _first_member(region, cluster))
    return work.submit((cluster_id,), lambda engine: start_server(engine, cluster_id, port, iam, face))
