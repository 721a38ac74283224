"""The actions that docs/reference.md lists for a command, and those of calls."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

REFERENCE = Path(__file__).parents[3] / "docs" / "reference.md"
# Where the name in a signature is not the prefix of IAM.
PREFIXES = {"monitoring": "cloudwatch"}
# Needs no permission: "No permissions are required to perform this operation" (AWS STS API Reference).
FREE = frozenset({"sts:GetCallerIdentity"})


def iam_actions(calls: Iterable[tuple[str, str]]) -> set[str]:
    """The actions of calls: services as signatures name them, and operations."""
    return {f"{PREFIXES.get(service, service)}:{operation}" for service, operation in calls} - FREE


def documented_commands() -> list[str]:
    """The commands in the table of permissions."""
    return re.findall(r"^\| `([^`]+)` \| .* \|$", _section(), re.MULTILINE)


def _section() -> str:
    return REFERENCE.read_text().split("## What the commands may do")[1].split("\n## ")[0]


def documented_actions(command: str) -> set[str]:
    """What the table of permissions says of a command."""
    [row] = re.findall(rf"^\| `{re.escape(command)}` \| (.*) \|$", _section(), re.MULTILINE)
    return set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", row))
