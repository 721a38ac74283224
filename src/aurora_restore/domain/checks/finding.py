"""What a check comes to: green, red, or not known, with what was seen, what it means and what repairs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora_restore.domain.errors import AccessDenied, RestoreError, SecretNotAccessible, TransientError


class Health(StrEnum):
    """UNKNOWN: it could not be looked at, which is never as good as green."""

    GREEN = "green"
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        name: what was looked at; the same in every check of the same pipeline, so that programs can compare.
        seen: what was observed, never a secret.
        means: what follows from it; empty where it is green.
        repairs: the commands that mend it, or that lead to the cause; a command that has to be completed has its
            places in capitals.
    """

    name: str
    health: Health
    seen: str
    means: str = ""
    repairs: tuple[str, ...] = ()

    def to_item(self) -> dict[str, Any]:
        """The finding as JSON shows it."""
        return {
            "name": self.name,
            "health": self.health.value,
            "seen": self.seen,
            "means": self.means,
            "repairs": list(self.repairs),
        }


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with what a check looks at: what was seen, what it means, what repairs it."""

    seen: str
    means: str
    repairs: tuple[str, ...] = ()


def green(name: str, seen: str) -> Finding:
    return Finding(name, Health.GREEN, seen)


def red(name: str, seen: str, means: str, *repairs: str) -> Finding:
    return Finding(name, Health.RED, seen, means, repairs)


def unknown(name: str, seen: str, means: str, *repairs: str) -> Finding:
    return Finding(name, Health.UNKNOWN, seen, means, repairs)


def judged(name: str, defects: Iterable[Defect], seen_well: str) -> Finding:
    """Red with all defects together, or green."""
    found = tuple(defects)
    if not found:
        return green(name, seen_well)
    return red(
        name,
        "; ".join(defect.seen for defect in found),
        " ".join(dict.fromkeys(defect.means for defect in found)),
        *dict.fromkeys(repair for defect in found for repair in defect.repairs),
    )


def not_looked_at(name: str, error: RestoreError) -> Finding:
    """A check that could not be made: where a permission is missing, it is named."""
    if isinstance(error, AccessDenied) and error.action:
        # A policy above the identity can refuse as well, so that allowing it may not be enough.
        return unknown(
            name,
            f"{error.action} was refused",
            f"Nothing is known of it: these credentials lack the permission {error.action}.",
        )
    if isinstance(error, SecretNotAccessible):
        return unknown(
            name,
            error.message,
            "Nothing is known of it: these credentials may not read the secret, which needs "
            "secretsmanager:GetSecretValue, and kms:Decrypt of its key.",
        )
    # The hint of what passes by itself speaks of steps, which are repeated.
    todo = "Check again." if isinstance(error, TransientError) else error.hint
    return unknown(name, f"{error.code}: {error.message}", f"Nothing is known of it. {todo}")


def worst(findings: Iterable[Finding]) -> Health:
    """Red where one is red; else not known where one is not; else green."""
    found = {finding.health for finding in findings}
    return next(
        (health for health in (Health.RED, Health.UNKNOWN) if health in found),
        Health.GREEN,
    )
