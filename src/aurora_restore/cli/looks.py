"""Ports through which costs learn what no plan holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aurora_restore.domain.checks.surroundings import StackSeen


class VolumeSizes(Protocol):
    def bytes_used(self, region: str, db_cluster_identifier: str, at: datetime) -> float | None: ...


class Stacks(Protocol):
    def stack(self, name: str) -> StackSeen | None: ...


@dataclass(frozen=True)
class Looks:
    """Where what a plan does not hold comes from."""

    volumes: VolumeSizes
    deployed: Stacks
    stack_name: str
