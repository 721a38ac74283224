"""Whole days of an account at random: several operations at once, all faults together, hands that step in.

Everything follows from the seed and the number of the run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.seeding import MYSQL, POSTGRESQL, START, TUNED, Surroundings, day_of, request
from tests.simulation.simulation import Simulation
from tests.states_language.scheduler import seeded_random
from tests.support.faults import EventFault, FaultKind

from local_aurora.faults import Effect, FaultRule
from local_aurora.timing import Durations

TARGETS = tuple(f"aurora-restored-{name}" for name in ("orders", "stock", "mail", "search"))
DAYS = 4
REQUESTS_WITH_FAULTS = 20_000
EVENTS_WITH_FAULTS = 40
FAULT_SHARES = (0.0, 0.002, 0.01, 0.04)
FAULT_WEIGHTS: Mapping[FaultKind, int] = {
    FaultKind.THROTTLED: 8,
    FaultKind.UNAVAILABLE: 4,
    FaultKind.REPLY_LOST: 4,
    FaultKind.DIES_BEFORE: 2,
    FaultKind.DIES_AFTER: 2,
    FaultKind.DENIED: 1,
}
PACES = ((1.0, 8.0), (20.0, 600.0), (600.0, 20_000.0))
"""How long RDS takes for things, in seconds: from, to."""


CONTRARY_WAYS = {
    "status_lag": 900.0,
    "name_release": 300.0,
    "busy_after_creation": 900.0,
    "describe_lag": 10.0,
    "first_instance_lag": 600.0,
    "parameter_group_completion": 300.0,
    "parameter_group_pending": 300.0,
    "parameter_status_lag": 60.0,
    "parameter_applying": 60.0,
}
"""How late RDS is at most, in seconds; every second run is without each of them."""


@dataclass(frozen=True)
class RandomRun:
    """One run; `play` gives the account at its end."""

    seed: int
    number: int

    def __str__(self) -> str:
        return f"python -m tests.simulation --seed {self.seed} --run {self.number}"

    def play(self) -> Simulation:
        author = Author(seeded_random(f"{self.seed}/{self.number}"))
        return author.play()


class Author:
    """Thinks up a run, and plays it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        existing = tuple(target for target in TARGETS if random.random() < 0.6)
        scaled, tuned = bool(existing) and random.random() < 0.5, random.random() < 0.4
        engine = MYSQL if random.random() < 0.3 else POSTGRESQL
        surroundings = Surroundings(existing, DAYS, scaled=scaled, tuned=tuned, engine=engine)
        self.tuned = tuned
        self.sim = Simulation(surroundings, random.getrandbits(32), self._durations())
        self.sim.aurora.set_habits(
            {
                "scalable_target_lost_without_cluster": random.random() < 0.3,
                "default_groups_need_a_cluster": random.random() < 0.5,
            }
        )
        self.span = random.choice((120.0, 3600.0, 20_000.0))
        self.operations: list[str] = []

    def play(self) -> Simulation:
        self._spoil_requests()
        self._spoil_events()
        self._spoil_objects()
        for number in range(self.random.randint(1, 7)):
            self._plan_operation(number)
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            self._at_some_time(functools.partial(self.sim.clock.advance, self.random.uniform(1, 10_000)))
        self.sim.run()
        self.sim.run_for(self.random.choice((0.0, 3600.0, 30 * 3600.0)))
        self.sim.run()
        return self.sim

    def _durations(self) -> Durations:
        shortest, longest = self.random.choice(PACES)
        drawn = {name: self.random.uniform(shortest, longest) for name in Durations.__dataclass_fields__}
        contrary = {
            name: self.random.choice((0.0, self.random.uniform(0, longest_lag)))
            for name, longest_lag in CONTRARY_WAYS.items()
        }
        return Durations(**drawn | contrary)

    def _at_some_time(self, action: Callable[[], None]) -> None:
        self.sim.scheduler.after(self.random.uniform(0, self.span), action)

    def _plan_operation(self, number: int) -> None:
        operation_id = f"restore-202306{15 - number % DAYS:02d}-{number:06d}"
        asked = self._request()
        self.operations.append(operation_id)
        self._at_some_time(functools.partial(self._start, operation_id, asked))
        if self.random.random() < 0.35:
            how = self.random.choice((self.sim.stop, self.sim.mark_failed_by_hand, self.sim.time_out))
            interrupt = functools.partial(self._interrupt, how, operation_id)
            if self.random.random() < 0.5:
                self._at_some_time(interrupt)
            else:
                where = self.random.choice((self.sim.injector.before, self.sim.injector.after))
                where[self.random.randrange(100 + 250 * (number + 1))] = interrupt

    def _request(self) -> dict[str, Any]:
        if self.operations and self.random.random() < 0.15:
            return {"undo_operation_id": self.random.choice(self.operations)}
        changes: dict[str, Any] = {
            "target_cluster_id": self.random.choice(TARGETS),
            "source_snapshot_date": day_of(self.random.randrange(DAYS)),
        }
        if self.random.random() < 0.75:
            changes["delete_cluster_if_exists"] = True
            changes |= self.random.choice(
                (
                    {},
                    {},
                    {"replace_strategy": "delete_first"},
                    {"keep_replaced_hours": self.random.randint(1, 24)},
                    {"keep_replaced_hours": self.random.randint(25, 168), "final_snapshot": False},
                )
            )
        if self.random.random() < 0.1:
            changes["dry_run"] = True
        if self.random.random() < 0.15:
            changes["quiet_start"] = False
        if self.tuned and self.random.random() < 0.3:
            changes["db_cluster_parameter_group_name"] = TUNED
        return request(**changes)

    def _start(self, operation_id: str, asked: Mapping[str, Any]) -> None:
        self.sim.start(operation_id, asked)

    def _interrupt(self, how: Callable[[str], None], operation_id: str) -> None:
        if operation_id in self.sim.started:
            how(operation_id)

    def _spoil_requests(self) -> None:
        share = self.random.choice(FAULT_SHARES)
        kinds, weights = list(FAULT_WEIGHTS), list(FAULT_WEIGHTS.values())
        for index in range(REQUESTS_WITH_FAULTS):
            if self.random.random() < share:
                self.sim.injector.faults[index] = self.random.choices(kinds, weights)[0]

    def _spoil_events(self) -> None:
        for number in range(1, EVENTS_WITH_FAULTS):
            if self.random.random() < 0.4:
                self.sim.event_faults[number] = self.random.choice(list(EventFault))

    def _spoil_objects(self) -> None:
        """Now and then something does not become what it should; of what is put back, an instance at most."""
        rules = (
            ("CopyDBClusterSnapshot", "*", "failed"),
            ("RestoreDBClusterFromSnapshot", "*-new", "migration-failed"),
            ("CreateDBInstance", "*-[0-9]", "incompatible-network"),
            ("CreateDBClusterSnapshot", "*", "failed"),
        )
        if self.random.random() < 0.25:
            action, identifier, status = self.random.choice(rules)
            nth = self.random.randint(1, 3)
            self.sim.aurora.faults.add(
                FaultRule("object", Effect.END_AS, action, identifier=identifier, status=status, nth=nth)
            )


def virtual_hours(sim: Simulation) -> float:
    return (sim.clock.now() - START).total_seconds() / 3600
