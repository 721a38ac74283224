"""Objects in one place of S3, each with its SHA-256: S3 compares it with what arrives, and shows it to readers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
# The answers to `If-None-Match: *` (Amazon S3 User Guide, "Conditional writes"): it is there, or is just being written.
THERE_ALREADY = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class AwsStoredObjects:
    """The objects of a bucket below a prefix; encrypted as the bucket says.

    Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients, bucket: str, prefix: str) -> None:
        self._clients = clients
        self.bucket = bucket
        self.prefix = prefix.strip("/")

    def key(self, name: str) -> str:
        """The key of an object by its name below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def url(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.key(name)}"

    def write(self, name: str, content: bytes) -> None:
        """Write an object, over one that has the name."""
        with Translating("s3"):
            self._clients.s3().put_object(
                Bucket=self.bucket, Key=self.key(name), Body=content, ChecksumSHA256=_sha256(content)
            )

    def write_new(self, name: str, content: bytes) -> bool:
        """Write an object where none has the name. False where one with other contents has it.

        One with the same contents counts as written: the reply to an earlier request may have been lost.
        """
        with Translating("s3", ignoring=THERE_ALREADY):
            self._clients.s3().put_object(
                Bucket=self.bucket,
                Key=self.key(name),
                Body=content,
                ChecksumSHA256=_sha256(content),
                IfNoneMatch="*",
            )
            return True
        return self.read(name) == content

    def read(self, name: str) -> bytes | None:
        """The contents of an object; None where there is none."""
        return self.read_key(self.key(name))

    def read_key(self, key: str) -> bytes | None:
        """The same by its whole key. S3's own checksum is compared by the SDK."""
        with Translating("s3", ignoring=NOT_THERE):
            found = self._clients.s3().get_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
            content: bytes = found["Body"].read()
            return content
        return None

    def names(self, below: str = "") -> Sequence[str]:
        """The names of the objects whose names begin so, every page, sorted."""
        prefix = self.key(below)
        pages = self._clients.s3().get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )  # fmt: skip
        skipped = len(self.key(""))
        with Translating("s3"):
            found = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sorted(key[skipped:] for key in found)


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
