"""What an export has written is compared with its manifests, whichever way these name their files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.in_process_aws import shared_aws

from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_exports import DataFile, ExportedItems, items_of
from aurora_restore.domain.backup_errors import BackupDamaged

FOLDER = "AWSDynamoDB/01234567890123-a1b2c3d4"
ITEMS = [{"operation_id": {"S": "restore-1"}, "share": {"N": "0.5"}}, {"operation_id": {"S": "restore-2"}}]
SUMMARY = f"day/tables/{FOLDER}/manifest-summary.json"


@pytest.fixture
def objects() -> AwsStoredObjects:
    aws = shared_aws()
    return AwsStoredObjects(aws.clients(), aws.create_bucket("backups"), "/day/")


def write(objects: AwsStoredObjects, prefix: str, **changes: Any) -> None:
    """An export of two files, one of them empty; `prefix`: what its manifests name the files with."""
    entries = []
    for name, items in (("a", ITEMS), ("b", [])):
        content = gzip.compress("".join(json.dumps({"Item": item}) + "\n" for item in items).encode())
        objects.write(f"tables/{FOLDER}/data/{name}.json.gz", content)
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        key = f"{prefix}{FOLDER}/data/{name}.json.gz"
        entries.append({"itemCount": len(items), "md5Checksum": md5, "dataFileS3Key": key})
    entries[0] |= changes
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    objects.write(f"tables/{FOLDER}/manifest-files.json", lines.encode())
    summary = {"itemCount": len(ITEMS), "manifestFilesS3Key": f"{prefix}{FOLDER}/manifest-files.json"}
    objects.write(f"tables/{FOLDER}/manifest-summary.json", json.dumps(summary).encode())


@pytest.mark.parametrize("prefix", ["day/tables/", ""])
def test_the_files_are_found_with_and_without_the_prefix_in_their_keys(
    objects: AwsStoredObjects, prefix: str
) -> None:
    write(objects, prefix)
    found = ExportedItems(objects, f"{prefix}{FOLDER}/manifest-summary.json").files()
    assert [(file.name, file.item_count) for file in found] == [
        (f"tables/{FOLDER}/data/a.json.gz", 2),
        (f"tables/{FOLDER}/data/b.json.gz", 0),
    ]
    content = objects.read(found[0].name) or b""
    assert found[0] == DataFile(found[0].name, hashlib.sha256(content).hexdigest(), 2)
    assert list(items_of(content)) == [
        {"operation_id": "restore-1", "share": 0.5},
        {"operation_id": "restore-2"},
    ]


def no_file(objects: AwsStoredObjects) -> None:
    write(objects, "day/tables/", dataFileS3Key=f"day/tables/{FOLDER}/data/none.json.gz")


def no_manifest(objects: AwsStoredObjects) -> None:
    """Nothing was written."""


def other_checksum(objects: AwsStoredObjects) -> None:
    write(objects, "day/tables/", md5Checksum="AAAA")


def other_count(objects: AwsStoredObjects) -> None:
    write(objects, "day/tables/", itemCount=3)


@pytest.mark.parametrize("damage", [no_file, no_manifest, other_checksum, other_count])
def test_an_export_that_is_not_whole_is_refused(
    objects: AwsStoredObjects, damage: Callable[[AwsStoredObjects], None]
) -> None:
    damage(objects)
    with pytest.raises(BackupDamaged):
        ExportedItems(objects, SUMMARY).files()


def test_an_object_is_written_once_and_the_same_again_counts_as_written(objects: AwsStoredObjects) -> None:
    assert objects.write_new("name", b"content")
    assert objects.write_new("name", b"content")
    assert not objects.write_new("name", b"other")
    assert objects.read("name") == b"content"
    assert objects.read("nothing") is None
    objects.write("name", b"other")
    assert (objects.read("name"), objects.names("na")) == (b"other", ["name"])
