"""RDS objects that do not become what they should: each in each status that it does not leave by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.cases import baseline
from tests.simulation.checkers import Violation, check
from tests.simulation.scenarios import BY_NAME
from tests.simulation.seeding import TARGET, TARGET_REGION
from tests.simulation.simulation import Simulation

from aurora_restore.domain.rds_statuses import (
    FAILED_CLUSTER_STATUSES,
    FAILED_CREATION_STATUSES,
    FAILED_INSTANCE_STATUSES,
    FAILED_SNAPSHOT_STATUSES,
)
from local_aurora.faults import Effect, FaultRule

ON_THEIR_WAY = frozenset({"deleting", "stopping", "stopped"})
"""What only a request brings about, and what passes or can be ended."""


@dataclass(frozen=True)
class ObjectCase:
    """What a request begins ends in a status. `times`: how often in a row (0: whenever it is tried)."""

    scenario: str
    action: str
    status: str
    identifier: str = "*"
    nth: int = 1
    times: int = 1

    def __str__(self) -> str:
        last = self.nth + self.times - 1
        often = {0: "always", 1: f"{self.nth}"}.get(self.times, f"{self.nth} to {last}")
        return f"{self.scenario}:{self.action}:{self.identifier}:{often}:{self.status}"

    def play(self) -> Simulation:
        first = baseline(self.scenario).requests[0].index
        play = baseline(self.scenario).resume(first)
        play.sim.aurora.faults.add(
            FaultRule(
                name="object",
                effect=Effect.END_AS,
                action=self.action,
                region=TARGET_REGION,
                identifier=self.identifier,
                nth=self.nth,
                times=self.times,
                status=self.status,
            )
        )
        play.go_on()
        return play.sim

    def run(self) -> list[Violation]:
        return check(self.play())


def object_cases(scenario: str) -> Iterator[ObjectCase]:
    """Whatever the scenario begins, ended in every way."""
    replaces = bool(BY_NAME[scenario].surroundings.targets)
    if not scenario.startswith("undo"):
        yield from _made(scenario)
    if replaces:
        yield from _replaced(scenario)


def _made(scenario: str) -> Iterator[ObjectCase]:
    for status in sorted(FAILED_SNAPSHOT_STATUSES):
        yield ObjectCase(scenario, "CopyDBClusterSnapshot", status)
    for status in sorted(FAILED_CLUSTER_STATUSES - ON_THEIR_WAY):
        yield ObjectCase(scenario, "RestoreDBClusterFromSnapshot", status)
    instances = 2 if BY_NAME[scenario].surroundings.targets else 1
    for status in sorted(FAILED_INSTANCE_STATUSES - ON_THEIR_WAY):
        for number in range(1, instances + 1):
            yield ObjectCase(scenario, "CreateDBInstance", status, nth=number)
    if scenario.startswith("delete-first"):
        # The second one is of the cluster that the cleanup restores in place of the old one.
        for status in sorted(FAILED_CREATION_STATUSES):
            yield ObjectCase(scenario, "CreateDBInstance", status, times=2)


def _replaced(scenario: str) -> Iterator[ObjectCase]:
    """A rename or a final snapshot that RDS takes and does not bring to its end, once and for good."""
    for times in (1, 0):
        if not scenario.startswith("delete-first"):
            yield ObjectCase(scenario, "ModifyDBCluster", "available", identifier=TARGET, times=times)
        # A kept cluster that never gets its snapshot is tried again every hour, which never comes to rest.
        if times or not scenario.startswith("keep"):
            yield ObjectCase(scenario, "CreateDBClusterSnapshot", "failed", times=times)
