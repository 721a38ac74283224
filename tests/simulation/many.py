"""Many random runs, in several processes: their figures, and what was wrong with them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence

from tests.simulation.checkers import INVARIANTS, check
from tests.simulation.random_runs import RandomRun, virtual_hours

CHUNK = 5
Counted = tuple[Mapping[str, int], Sequence[str]]


def played(runs: Sequence[RandomRun], processes: int) -> Iterator[Counted]:
    if processes < 2:
        yield from map(play_and_count, runs)
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(play_and_count, runs, CHUNK)


def play_and_count(run: RandomRun) -> Counted:
    """One run: its figures, and what was wrong with it, in words."""
    sim = run.play()
    violations = check(sim)
    figures = {
        "runs": 1,
        "operations": len(sim.started),
        "requests to AWS": sim.injector.count,
        "faults injected": len(sim.injector.hits),
        "virtual hours": round(virtual_hours(sim)),
        "invariants checked": len(INVARIANTS),
        "violations": len(violations),
    }
    return figures, [f"{violation}\n    again: {run}" for violation in violations]
