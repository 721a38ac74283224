"""Making a backup: exports of both tables, what the stack is made of, and the manifest that vouches for all of it."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, Protocol

from aurora_restore.aws.stack_contents import StackContents
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_exports import AwsTableExports, ExportedItems, items_of
from aurora_restore.cli.auditing import read_at_once
from aurora_restore.cli.errors import ExportOverdue, PipelineNotDeployed
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.deployment.packaging import HASH_DIGITS, content_hash
from aurora_restore.deployment.template import stamped_keys
from aurora_restore.domain.backup import (
    MANIFEST,
    OPERATIONS,
    READ_AGAIN,
    TABLES,
    KeptFile,
    Manifest,
    without_secrets,
)
from aurora_restore.domain.backup_errors import BackupDamaged, ExportFailed, PlaceTaken
from aurora_restore.domain.checks.surroundings import Subscription
from aurora_restore.domain.counting import counted
from aurora_restore.domain.kept_operations import KeptOperation, Seal, gathered, needs_another_look
from aurora_restore.domain.schedules import OF_THE_STACK, Schedule

# The entries of the template's mapping `Artifacts` that are not the code, by the logical id of what they became.
DEFINITIONS = {"Definition": "StateMachine", "Cleanup": "CleanupStateMachine"}
NESTED = {"Permissions": "Permissions", "Monitoring": "Monitoring"}
CODE = "Lambda"
LOOK_SECONDS = 3.0


class Contents(Protocol):
    """What a stack is made of."""

    def read(self, stack_name: str) -> StackContents | None:
        """As it is deployed now; None where there is no such stack."""


@dataclass(frozen=True)
class Backing:
    """Where a backup comes from and goes to. `say` shows a line; `sleep` and `now` are the pause and the clock."""

    pipeline: Pipeline
    exports: AwsTableExports
    contents: Contents
    objects: AwsStoredObjects
    account_id: str
    stack_name: str
    tables: tuple[str, str]
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    now: Callable[[], datetime]


@dataclass(frozen=True)
class MadeBackup:
    manifest: Manifest
    manifest_sha256: str
    seals: Sequence[Seal]


def make_backup(
    backing: Backing,
    subscriptions: Sequence[Subscription],
    schedules: Sequence[Schedule],
    limit: timedelta,
) -> MadeBackup:
    """Make a whole backup. Its manifest is written last: what has none is not a backup, and is made anew.

    Raises:
        PlaceTaken: the place has a backup already.
        ExportFailed, ExportOverdue, PipelineNotDeployed, BackupDamaged.
    """
    objects = backing.objects
    if objects.read(MANIFEST) is not None:
        raise PlaceTaken(f"There is a backup in {objects.url('')} already.")
    stack = backing.contents.read(backing.stack_name)
    if stack is None:
        raise PipelineNotDeployed(f"There is no stack {backing.stack_name} in {backing.pipeline.region}.")
    moment = backing.now()
    tables = _export(backing, moment + limit)
    backing.say("Verifying the operations …")
    read = {
        name: [item for file in files for item in items_of(file.compare(objects.read(file.name)))]
        for name, files in tables.items()
    }
    operations = gathered(*(read[name] for name in backing.tables))
    again = _read_again(backing.pipeline, operations)
    seals = [Seal.of(operation) for operation in (operations | again).values()]
    files = _StackFiles(objects, stack)
    manifest = Manifest(
        moment,
        backing.account_id,
        backing.pipeline.region,
        backing.stack_name,
        stack.parameters,
        files.template(),
        files.artifacts,
        files.keys,
        files.differing_code(),
        tables,
        _kept(objects, OPERATIONS, b"".join(seal.to_line() + b"\n" for seal in seals)),
        _kept(objects, READ_AGAIN, b"".join(each.to_line() + b"\n" for each in again.values())),
        [{"protocol": each.protocol, "endpoint": without_secrets(each.endpoint)} for each in subscriptions],
        [_schedule_item(each) for each in schedules if each.name != OF_THE_STACK],
    )
    # All that the manifest is about to vouch for is read back.
    of_stack = [manifest.template, *manifest.artifacts.values(), *manifest.differing_code.values()]
    for file in (*of_stack, manifest.operations, manifest.read_again):
        file.compare(objects.read(file.name))
    content = json.dumps(manifest.to_item(), indent=1, sort_keys=True).encode()
    if not objects.write_new(MANIFEST, content):
        raise PlaceTaken(f"Another backup was made in {objects.url('')} meanwhile.")
    return MadeBackup(manifest, hashlib.sha256(content).hexdigest(), seals)


def _export(backing: Backing, until: datetime) -> dict[str, list[KeptFile]]:
    """Both tables, side by side; the files of each, verified against the manifests of its export."""
    prefix = backing.objects.key(TABLES)
    under_way = {name: backing.exports.begin(name, backing.objects.bucket, prefix) for name in backing.tables}
    backing.say(f"Exporting {' and '.join(under_way)}; an export takes some minutes …")
    done: dict[str, list[KeptFile]] = {}
    while under_way:
        for name, arn in list(under_way.items()):
            seen = backing.exports.look(arn)
            if seen.has_failed:
                raise ExportFailed(f"The export of {name} failed: {seen.reason}")
            if seen.is_completed:
                found = ExportedItems(backing.objects, seen.manifest_key).files()
                done[name] = [KeptFile(file.name, file.sha256, file.item_count) for file in found]
                backing.say(f"  {name}: {counted(sum(file.item_count for file in found), 'item')}")
                del under_way[name]
        if under_way:
            if backing.now() >= until:
                raise ExportOverdue(f"The export of {' and '.join(under_way)} has not ended in time.")
            backing.sleep(LOOK_SECONDS)
    return done


def _read_again(pipeline: Pipeline, operations: Mapping[str, KeptOperation]) -> dict[str, KeptOperation]:
    """Operations that were at work between the two exports, each as it is at one moment."""
    found: dict[str, KeptOperation] = {}
    for name, operation in operations.items():
        if needs_another_look(operation):
            record, events = read_at_once(pipeline, name)
            # One that has expired meanwhile is kept as it was exported.
            if record is not None or events:
                found[name] = KeptOperation.of(name, record, events)
    return found


class _StackFiles:
    """The files of the stack, written as they are deployed now, under the keys that the template names.

    The code or a definition can have been updated by hand. It is kept as it runs, under a key of its own contents,
    and the template names that one: a key always names the same contents.
    """

    def __init__(self, objects: AwsStoredObjects, stack: StackContents) -> None:
        self._objects = objects
        self._stack = stack
        codes = list(stack.functions.values())
        # What most of the functions have.
        self._common = max(sorted(set(codes)), key=codes.count)
        contents = {CODE: stack.code[self._common]}
        contents |= {entry: stack.definitions[name].encode() for entry, name in DEFINITIONS.items()}
        contents |= {entry: stack.nested[name].encode() for entry, name in NESTED.items()}
        stamped = stamped_keys(stack.template)
        if missing := contents.keys() - stamped.keys():
            raise BackupDamaged(f"The template of the stack names no {', '.join(sorted(missing))}.")
        self.keys = {entry: key_of(stamped[entry], contents[entry]) for entry in contents}
        self.artifacts = {
            entry: _kept(objects, f"stack/{self.keys[entry]}", content) for entry, content in contents.items()
        }
        self._stamped = stamped

    def template(self) -> KeptFile:
        text = self._stack.template
        for entry, key in self.keys.items():
            text = re.sub(
                rf"(?m)^  {entry}:\n   Key: {re.escape(self._stamped[entry])}$",
                f"  {entry}:\n   Key: {key}",
                text,
            )
        return _kept(self._objects, "stack/template.yaml", text.encode())

    def differing_code(self) -> dict[str, KeptFile]:
        return {
            name: _kept(self._objects, f"stack/functions/{name}.zip", self._stack.code[sha256])
            for name, sha256 in self._stack.functions.items()
            if sha256 != self._common
        }


def key_of(key: str, content: bytes) -> str:
    """The key of an artifact with these contents, in the folder of the key that it has in the template."""
    path = PurePosixPath(key)
    if path.suffix == ".zip":
        with zipfile.ZipFile(BytesIO(content)) as archive:
            digest = content_hash({name: archive.read(name) for name in archive.namelist()})
    else:
        digest = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    return str(path.with_name(f"{digest}{path.suffix}"))


def _kept(objects: AwsStoredObjects, name: str, content: bytes) -> KeptFile:
    """Write a file, with its checksum in its name: another backup into the same place cannot change it."""
    path = PurePosixPath(name)
    file = KeptFile.of(name, content)
    named = replace(file, name=str(path.with_name(f"{path.stem}-{file.sha256[:16]}{path.suffix}")))
    objects.write(named.name, content)
    return named


def _schedule_item(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "expression": schedule.expression,
        "timezone": schedule.timezone,
        "request": None if schedule.request is None else dict(schedule.request),
    }
