"""What a backup of the pipeline consists of, by its manifest, which is written last and vouches for all else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aurora_restore.domain.backup_errors import BackupDamaged
from aurora_restore.domain.times import format_time, parse_time

FORMAT = 1
MANIFEST = "manifest.json"
TABLES = "tables"
OPERATIONS = "operations.jsonl"
READ_AGAIN = "operations_read_again.jsonl"
# Values of parameters that name something of one Region; in another one they name nothing, or something else.
REGIONAL_PARAMETERS = (
    "ArtifactsBucket",
    "KmsKeyArn",
    "SubnetIds",
    "SecurityGroupIds",
    "QuarantineSecurityGroupIds",
)


@dataclass(frozen=True)
class KeptFile:
    """One object of a backup, by its name below the prefix. `item_count`: of a file of an export."""

    name: str
    sha256: str
    item_count: int | None = None

    @classmethod
    def of(cls, name: str, content: bytes) -> KeptFile:
        return cls(name, hashlib.sha256(content).hexdigest())

    def compare(self, content: bytes | None) -> bytes:
        """The content, where it is the one that was kept. Raises BackupDamaged."""
        if content is None:
            raise BackupDamaged(f"The object {self.name} of the backup does not exist.")
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise BackupDamaged(f"The object {self.name} of the backup was changed: its SHA-256 differs.")
        return content

    def to_item(self) -> dict[str, Any]:
        counted = {} if self.item_count is None else {"item_count": self.item_count}
        return {"name": self.name, "sha256": self.sha256, **counted}

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> KeptFile:
        count = item.get("item_count")
        return cls(str(item["name"]), str(item["sha256"]), None if count is None else int(count))


@dataclass(frozen=True)
class Manifest:
    """What is in a backup.

    Attributes:
        artifacts: the file of each artifact, by its entry in the template's mapping.
        keys: under which key the template expects each.
        differing_code: functions whose code is not that of the others, and its file.
        tables: the files of items of each table.
        subscriptions: protocol and endpoint of each, without what an address may hold of a secret.
        schedules: those that `schedule create` has made, which no template has.
    """

    time: datetime
    account_id: str
    region: str
    stack_name: str
    parameters: Mapping[str, str]
    template: KeptFile
    artifacts: Mapping[str, KeptFile]
    keys: Mapping[str, str]
    differing_code: Mapping[str, KeptFile]
    tables: Mapping[str, Sequence[KeptFile]]
    operations: KeptFile
    read_again: KeptFile
    subscriptions: Sequence[Mapping[str, str]]
    schedules: Sequence[Mapping[str, Any]]

    def to_item(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "time": format_time(self.time),
            "account_id": self.account_id,
            "region": self.region,
            "stack_name": self.stack_name,
            "parameters": dict(self.parameters),
            "template": self.template.to_item(),
            "artifacts": {name: file.to_item() for name, file in self.artifacts.items()},
            "keys": dict(self.keys),
            "differing_code": {name: file.to_item() for name, file in self.differing_code.items()},
            "tables": {name: [file.to_item() for file in files] for name, files in self.tables.items()},
            "operations": self.operations.to_item(),
            "read_again": self.read_again.to_item(),
            "subscriptions": [dict(each) for each in self.subscriptions],
            "schedules": [dict(each) for each in self.schedules],
        }

    @classmethod
    def read(cls, item: Any) -> Manifest:
        """Raises BackupDamaged where it is not one of this format."""
        try:
            if item["format"] != FORMAT:
                raise BackupDamaged(
                    f"The backup has the format {item['format']}; this version reads {FORMAT}.",
                    "Recover it with the version of the command line that made it.",
                )
            return cls(
                parse_time(item["time"]),
                str(item["account_id"]),
                str(item["region"]),
                str(item["stack_name"]),
                {str(name): str(value) for name, value in item["parameters"].items()},
                KeptFile.read(item["template"]),
                _files(item["artifacts"]),
                {str(name): str(key) for name, key in item["keys"].items()},
                _files(item["differing_code"]),
                {name: [KeptFile.read(file) for file in files] for name, files in item["tables"].items()},
                KeptFile.read(item["operations"]),
                KeptFile.read(item["read_again"]),
                item["subscriptions"],
                item["schedules"],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BackupDamaged(f"The manifest of the backup cannot be read: {error!r}") from error


def _files(item: Mapping[str, Any]) -> dict[str, KeptFile]:
    return {str(name): KeptFile.read(file) for name, file in item.items()}


def without_secrets(endpoint: str) -> str:
    """The endpoint of a subscription; of an address of the web its beginning alone, since the rest may be a secret."""
    if "://" not in endpoint:
        return endpoint
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.hostname or ''}/…"


def parameters_to_give(manifest: Manifest, region: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """The parameters whose values are of the Region of the backup, and were not given for another one."""
    if region == manifest.region:
        return ()
    return tuple(name for name in REGIONAL_PARAMETERS if manifest.parameters.get(name) and name not in given)
