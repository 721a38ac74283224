"""What a step hands back to the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aurora_restore.domain.results import StepResult


@dataclass(frozen=True)
class Event:
    """Something that was done, for the audit trail."""

    name: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepOutcome:
    """The result, what the record is to say besides, and what goes into the audit trail."""

    result: StepResult
    changes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
