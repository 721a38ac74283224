"""Archiving operations: into S3, read back, compared, and only then out of the tables; and reading them there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli.auditing import AuditedOperation, read_at_once
from aurora_restore.cli.errors import ArchiveNotFound
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.archiving import SEALS, Candidate, candidates, is_kept_by, is_whole, object_name
from aurora_restore.domain.audit_anomalies import anomalies, asked_by
from aurora_restore.domain.audit_verification import ChainState, Finding, FindingKind
from aurora_restore.domain.backup_errors import ArchiveDiffers, ArchiveUnverified, BackupDamaged
from aurora_restore.domain.kept_operations import KeptOperation, Seal


@dataclass(frozen=True)
class Archive:
    """The tables, and the place that their old operations go to."""

    pipeline: Pipeline
    items: AwsTableItems
    objects: AwsStoredObjects

    def found(self, operation_id: str) -> KeptOperation:
        record, events = read_at_once(self.pipeline, operation_id)
        return KeptOperation.of(operation_id, record, events)

    def kept(self, operation_id: str) -> KeptOperation | None:
        content = self.objects.read(object_name(operation_id))
        return None if content is None else KeptOperation.from_line(content)


@dataclass(frozen=True)
class Archived:
    """`broken`: operations that were left where they are, since their audit events do not verify."""

    seals: Sequence[Seal]
    broken: Sequence[str]


def find_candidates(archive: Archive, before: datetime, now: datetime) -> list[Candidate]:
    return candidates(list(archive.items.records()), before, now)


def archive_operations(
    archive: Archive, operation_ids: Sequence[str], now: datetime, on_removed: Callable[[str], None]
) -> Archived:
    """Put operations into the archive, and remove from the tables what was read back from there.

    It may die anywhere: what is not archived is in the tables, and a repetition goes on.

    Raises:
        ArchiveDiffers: the archive has something else under the id of an operation, or it was changed meanwhile.
        ArchiveUnverified: what was written cannot be read back as it was written.
    """
    sealed, broken = [], []
    for name in operation_ids:
        kept = _put(archive, name)
        if kept is None:
            broken.append(name)
        else:
            sealed.append(Seal.of(kept))
    if sealed:
        # Before anything is removed: what the objects of this call have to be, by their checksums.
        lines = b"".join(seal.to_line() + b"\n" for seal in sealed)
        name = f"{SEALS}/{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
        if not archive.objects.write_new(name, lines):
            raise ArchiveUnverified(f"{archive.objects.url(name)} cannot be written: it has other contents.")
    for seal in sealed:
        _remove(archive, seal.operation_id)
        on_removed(seal.operation_id)
    return Archived(sealed, broken)


def _put(archive: Archive, operation_id: str) -> KeptOperation | None:
    """The operation as the archive has it now; None where it is not whole, and stays where it is."""
    found = archive.found(operation_id)
    kept = archive.kept(operation_id)
    if kept is None:
        if not is_whole(found):
            return None
        # Read back and compared below, also where another call has written it meanwhile.
        archive.objects.write_new(object_name(operation_id), found.to_line())
        kept = archive.kept(operation_id)
    if kept is None:
        raise ArchiveUnverified(
            f"{archive.objects.url(object_name(operation_id))} was written and is not there."
        )
    if not is_kept_by(kept, found):
        _differs(archive, operation_id)
    return kept


def _remove(archive: Archive, operation_id: str) -> None:
    """Events first and the record last: as long as the record is there, a repetition finds the operation."""
    found, kept = archive.found(operation_id), archive.kept(operation_id)
    if kept is None or found.record is None or not is_kept_by(kept, found):
        _differs(archive, operation_id)
    for event in found.events:
        archive.items.delete_event(event)
    # One that was changed since it was read is there still, and so is one that came meanwhile.
    if archive.pipeline.audit.trail(operation_id) or not archive.items.delete_record(found.record):
        _differs(archive, operation_id)


def _differs(archive: Archive, operation_id: str) -> NoReturn:
    raise ArchiveDiffers(
        f"The tables and {archive.objects.url(object_name(operation_id))} do not have the same of {operation_id}, or "
        "it was changed meanwhile."
    )


def read_archived(objects: AwsStoredObjects, operation_id: str, now: datetime) -> AuditedOperation:
    """An operation as the archive has it, verified by its chain and by the checksum that was kept beside it.

    Raises:
        ArchiveNotFound: the archive has neither the operation nor a checksum of it.
    """
    lines = (line for name in objects.names(f"{SEALS}/") for line in (objects.read(name) or b"").splitlines())
    every = [Seal.read(json.loads(line)) for line in lines]
    seals = [seal for seal in every if seal.operation_id == operation_id]
    content = objects.read(object_name(operation_id))
    if content is None and not seals:
        raise ArchiveNotFound(f"{objects.url('')} has no operation {operation_id}.")
    if content is None:
        message = f"the object {objects.url(object_name(operation_id))} was removed from the archive"
        return _audited(
            KeptOperation(operation_id, None, ()), [Finding(FindingKind.REMOVED, 0, "", message)], now
        )
    try:
        operation = KeptOperation.from_line(content)
    except BackupDamaged as damaged:
        finding = Finding(FindingKind.EDITED, 0, "", f"the object cannot be read: {damaged.message}")
        return _audited(KeptOperation(operation_id, None, ()), [finding], now)
    findings = []
    if hashlib.sha256(operation.to_line()).hexdigest() not in {seal.sha256 for seal in seals}:
        message = (
            "the record or an event is not as it was archived: the checksum in the archive is another one"
        )
        findings.append(Finding(FindingKind.EDITED, 0, "", message))
    return _audited(operation, findings, now)


def _audited(operation: KeptOperation, findings: Sequence[Finding], now: datetime) -> AuditedOperation:
    verification = operation.verification()
    if findings:
        # What the checksum shows comes after what the chain shows, which names the place.
        both = (*verification.findings, *findings)
        verification = replace(verification, state=ChainState.BROKEN, findings=both)
    record, events = operation.record, operation.events
    found = anomalies(record, events, verification, now)
    return AuditedOperation(
        operation.operation_id, record, events, verification, found, asked_by(record, events)
    )
