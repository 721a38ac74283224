"""Exports of the tables to S3, and what they have written there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.attribute_values import from_item
from aurora_restore.aws.failures import Translating
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.domain.backup_errors import BackupDamaged

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients


@dataclass(frozen=True)
class ExportSeen:
    """An export as DynamoDB describes it. `manifest_key`: of its summary, once it is completed."""

    status: str
    reason: str = ""
    manifest_key: str = ""

    @property
    def is_completed(self) -> bool:
        return self.status == "COMPLETED"

    @property
    def has_failed(self) -> bool:
        return self.status == "FAILED"


class AwsTableExports:
    """Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed."""

    def __init__(self, clients: Clients, account_id: str) -> None:
        self._clients = clients
        self._stem = f"arn:{clients.partition}:dynamodb:{clients.region}:{account_id}:table"

    def begin(self, table_name: str, bucket: str, prefix: str) -> str:
        """Ask for an export of the table as it is now; returns the ARN of the export. It needs minutes."""
        with Translating("dynamodb"):
            answer = self._clients.dynamodb().export_table_to_point_in_time(
                TableArn=f"{self._stem}/{table_name}",
                S3Bucket=bucket,
                S3Prefix=prefix,
                ExportFormat="DYNAMODB_JSON",
            )
        return answer["ExportDescription"]["ExportArn"]

    def look(self, export_arn: str) -> ExportSeen:
        with Translating("dynamodb"):
            seen = self._clients.dynamodb().describe_export(ExportArn=export_arn)["ExportDescription"]
        reason = " ".join(filter(None, (seen.get("FailureCode"), seen.get("FailureMessage"))))
        return ExportSeen(seen["ExportStatus"], reason, seen.get("ExportManifest", ""))


@dataclass(frozen=True)
class DataFile:
    """One file of items: its name below the prefix of the backup, its SHA-256, and how many items it has."""

    name: str
    sha256: str
    item_count: int


class ExportedItems:
    """What an export has written, by its manifests.

    Args:
        objects: the place that the export was written below.
        manifest_key: of the summary of the export, as DescribeExport names it.
    """

    def __init__(self, objects: AwsStoredObjects, manifest_key: str) -> None:
        self._objects = objects
        self._manifest_key = self._whole(manifest_key)

    def files(self) -> list[DataFile]:
        """The files of items, each read and compared with the checksum and the count of the manifest.

        Raises:
            BackupDamaged: a file is missing, or is not as the manifest says.
        """
        summary = json.loads(self._read(self._manifest_key))
        lines = self._read(self._whole(summary["manifestFilesS3Key"])).splitlines()
        skipped = len(self._objects.key(""))
        files = []
        for entry in (json.loads(line) for line in lines if line.strip()):
            key = self._whole(entry["dataFileS3Key"])
            content = self._read(key)
            md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
            count = sum(1 for _ in items_of(content))
            if md5 != entry["md5Checksum"] or count != entry["itemCount"]:
                raise BackupDamaged(f"{key} is not the file that the export has written.")
            files.append(DataFile(key[skipped:], hashlib.sha256(content).hexdigest(), count))
        count = sum(file.item_count for file in files)
        if count != summary["itemCount"]:
            raise BackupDamaged(
                f"{self._manifest_key} counts {summary['itemCount']} items; its files have {count}."
            )
        return files

    def _read(self, key: str) -> bytes:
        content = self._objects.read_key(key)
        if content is None:
            raise BackupDamaged(f"s3://{self._objects.bucket}/{key} does not exist.")
        return content

    def _whole(self, key: str) -> str:
        """The key with the prefix of the export, which the developer guide's examples leave out."""
        return key if key.startswith(self._objects.key("")) else self._objects.key(f"tables/{key}")


def items_of(content: bytes) -> Iterator[dict[str, Any]]:
    """The items of a file of an export, plain."""
    for line in gzip.decompress(content).splitlines():
        if line.strip():
            yield from_item(json.loads(line)["Item"])
