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

from tests.fakes.border import Request
from tests.simulation.checkers import Violation, check
from tests.simulation.scenarios import BY_NAME, OPERATION, Play, Scenario, begin
from tests.simulation.simulation import Simulation
from tests.support.faults import FaultKind, Intrusion

MEANWHILE_SECONDS = 20.0


ONLY_WHERE_IT_ACTED = frozenset(
    {FaultKind.REPLY_LOST, FaultKind.DIES_AFTER, Intrusion.STOP_AFTER, Intrusion.MARK_AFTER}
)
"""After a mere look these are what they are before it."""

MARKED = frozenset({Intrusion.MARK_BEFORE, Intrusion.MARK_AFTER, Intrusion.MARK_MEANWHILE})
Trouble = FaultKind | Intrusion


@dataclass(frozen=True)
class Case:
    """One request of one scenario, and what goes wrong with it."""

    scenario: str
    index: int
    trouble: Trouble

    def __str__(self) -> str:
        return f"{self.scenario}:{self.index}:{self.trouble.value}"

    @staticmethod
    def parse(text: str) -> Case:
        scenario, index, trouble = text.rsplit(":", 2)
        kinds: tuple[Trouble, ...] = (*FaultKind, *Intrusion)
        return Case(scenario, int(index), next(kind for kind in kinds if kind.value == trouble))


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
    sim.border.notes = True
    checkpoints: list[tuple[int, bytes]] = []
    ended_at: list[int] = []

    def before_each() -> None:
        if not checkpoints or checkpoints[-1][0] != sim.border.count:
            checkpoints.append((sim.border.count, pickle.dumps(play, pickle.HIGHEST_PROTOCOL)))
        if not ended_at and OPERATION in sim.started and not sim.main_execution(OPERATION).is_running:
            ended_at.append(sim.border.count)

    play.go_on(before_each)
    requests = [request for request in sim.border.requests if request.index >= play.faults_from]
    alone_until = ended_at[0] if ended_at else sim.border.count
    last_ones = frozenset(index - 1 for index, _ in checkpoints)
    violations = [*check(sim), *_undisturbed_failure(play)]
    return Baseline(play.scenario, requests, alone_until, last_ones, checkpoints, violations)


def _undisturbed_failure(play: Play) -> Iterator[Violation]:
    """A run that is not disturbed succeeds, however late RDS is."""
    status = play.sim.records.items.get(OPERATION, {}).get("status")
    if play.scenario.steps_in is None and status != "SUCCEEDED":
        yield Violation(2, f"{OPERATION} ended {status}, although nothing had disturbed it")


def cases_of(name: str, troubles: Iterable[Trouble]) -> Iterator[Case]:
    """All cases of a scenario with some kinds of trouble, those left out that are the same as another."""
    played = baseline(name)
    return (
        Case(name, request.index, trouble)
        for trouble in troubles
        for request in played.requests
        if _differs(played, request, trouble)
    )


def _differs(played: Baseline, request: Request, trouble: Trouble) -> bool:
    if trouble in ONLY_WHERE_IT_ACTED and request.reads:
        return False
    if isinstance(trouble, FaultKind):
        return True
    if trouble in {Intrusion.STOP_AFTER, Intrusion.MARK_AFTER} and request.index not in played.last_ones:
        return False  # the same as before the next request of the function
    if trouble in MARKED and played.scenario.steps_in:
        return True  # nothing keeps a hand from a record that is being cleaned up
    return request.index < played.alone_until


def play_case(case: Case) -> Simulation:
    """Play a case to its end."""
    play = baseline(case.scenario).resume(case.index)
    sim = play.sim
    if isinstance(case.trouble, FaultKind):
        sim.border.faults[case.index] = case.trouble
    else:
        where = sim.border.after if case.trouble.value.endswith("-after") else sim.border.before
        where[case.index] = _intrusion(sim, case.trouble)
    play.go_on()
    return sim


def run_case(case: Case) -> list[Found]:
    sim = play_case(case)
    request = str(sim.border.struck[0][0]) if sim.border.struck else f"{case.index}, which was not reached"
    return [Found(case, request, violation) for violation in check(sim)]


def run_cases(cases: Iterable[Case]) -> tuple[int, list[Found]]:
    """How many cases there were, and what they found."""
    count, found = 0, []
    for case in cases:
        count += 1
        found += run_case(case)
    return count, found


def _intrusion(sim: Simulation, intrusion: Intrusion) -> Callable[[], None]:
    doing = intrusion.value.split("-")[0]

    def intrude() -> None:
        if doing == "stop":
            sim.stop(OPERATION)
        elif doing == "mark":
            sim.mark_failed_by_hand(OPERATION)
        else:
            sim.time_out(OPERATION)
        if intrusion.value.endswith("-meanwhile"):
            sim.meanwhile(MEANWHILE_SECONDS)

    return intrude
