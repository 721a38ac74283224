"""Recovering from a backup: everything read and compared, the stack deployed, the tables loaded and compared again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from aurora_restore.aws.schedules import AwsSchedules, ScheduleExists
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_exports import items_of
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli.auditing import read_at_once
from aurora_restore.cli.errors import BackupNotFound
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.deployment.model import DeploymentClients, DeploymentRequest
from aurora_restore.deployment.packaging import Artifact, Artifacts
from aurora_restore.deployment.upload import Published, default_bucket, publish_artifacts
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.backup import MANIFEST, KeptFile, Manifest
from aurora_restore.domain.backup_errors import BackupDamaged, RecoveryIncomplete, TablesInUse
from aurora_restore.domain.kept_operations import Item, KeptOperation, Seal, gathered
from aurora_restore.domain.record import Record
from aurora_restore.domain.recovery import Loading, Origin, as_loaded, decide
from aurora_restore.domain.schedules import Schedule

NAMED_MOST = 5


@dataclass(frozen=True)
class Backup:
    """A backup that was read whole and is as it was made. `operations`: as they were when it was made."""

    manifest: Manifest
    template: str
    artifacts: Mapping[str, bytes]
    operations: Mapping[str, KeptOperation]
    manifest_sha256: str = ""


def read_backup(objects: AwsStoredObjects, tables: tuple[str, str]) -> Backup:
    """Read a backup, and compare all of it with its manifest.

    Raises:
        BackupNotFound: there is no manifest.
        BackupDamaged: something is missing, or is not as the manifest says.
    """
    content = objects.read(MANIFEST)
    if content is None:
        raise BackupNotFound(f"There is no backup in {objects.url('')}: it has no {MANIFEST}.")
    try:
        manifest = Manifest.read(json.loads(content))
    except ValueError as error:
        raise BackupDamaged(f"The manifest of the backup cannot be read: {error}") from error

    def read(file: KeptFile) -> bytes:
        return file.compare(objects.read(file.name))

    items = {
        name: [item for file in manifest.tables.get(name, ()) for item in items_of(read(file))]
        for name in tables
    }
    operations = gathered(*(items[name] for name in tables))
    again = [KeptOperation.from_line(line) for line in read(manifest.read_again).splitlines()]
    operations |= {operation.operation_id: operation for operation in again}
    seals = [Seal.read(json.loads(line)) for line in read(manifest.operations).splitlines()]
    wanted = {seal.operation_id: seal for seal in seals}
    # Every operation has its seal, and each seal its operation.
    if wanted.keys() != operations.keys():
        raise BackupDamaged(f"The backup has {len(operations)} operations, and seals of {len(wanted)}.")
    for name, operation in operations.items():
        if Seal.of(operation) != wanted[name]:
            raise BackupDamaged(f"The operation {name} of the backup is not the one that was sealed.")
    for file in manifest.differing_code.values():
        read(file)
    artifacts = {name: read(file) for name, file in manifest.artifacts.items()}
    sha256 = hashlib.sha256(content).hexdigest()
    return Backup(manifest, read(manifest.template).decode(), artifacts, operations, sha256)


def publish(
    clients: DeploymentClients, backup: Backup, parameters: Mapping[str, str]
) -> tuple[DeploymentRequest, tuple[Published, ...]]:
    """Put the artifacts of a backup where its template looks for them; the request that deploys it.

    `parameters`: given ones, which come before those of the backup.
    """
    values = {**backup.manifest.parameters, **parameters}
    bucket = values.get("ArtifactsBucket") or default_bucket(clients.account_id, clients.region)
    with tempfile.TemporaryDirectory(prefix="aurora-restore-recovery-") as folder:

        def artifact(entry: str) -> Artifact:
            key, content = backup.manifest.keys[entry], backup.artifacts[entry]
            path = Path(folder) / entry
            path.write_bytes(content)
            return Artifact(entry, path, key, "", len(content))

        names = ("Lambda", "Definition", "Cleanup", "Permissions", "Monitoring")
        published = publish_artifacts(
            clients.s3, Artifacts(*(artifact(name) for name in names)), bucket, clients.region
        )
    return DeploymentRequest(backup.template, backup.manifest.stack_name, values), published


@dataclass(frozen=True)
class Loaded:
    """`decisions`: by operation. `left_behind`: those that were not at their end when the backup was made."""

    decisions: Mapping[str, Loading]
    left_behind: tuple[str, ...]
    expired: tuple[str, ...]
    chains: Mapping[ChainState, int]


@dataclass(frozen=True)
class Tables:
    """The tables that a backup is loaded into."""

    pipeline: Pipeline
    items: AwsTableItems
    region: str

    def found(self, operation_id: str) -> KeptOperation | None:
        record, events = read_at_once(self.pipeline, operation_id)
        if record is None and not events:
            return None
        return KeptOperation.of(operation_id, record, events)


def load(backup: Backup, tables: Tables, now: datetime, say: Callable[[str], None]) -> Loaded:
    """Load the operations of a backup, and compare what is in the tables then. A repetition writes what is missing.

    Raises:
        TablesInUse: the tables hold something else. Nothing was written.
        RecoveryIncomplete: what is in the tables afterwards is not what was to be there.
    """
    expired = tuple(name for name, each in backup.operations.items() if each.is_expired(now))
    kept = {name: each for name, each in backup.operations.items() if name not in expired}
    origin = Origin(backup.manifest.region, backup.manifest.time)
    existing = tables.items.operation_ids()
    decisions = {
        name: decide(each, tables.found(name) if name in existing else None, origin)
        for name, each in kept.items()
    }
    if others := sorted(name for name, each in decisions.items() if each is Loading.OTHER):
        _in_use(f"In {tables.region} these operations are not those of the backup", others)
    strangers = sorted(existing - backup.operations.keys())
    # Where nothing is to be written, what is there besides came later.
    if strangers and Loading.WRITE in decisions.values():
        _in_use(f"The tables in {tables.region} hold operations that are not in the backup", strangers)
    missing = [as_loaded(kept[name], origin) for name, each in decisions.items() if each is Loading.WRITE]
    say(f"Loading {len(missing)} of {len(kept)} operations …")
    for operation in missing:
        # The record last, so that one that is there is whole.
        for event in operation.events:
            tables.items.put_event(event)
        if operation.record is not None:
            tables.items.put_record(operation.record)
    say("Comparing what is in the tables with the backup …")
    found = {}
    for name, operation in kept.items():
        there = tables.found(operation.operation_id)
        if there is None or decide(operation, there, origin) not in (Loading.SAME, Loading.NEWER):
            raise RecoveryIncomplete(f"{name} is not in the tables as it is in the backup.")
        found[name] = there
    chains = [operation.verification().state for operation in found.values()]
    left = tuple(name for name, each in found.items() if Record.read(each.record).is_left_behind)
    return Loaded(decisions, left, expired, {state: chains.count(state) for state in ChainState})


def _in_use(what: str, names: Sequence[str]) -> NoReturn:
    more = f", and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
    raise TablesInUse(f"{what}: {', '.join(names[:NAMED_MOST])}{more}.")


def make_schedules(schedules: AwsSchedules, kept: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Make the schedules again that no template has, paused; the names of these, and of those with another input."""
    made, left = [], []
    for item in kept:
        request: Item | None = item["request"]
        if request is None:
            left.append(str(item["name"]))
            continue
        schedule = Schedule(
            item["name"], item["expression"], item["timezone"], is_enabled=False, request=request
        )
        try:
            schedules.create(schedule)
        except ScheduleExists:
            continue
        made.append(schedule.name)
    return made, left
