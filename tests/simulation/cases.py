"""The enumeration: every request of a kind of run, with every fault there is for it.

A scenario is played once without a fault, with a checkpoint before everything that happens. Each case then goes
on from the last checkpoint before its request.
"""

from __future__ import annotations

import functools
import pickle
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from tests.fakes.fault_injector import Request
from tests.simulation.checkers import Violation, check
from tests.simulation.scenarios import BY_NAME, OPERATION, Play, Scenario, begin, interrupt
from tests.simulation.simulation import Simulation
from tests.support.faults import FaultKind, RequestInterruption

MEANWHILE_SECONDS = 20.0


ONLY_WHERE_IT_ACTED = frozenset(
    {
        FaultKind.REPLY_LOST,
        FaultKind.DIES_AFTER,
        RequestInterruption.STOP_AFTER,
        RequestInterruption.MARK_AFTER,
    }
)
"""After a mere look these are what they are before it."""

MARKED = frozenset(
    {RequestInterruption.MARK_BEFORE, RequestInterruption.MARK_AFTER, RequestInterruption.MARK_MEANWHILE}
)
Disturbance = FaultKind | RequestInterruption


@dataclass(frozen=True)
class Case:
    """One request of one scenario, and what goes wrong with it."""

    scenario: str
    index: int
    disturbance: Disturbance

    def __str__(self) -> str:
        return f"{self.scenario}:{self.index}:{self.disturbance.value}"

    @staticmethod
    def parse(text: str) -> Case:
        scenario, index, disturbance = text.rsplit(":", 2)
        kinds: tuple[Disturbance, ...] = (*FaultKind, *RequestInterruption)
        return Case(scenario, int(index), next(kind for kind in kinds if kind.value == disturbance))


@dataclass(frozen=True)
class Found:
    """A case that did not go well."""

    case: Case
    request: str
    violation: Violation

    def __str__(self) -> str:
        return (
            f"{self.violation}\n    at request {self.request}; "
            f"again: python -m tests.simulation --case {self.case}"
        )


@dataclass(frozen=True)
class Baseline:
    """A scenario without a fault.

    `requests`: those that a fault can meet; `alone_until`: the first index after the end of the main execution;
    `last_ones`: the last request of each function.
    """

    scenario: Scenario
    requests: Sequence[Request]
    alone_until: int
    last_ones: frozenset[int]
    checkpoints: Sequence[tuple[int, bytes]]
    violations: Sequence[Violation]

    def resume(self, index: int) -> Play:
        """The play at the last checkpoint before a request."""
        place = bisect_right(self.checkpoints, index, key=lambda checkpoint: checkpoint[0])
        return cast("Play", pickle.loads(self.checkpoints[place - 1][1]))  # noqa: S301 - our own


@functools.cache
def baseline(name: str) -> Baseline:
    """Play a scenario without a fault, once a process."""
    play = begin(BY_NAME[name])
    sim = play.sim
    sim.injector.notes = True
    checkpoints: list[tuple[int, bytes]] = []
    ended_at: list[int] = []

    def before_each() -> None:
        if not checkpoints or checkpoints[-1][0] != sim.injector.count:
            checkpoints.append((sim.injector.count, pickle.dumps(play, pickle.HIGHEST_PROTOCOL)))
        if not ended_at and OPERATION in sim.started and not sim.main_execution(OPERATION).is_running:
            ended_at.append(sim.injector.count)

    play.go_on(before_each)
    requests = [request for request in sim.injector.requests if request.index >= play.faults_from]
    alone_until = ended_at[0] if ended_at else sim.injector.count
    last_ones = frozenset(index - 1 for index, _ in checkpoints)
    violations = [*check(sim), *_undisturbed_failure(play)]
    return Baseline(play.scenario, requests, alone_until, last_ones, checkpoints, violations)


def _undisturbed_failure(play: Play) -> Iterator[Violation]:
    """A run that is not disturbed succeeds, however late RDS is."""
    status = play.sim.records.items.get(OPERATION, {}).get("status")
    if play.scenario.interruption is None and status != "SUCCEEDED":
        yield Violation(2, f"{OPERATION} ended {status}, although nothing had disturbed it")


def cases_of(name: str, disturbances: Iterable[Disturbance]) -> Iterator[Case]:
    """All cases of a scenario with some kinds of disturbance, those left out that are the same as another."""
    played = baseline(name)
    return (
        Case(name, request.index, disturbance)
        for disturbance in disturbances
        for request in played.requests
        if _differs(played, request, disturbance)
    )


def _differs(played: Baseline, request: Request, disturbance: Disturbance) -> bool:
    if disturbance in ONLY_WHERE_IT_ACTED and request.reads:
        return False
    if isinstance(disturbance, FaultKind):
        return True
    if (
        disturbance in {RequestInterruption.STOP_AFTER, RequestInterruption.MARK_AFTER}
        and request.index not in played.last_ones
    ):
        return False  # the same as before the next request of the function
    if disturbance in MARKED and played.scenario.interruption:
        return True  # nothing keeps a hand from a record that is being cleaned up
    return request.index < played.alone_until


def play_case(case: Case) -> Simulation:
    """Play a case to its end."""
    play = baseline(case.scenario).resume(case.index)
    sim = play.sim
    if isinstance(case.disturbance, FaultKind):
        sim.injector.faults[case.index] = case.disturbance
    else:
        where = sim.injector.after if case.disturbance.value.endswith("-after") else sim.injector.before
        where[case.index] = _interruption(sim, case.disturbance)
    play.go_on()
    return sim


def run_case(case: Case) -> list[Found]:
    sim = play_case(case)
    request = str(sim.injector.hits[0][0]) if sim.injector.hits else f"{case.index}, which was not reached"
    return [Found(case, request, violation) for violation in check(sim)]


def run_cases(cases: Iterable[Case]) -> tuple[int, list[Found]]:
    """How many cases there were, and what they found."""
    count, found = 0, []
    for case in cases:
        count += 1
        found += run_case(case)
    return count, found


def _interruption(sim: Simulation, interruption: RequestInterruption) -> Callable[[], None]:
    def act() -> None:
        interrupt(sim, interruption.kind, OPERATION)
        if interruption.value.endswith("-meanwhile"):
            sim.meanwhile(MEANWHILE_SECONDS)

    return act
