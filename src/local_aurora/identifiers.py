"""Names, ARNs and ids: how RDS checks and makes them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from local_aurora.errors import AwsError, invalid_value

MAX_IDENTIFIER_LENGTH = 63
MAX_TAGS = 50
_IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_ARN = re.compile(
    r"arn:aws:(?P<service>[a-z]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}):(?P<kind>[a-z-]+)[:/](?P<name>.+)"
)


def validated_identifier(parameter: str, value: str, longest: int = MAX_IDENTIFIER_LENGTH) -> str:
    """An identifier in the lower case in which RDS stores it.

    Raises:
        AwsError: InvalidParameterValue, where RDS would refuse the name.
    """
    fits = len(value) <= longest and _IDENTIFIER.fullmatch(value)
    if not fits or value.endswith("-") or "--" in value:
        raise invalid_value(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must "
            "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens."
        )
    return value.lower()


@dataclass(frozen=True)
class Arn:
    """`arn:aws:<service>:<region>:<account>:<kind>:<name>`; a name may hold colons (`rds:…` snapshots)."""

    service: str
    region: str
    account: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{self.kind}:{self.name}"


def parse_arn(text: str) -> Arn | None:
    match = _ARN.fullmatch(text)
    return Arn(**match.groupdict()) if match else None


def rds_arn(region: str, account: str, kind: str, name: str) -> str:
    return str(Arn("rds", region, account, kind, name))


def bare_identifier(identifier_or_arn: str, kind: str) -> str:
    """What an identifier parameter names: RDS takes the name or the ARN for most of them."""
    arn = parse_arn(identifier_or_arn)
    return (arn.name if arn and arn.kind == kind else identifier_or_arn).lower()


class IdSource:
    """Resource ids as RDS spells them (26 letters and digits), the same ones for the same seed and order."""

    def __init__(self, seed: str, made: int = 0) -> None:
        self.seed = seed
        self.made = made

    def resource_id(self, prefix: str) -> str:
        # From the seed and a number, so that a run that is repeated makes the same ids.
        self.made += 1
        return f"{prefix}-{_digest(f'{self.seed}/{self.made}', 26).upper()}"


@cache
def host_suffix(account: str, region: str) -> str:
    """The part of an endpoint that is the same for every cluster of one account in one Region."""
    return f"c{_digest(f'{account}/{region}', 11).lower()}"


def _digest(text: str, length: int) -> str:
    # Base 32 has letters of one case and digits, as the ids of RDS do.
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:length]


def checked_tags(tags: list[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tags as a mapping. Only AWS itself may write keys that begin with `aws:` or `rds:`.

    Raises:
        AwsError: InvalidParameterValue for a reserved key, TagQuotaExceeded beyond fifty.
    """
    expected = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in tags or []}
    refuse_reserved_tags(expected)
    if len(expected) > MAX_TAGS:
        raise AwsError(
            "TagQuotaExceeded", f"A resource takes at most {MAX_TAGS} tags; {len(expected)} were given."
        )
    return expected


def refuse_reserved_tags(tags: Mapping[str, str]) -> None:
    reserved = [key for key in tags if key.lower().startswith(("aws:", "rds:"))]
    if reserved:
        raise invalid_value(f"Tag keys cannot start with the reserved prefix: {', '.join(sorted(reserved))}")


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
