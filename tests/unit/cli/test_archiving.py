"""Archiving through the wire: nothing is lost wherever it dies, and what differs is never removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws
from tests.unit.cli.cli_fakes import pipeline_with
from tests.unit.domain.audit_chains import RUN, begun

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli.archiving import Archive, archive_operations, read_archived
from aurora_restore.cli.errors import ArchiveNotFound
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.archiving import object_name
from aurora_restore.domain.audit_verification import ChainState, FindingKind
from aurora_restore.domain.backup_errors import ArchiveDiffers
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.kept_operations import KeptOperation

NOW = datetime(2027, 3, 1, tzinfo=UTC)
FIRST, SECOND = NAMES = ("restore-20261101-020000", "restore-20261102-020000")
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    aws.create_bucket("archive")
    return aws


@pytest.fixture
def archive(aws: InProcessAws) -> Archive:
    """Two operations that have ended, in both tables."""
    clients = aws.clients()
    audit = AwsAudit(clients, "AuroraRestoreAudit")
    items = AwsTableItems(clients, "AuroraRestoreState", "AuroraRestoreAudit")
    with aws.setting_up():
        for name in NAMES:
            chain = begun(operation_id=name)
            chain.write(*RUN)
            chain.close()
            items.put_record(chain.record)
            for event in chain.events:
                items.put_event(event)
    fakes = pipeline_with()
    records = AwsRecords(clients, "AuroraRestoreState")
    pipeline = Pipeline("us-west-2", records, fakes.executions, audit, fakes.logs)
    return Archive(pipeline, items, AwsStoredObjects(clients, "archive", "old"))


def move(archive: Archive, names: Sequence[str] = NAMES) -> list[str]:
    done = archive_operations(archive, names, NOW, lambda _name: None)
    return [seal.operation_id for seal in done.seals]


def contents(archive: Archive) -> dict[str, KeptOperation]:
    return {name: archive.found(name) for name in NAMES}


def edit(archive: Archive, change: Edit) -> None:
    """Change the object of the first operation, by hands that may write into the bucket."""
    item = json.loads(archive.objects.read(object_name(FIRST)) or b"")
    change(item)
    archive.objects.write(object_name(FIRST), json.dumps(item).encode())


def test_what_is_archived_is_gone_from_the_tables_and_verifies_in_the_archive(archive: Archive) -> None:
    before = contents(archive)
    assert move(archive) == list(NAMES)
    assert archive.items.operation_ids() == frozenset()
    for name in NAMES:
        assert archive.kept(name) == before[name]
        assert read_archived(archive.objects, name, NOW).verification.state is ChainState.VERIFIED


def calls_of_a_move(aws: InProcessAws, archive: Archive) -> int:
    aws.calls.clear()
    move(archive)
    return len(aws.calls)


@pytest.mark.parametrize("fault", [FaultKind.DIES_BEFORE, FaultKind.REPLY_LOST])
def test_it_may_die_at_any_request_and_a_repetition_loses_nothing(
    aws: InProcessAws, archive: Archive, fault: FaultKind
) -> None:
    before = contents(archive)
    with aws.setting_up():
        items = [
            *(each.record for each in before.values()),
            *(e for each in before.values() for e in each.events),
        ]
    for number in range(calls_of_a_move(aws, archive)):
        with aws.setting_up():
            restored(archive, items)
            for name in archive.objects.names():
                aws.clients().s3().delete_object(Bucket="archive", Key=archive.objects.key(name))
        aws.calls.clear()
        (aws.before if fault is FaultKind.DIES_BEFORE else aws.after)(number, fault)
        with pytest.raises((ProcessDied, RestoreError)):
            move(archive)
        aws.clear_faults()
        with aws.setting_up():
            for name in NAMES:
                kept = archive.kept(name)
                assert before[name] in (archive.found(name), kept), f"{name} is lost after request {number}"
            # As the command does it: the operations that have a record.
            move(archive, sorted(str(item["operation_id"]) for item in archive.items.records()))
            assert {name: archive.kept(name) for name in NAMES} == before
            assert archive.items.operation_ids() == frozenset()


def restored(archive: Archive, items: list[Any]) -> None:
    for item in items:
        (archive.items.put_event if "event_id" in item else archive.items.put_record)(item)


def test_an_operation_whose_events_do_not_verify_stays(archive: Archive) -> None:
    archive.items.delete_event(archive.found(FIRST).events[2])
    before = contents(archive)
    assert move(archive) == [SECOND]
    assert archive.found(FIRST) == before[FIRST]
    assert archive.kept(FIRST) is None


def test_an_archive_that_has_something_else_under_the_id_ends_it_before_anything_is_removed(
    archive: Archive,
) -> None:
    before = contents(archive)
    other = KeptOperation(FIRST, before[SECOND].record, before[SECOND].events)
    archive.objects.write(object_name(FIRST), other.to_line())
    with pytest.raises(ArchiveDiffers):
        move(archive)
    assert contents(archive) == before


@pytest.mark.parametrize("operation", ["PutObject", "DeleteItem"])
def test_what_changes_meanwhile_is_not_removed(aws: InProcessAws, archive: Archive, operation: str) -> None:
    changed = {
        "operation_id": FIRST,
        "event_id": "2027-02-28T00:00:00.000Z#copy.removed",
        "event": "copy.removed",
    }

    def meanwhile(call: Any) -> bool:
        if is_operation(operation)(call) and archive_has_no_event(archive, aws, changed):
            with aws.setting_up():
                archive.items.put_event(changed)
        return False

    aws.before(meanwhile, FaultKind.DIES_BEFORE)
    with pytest.raises(ArchiveDiffers):
        move(archive, [FIRST])
    aws.clear_faults()
    found = archive.found(FIRST)
    assert found.record is not None
    assert changed in found.events


def archive_has_no_event(archive: Archive, aws: InProcessAws, event: dict[str, Any]) -> bool:
    with aws.setting_up():
        return event not in archive.found(FIRST).events


def forge(item: dict[str, Any]) -> None:
    item["events"][1]["details"] = {"message": "forged"}


def take_out(item: dict[str, Any]) -> None:
    del item["events"][2]


def put_in(item: dict[str, Any]) -> None:
    item["events"].append({**item["events"][1], "event_id": "2026-11-22T12:00:00.001Z#x"})


def rewrite(item: dict[str, Any]) -> None:
    item["record"]["status"] = "CANCELLED"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (forge, FindingKind.EDITED),
        (take_out, FindingKind.REMOVED),
        (put_in, FindingKind.INSERTED),
        (rewrite, FindingKind.EDITED),
    ],
)
def test_a_change_in_the_archive_is_found(archive: Archive, change: Edit, kind: FindingKind) -> None:
    move(archive)
    edit(archive, change)
    verification = read_archived(archive.objects, FIRST, NOW).verification
    assert verification.state is ChainState.BROKEN
    assert kind in {finding.kind for finding in verification.findings}
    assert read_archived(archive.objects, SECOND, NOW).verification.state is ChainState.VERIFIED


def test_an_object_that_was_removed_from_the_archive_is_found_by_its_checksum(
    aws: InProcessAws, archive: Archive
) -> None:
    move(archive)
    aws.clients().s3().delete_object(Bucket="archive", Key=archive.objects.key(object_name(FIRST)))
    (finding,) = read_archived(archive.objects, FIRST, NOW).verification.findings
    assert finding.kind is FindingKind.REMOVED


def test_an_operation_that_was_never_archived_is_not_found(archive: Archive) -> None:
    with pytest.raises(ArchiveNotFound):
        read_archived(archive.objects, FIRST, NOW)
