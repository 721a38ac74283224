"""Places in S3, as the command line is given them: `s3://bucket/prefix`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aurora_restore.cli.errors import UsageProblem

# As S3 has them (Amazon S3 User Guide, "General purpose bucket naming rules").
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")


@dataclass(frozen=True)
class Place:
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def read_place(option: str, text: str) -> Place:
    """Raises UsageProblem where the text is not such a place, or names a whole bucket."""
    found = _PLACE.fullmatch(text)
    prefix = (found[2] or "").strip("/") if found else ""
    if not found or not prefix:
        raise UsageProblem(
            f"{option} `{text}` is not a place such as s3://my-bucket/aurora-restore/2026-11-27."
        )
    return Place(found[1], prefix)
